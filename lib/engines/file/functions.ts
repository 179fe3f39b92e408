/**
 * The chronicle as plain functions, for callers that keep no handle. Calls for the same path and options share one
 * open chronicle, and so one batch; it is closed when nobody has used it for a while.
 */
import { checkOptions, type FilePath, toNativePath } from '../../base/arguments.js';
import { isMissing } from '../../base/errors.js';
import { type Chronicle, openChronicle, toLine } from '../../chronicle/chronicle.js';
import {
  type ChronicleOptions,
  checkChronicleOptions,
  checkReadOptions,
  type ReadOptions,
} from '../../chronicle/options.js';
import type { JsonObject } from '../../event/line.js';
import type { AppendResult } from './append/appender.js';
import { readBatches, readTail } from './read/read.js';

/** How long an open chronicle is kept without use, in milliseconds. */
const linger = 1000;

interface Shared {
  readonly chronicle: Promise<Chronicle<object>>;
  users: number;
  timer?: NodeJS.Timeout;
}

const shared = new Map<string, Shared>();

/**
 * Appends one event; see {@link Chronicle.append}. A number in place of the options is the lock timeout in
 * milliseconds.
 */
export function appendEvent<T extends object>(
  path: FilePath,
  event: T,
  options?: ChronicleOptions | number,
): Promise<AppendResult> {
  return appendShared(path, event, typeof options === 'number' ? { lockTimeout: options } : options);
}

/** As {@link appendEvent}; an event that carries no id always gets one. */
export async function appendEventWithId<T extends object>(
  path: FilePath,
  event: T,
  options?: Omit<ChronicleOptions, 'computeId'> | number,
): Promise<AppendResult & { readonly eventId: string }> {
  const given = typeof options === 'number' ? { lockTimeout: options } : options;
  const result = await appendEvent(path, event, { ...checkOptions(given), computeId: true });
  return result as AppendResult & { readonly eventId: string };
}

/** All events of a file, in its order. A file that does not exist holds none. */
export async function readChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: ReadOptions,
): Promise<T[]> {
  const events: T[] = [];
  const batches = readBatches<T>(toNativePath(path, 'path'), checkReadOptions(options));
  await orMissing(async () => {
    for await (const entries of batches) for (const { event } of entries) events.push(event);
  });
  return events;
}

/** The last `count` events of a file, in its order. A file that does not exist holds none. */
export async function tailChronicle<T extends object = JsonObject>(
  path: FilePath,
  count = 10,
  options?: ReadOptions,
): Promise<T[]> {
  const nativePath = toNativePath(path, 'path');
  const settings = checkReadOptions(options);
  const entries = await orMissing(() => readTail<T>(nativePath, settings, count));
  return (entries ?? []).map(({ event }) => event);
}

/** Undefined where the file does not exist. */
export async function orMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function appendShared(
  path: FilePath,
  event: object,
  options: ChronicleOptions | undefined,
): Promise<AppendResult> {
  const nativePath = toNativePath(path, 'path');
  const checked = checkChronicleOptions(options);
  // Now, not when the file is open: an event that is refused makes no file, and one that its caller changes later is
  // written as it was at the call.
  const line = toLine(event, 'event', checked);
  if (line.validation) await line.validation;
  // The schema has done its part.
  const { onCorrupt: _, schema: __, ...settings } = checked;
  const key = JSON.stringify([nativePath, Object.entries(settings)]);
  let entry = shared.get(key);
  if (!entry) {
    entry = { chronicle: openChronicle(nativePath, { ...options, schema: undefined }), users: 0 };
    shared.set(key, entry);
  }
  entry.users++;
  clearTimeout(entry.timer);
  // One that could not be opened, or that a failed sync has poisoned, is not used again.
  let usable = false;
  try {
    const chronicle = await entry.chronicle;
    try {
      return await chronicle.appendLine(line);
    } finally {
      usable = !chronicle.isBroken;
    }
  } finally {
    if (!usable && shared.get(key) === entry) shared.delete(key);
    const { chronicle } = entry;
    if (--entry.users === 0) {
      const close = () => {
        if (shared.get(key) === entry) shared.delete(key);
        chronicle.then(
          (opened) => opened.close(),
          () => {},
        );
      };
      if (shared.get(key) === entry) entry.timer = setTimeout(close, linger).unref();
      else close();
    }
  }
}
