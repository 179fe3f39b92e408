/**
 * The chronicle as plain functions, for callers that keep no handle. Appends with the same path and options
 * share one open chronicle, and so one batch.
 */
import { checkOptions, type FilePath, toNativePath } from '../../base/arguments.js';
import { isMissing } from '../../base/errors.js';
import { arrayOf } from '../../chronicle/batches.js';
import {
  checkFilesOption,
  checkReadRange,
  checkTail,
  type FilesOption,
  filesOptionNames,
} from '../../chronicle/call-options.js';
import {
  type ChronicleOptions,
  checkChronicleOptions,
  checkReadOptions,
  type ReadOptions,
  type Settings,
} from '../../chronicle/options.js';
import type { AppendResult, IdentifiedResult, Recorded } from '../../chronicle/results.js';
import { lineOfEvent } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import type { FileEngine } from './file-engine.js';
import { readBatches } from './read/read.js';
import { SharedChronicles } from './shared-chronicles.js';

const shared = new SharedChronicles();

/**
 * Appends one event; see {@link Chronicle.append}. A number in place of the options is the lock timeout in
 * milliseconds. Calls for one path with the same options share an open chronicle, and so a batch.
 *
 * @example
 *   await appendEvent('orders.ndjson', { type: 'order', number: 17 }, { durability: 'full' });
 */
export function appendEvent<T extends object>(
  path: FilePath,
  event: T,
  options?: ChronicleOptions | number,
): Promise<AppendResult> {
  return appendShared(path, event, typeof options === 'number' ? { lockTimeout: options } : options);
}

/**
 * As {@link appendEvent}; an event that carries no id always gets one.
 *
 * @example
 *   const { eventId } = await appendEventWithId('orders.ndjson', { type: 'order', number: 17 });
 */
export async function appendEventWithId<T extends object>(
  path: FilePath,
  event: T,
  options?: Omit<ChronicleOptions, 'computeId'> | number,
): Promise<IdentifiedResult> {
  const given = typeof options === 'number' ? { lockTimeout: options } : options;
  const result = await appendEvent(path, event, { ...checkOptions(given), computeId: true });
  return result as IdentifiedResult;
}

/**
 * All events of a chronicle, in its order: of its rotated files and of the one that is written. One that does not
 * exist holds none.
 *
 * @example
 *   const orders = await readChronicle<{ number: number }>('orders.ndjson');
 */
export async function readChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: ReadOptions & FilesOption,
): Promise<Recorded<T>[]> {
  const events: Recorded<T>[] = [];
  const given = checkOptions(options);
  const batches = readBatches(
    toNativePath(path, 'path'),
    checkReadOptions(given, filesOptionNames),
    checkReadRange({ files: checkFilesOption(given) }),
  );
  await orMissing(async () => {
    for await (const entries of batches) for (const { event } of entries) events.push(event as Recorded<T>);
  });
  return events;
}

/**
 * The last `count` events of a chronicle, in its order, those of rotated files too. One that does not exist holds
 * none. Costs what they hold, not what the files hold.
 *
 * @example
 *   const [last] = await tailChronicle('orders.ndjson', 1);
 */
export async function tailChronicle<T extends object = JsonObject>(
  path: FilePath,
  count = 10,
  options?: ReadOptions & FilesOption,
): Promise<Recorded<T>[]> {
  const nativePath = toNativePath(path, 'path');
  const given = checkOptions(options);
  const settings = checkReadOptions(given, filesOptionNames);
  const batches = readBatches(nativePath, settings, checkTail(count, checkFilesOption(given)));
  const entries = await orMissing(() => arrayOf(batches));
  return (entries ?? []).map(({ event }) => event as Recorded<T>).reverse();
}

/** Undefined if the file does not exist. */
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
  const settings = checkChronicleOptions(options);
  // Now, not when the file is open: an event that is refused makes no file, and one that its caller changes
  // later is written as it was at the call.
  const line = lineOfEvent(event, 'event', settings);
  if (line.validation) await line.validation;
  // The schema has done its part, and nothing is read: such options need not be the same.
  const appending: Settings = { ...settings, schema: undefined, onCorrupt: 'skip' };
  const append = (engine: FileEngine) =>
    new Promise<AppendResult>((resolve, reject) => engine.append(line, undefined, resolve, reject));
  return shared.use(nativePath, appending, append);
}
