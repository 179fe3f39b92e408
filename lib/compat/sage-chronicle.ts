/**
 * `holdfast/sage-chronicle`: the functions of @sage/chronicle, on top of holdfast's chronicle.
 */
import { checkInteger, checkOptions, checkTimeout, describe, toNativePath } from '../base/arguments.js';
import { HoldfastError, invalid, ioError, isMissing } from '../base/errors.js';
import { checkReadRange } from '../chronicle/call-options.js';
import { OneByOne } from '../chronicle/one-by-one.js';
import { type ChronicleOptions, checkChronicleOptions } from '../chronicle/options.js';
import type { AppendResult } from '../chronicle/results.js';
import * as chronicle from '../engines/file/functions.js';
import { orMissing } from '../engines/file/functions.js';
import { openChronicle } from '../engines/file/open-chronicle.js';
import { readBatches } from '../engines/file/read/read.js';
import { rewriteChronicle, type Selection } from '../engines/file/upkeep/rewrite.js';
import { computedId, idOf, idOfJson } from '../event/event-id.js';
import { toJson } from '../event/event-line.js';
import type { JsonObject } from '../event/line.js';
import type { FileLock } from '../lock/file-lock.js';
import { lock } from '../lock/lock.js';
import { type ChronicleEventBase, checkEnvelope, checkText } from './envelope.js';

export type { Actor, ChronicleEventBase } from './envelope.js';

/** A path that ends in `.sage`, without `..`. */
export type ChroniclePath = string;

/** An event as it is read: the envelope, and the fields of its type. */
export type ChronicleEvent = ChronicleEventBase & { [field: string]: unknown };

/** How an event is appended. */
export interface AppendOptions {
  /** Give an event without `eventId` one: the SHA-256 of its canonical JSON. Default: true. */
  computeId?: boolean | undefined;
  /** How long to wait for the chronicle's lock, in milliseconds. Default: 2000. */
  lockTimeoutMs?: number | undefined;
}

/** Where ids are looked for. */
export interface DuplicateCheckOptions {
  /** How many of the last events are compared. Default: 10,000, as in an append. */
  windowSize?: number | undefined;
  /** Compare all events. Default: false. */
  useIndex?: boolean | undefined;
}

const idKey = 'eventId';
const window = 10_000;
const defaultLockTimeout = 2000;

/** Returns the path. Throws `EVALIDATION` if it does not end in `.sage`, or contains `..`. */
export function validateChroniclePath(path: string): ChroniclePath {
  if (typeof path !== 'string') throw invalid('path', `expected a string, got ${describe(path)}`);
  if (!path.endsWith('.sage')) throw invalid('path', `must end in .sage, got ${describe(path)}`);
  if (path.includes('..')) throw invalid('path', `must not hold .., got ${describe(path)}`);
  toNativePath(path, 'path');
  return path;
}

/**
 * Appends an event. When this resolves, it is in the file and synced; one whose id is among the last 10,000
 * is not written again. An `eventId` that the event carries is kept.
 *
 * @param options a number is `lockTimeoutMs`
 * @throws `EVALIDATION` with the field of the envelope that is wrong, `ELOCK_TIMEOUT`, `EIO`
 * @example
 *   const actor = { agent: 'guardian', id: 'src/user.ts' };
 *   await sage.appendEvent('src/user.ts.sage', { type: 'PLAN_APPROVED', timestamp: new Date().toISOString(), actor });
 */
export async function appendEvent<T extends ChronicleEventBase>(
  path: ChroniclePath,
  event: T,
  options?: number | AppendOptions,
): Promise<AppendResult> {
  const settings = checkAppend(path, options);
  checkEnvelope(event);
  return chronicle.appendEvent(path, event, settings);
}

/** As {@link appendEvent}, for an event that carries its `eventId`; one that does not is `EVALIDATION`. */
export async function appendEventWithId<T extends ChronicleEventBase>(
  path: ChroniclePath,
  event: T,
  options?: number | AppendOptions,
): Promise<AppendResult> {
  const settings = checkAppend(path, options);
  checkText(checkEnvelope(event)[idKey], `event.${idKey}`);
  return chronicle.appendEvent(path, event, settings);
}

function checkAppend(path: ChroniclePath, options: number | AppendOptions | undefined): ChronicleOptions {
  validateChroniclePath(path);
  const given = typeof options === 'number' ? { lockTimeoutMs: options } : checkOptions(options);
  const { computeId = true, lockTimeoutMs = defaultLockTimeout } = given;
  return {
    computeId,
    lockTimeout: checkTimeout(lockTimeoutMs, 'lockTimeoutMs'),
    dedupe: { window },
  };
}

/**
 * All events, in the order of the file. A file that does not exist holds none.
 *
 * @example
 *   const events = await sage.readChronicle('src/user.ts.sage');
 */
export async function readChronicle<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
): Promise<T[]> {
  return chronicle.readChronicle<T>(validateChroniclePath(path));
}

/** The last `n` events, in the order of the file. */
export async function tailChronicle<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
  n = 10,
): Promise<T[]> {
  return chronicle.tailChronicle<T>(validateChroniclePath(path), checkInteger(n, 'n', 0));
}

/** What an event's id is computed from: the event as JSON writes it, without its `eventId`. */
export function canonicalizeEvent(event: object): JsonObject {
  const { [idKey]: _, ...rest } = JSON.parse(toJson(event, 'event')) as JsonObject;
  return rest;
}

/** The lowercase hex SHA-256 of the canonical JSON (RFC 8785) of {@link canonicalizeEvent}. */
export async function computeEventId(event: object): Promise<string> {
  return idOfJson(JSON.stringify(canonicalizeEvent(event)), 'event');
}

/**
 * Whether the event carries the id that would be computed for it.
 *
 * @example
 *   if (!(await sage.verifyEventId(event))) console.error('somebody has changed it');
 */
export async function verifyEventId(event: object): Promise<boolean> {
  const written = JSON.parse(toJson(event, 'event')) as JsonObject;
  const id = idOf(written, idKey);
  return id !== undefined && id === computedId(written, idKey);
}

/** Whether an event with this id is among the last ones. */
export async function isDuplicateEvent(
  path: ChroniclePath,
  eventId: string,
  options?: DuplicateCheckOptions,
): Promise<boolean> {
  checkText(eventId, 'eventId');
  return (await batchCheckDuplicates(path, [eventId], options)).get(eventId) === true;
}

/**
 * For each id whether an event with it is among the last ones. The file is read once, from its end.
 *
 * @example
 *   const found = await sage.batchCheckDuplicates('src/user.ts.sage', ['one', 'two'], { windowSize: 500 });
 *   console.log(found.get('one'));
 */
export async function batchCheckDuplicates(
  path: ChroniclePath,
  eventIds: readonly string[],
  options?: DuplicateCheckOptions,
): Promise<Map<string, boolean>> {
  validateChroniclePath(path);
  const { windowSize = window, useIndex = false } = checkOptions(options);
  const limit = useIndex ? Number.MAX_SAFE_INTEGER : checkInteger(windowSize, 'windowSize', 0);
  const found = new Map<string, boolean>();
  if (!Array.isArray(eventIds)) throw invalid('eventIds', `expected an array, got ${describe(eventIds)}`);
  for (const [index, id] of eventIds.entries()) {
    checkText(id, `eventIds[${index}]`);
    found.set(id, false);
  }
  let missing = found.size;
  const settings = { ...checkChronicleOptions(undefined), onCorrupt: 'skip' } as const;
  const query = checkReadRange({ reverse: true, limit });
  const entries = new OneByOne(readBatches(toNativePath(path, 'path'), settings, query));
  await orMissing(async () => {
    for await (const { event } of entries) {
      if (missing === 0) break;
      const id = idOf(event, idKey);
      if (id === undefined || found.get(id) !== false) continue;
      found.set(id, true);
      missing--;
    }
  });
  return found;
}

/**
 * Removes each event that has the id of the event before it, while others keep appending, and resolves to
 * their number. The file is replaced atomically, under the writers' lock; every other line stays as it is,
 * byte for byte.
 *
 * @throws `ELOCK_TIMEOUT`, `EIO`; the file is as it was then, unless `outcomeUnknown` is set
 */
export async function deduplicateConsecutiveEvents(path: ChroniclePath): Promise<number> {
  const nativePath = toNativePath(validateChroniclePath(path), 'path');
  const settings = checkChronicleOptions(undefined);
  let removed = 0;
  const begin = (): Selection => {
    let last: string | undefined;
    removed = 0;
    return {
      keepsEvent({ event }) {
        const id = idOf(event, idKey);
        const repeats = id !== undefined && id === last;
        last = id;
        if (repeats) removed++;
        return !repeats;
      },
    };
  };
  const rewritten = await orMissing(() => rewriteChronicle(nativePath, settings, begin));
  return rewritten ? removed : 0;
}

/**
 * Takes the lock that every append takes: until `release()`, no process appends. An append made meanwhile, by
 * the holder too, waits, and rejects with `ELOCK_TIMEOUT` at its deadline.
 *
 * @param timeoutMs how long to wait, in milliseconds; 0: one try
 * @throws `ELOCK_TIMEOUT`, `EIO`
 * @example
 *   const held = await sage.acquireLock('src/user.ts.sage', 5000);
 *   await held.release();
 */
export async function acquireLock(
  path: ChroniclePath,
  timeoutMs: number = defaultLockTimeout,
): Promise<FileLock> {
  validateChroniclePath(path);
  const timeout = checkTimeout(timeoutMs, 'timeoutMs');
  for (;;) {
    try {
      return await lock(path, { timeout, create: false });
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      if (!isMissing(error)) throw ioError(error, path);
    }
    // The file and its directories are made as by the first append (C9).
    await (await openChronicle(path)).close();
  }
}

/** Does nothing, and is kept for its callers: a lock that the kernel holds ends with its holder. */
export async function cleanStaleLocks(_path?: ChroniclePath): Promise<void> {}
