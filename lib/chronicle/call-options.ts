/**
 * One subject, the options of single calls of a chronicle: their types, and how they are checked and filled in.
 */
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  describe,
} from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import { checkFence } from '../base/fence.js';
import type { Fence, FencedLock } from '../base/lock-holder.js';
import { isLink } from '../event/chain-link.js';
import type { OnGap } from '../event/gap.js';
import { checkWhere, type Where } from '../event/where.js';
import type { Position, Progress } from './results.js';

/**
 * Options of {@link Chronicle.append} and its kin.
 *
 * @example
 *   const [last] = await chronicle.tail(1);
 *   await chronicle.append({ type: 'order' }, { ifEnd: last?.next ?? 0 });
 */
export interface AppendOptions {
  /**
   * Append only if the chronicle ends here: at the `next` of the last event that the caller knows, or 0. Else
   * `ECONFLICT`, whose `end` is the true end. An event that is in the chronicle already is acknowledged as a
   * duplicate, wherever the chronicle ends. In bytes. Default: append wherever it ends.
   */
  ifEnd?: Position | undefined;
  /**
   * Append only if nobody was given this lock since, so that a holder that was paused can do no harm; else `EFENCED`.
   * The lock has no new holder before the append is durable, so that he sees it. On a file: a `FileLock` that was taken
   * with `fence: true`; on PostgreSQL: a lock of the same schema; or what was stored of its `path` and `fence`.
   * Default: append whoever holds a lock.
   */
  fence?: Fence | FencedLock | undefined;
}

/**
 * What is to be read: the options of {@link Chronicle.read} and its kin.
 *
 * @example
 *   for await (const { event } of chronicle.read({ where: { type: 'order' }, reverse: true, limit: 10 }))
 *     console.log(event);
 */
export interface ReadRange {
  /**
   * Only events at this offset or after it: the `next` of the last event that was read. In bytes, of one file: it
   * does not go together with rotation, unless `files` is `'current'`; `after` does. Default: 0.
   */
  from?: Position | undefined;
  /** Only events before this offset. Likewise. Default: the end. */
  to?: Position | undefined;
  /** At most this many events. Default: all. */
  limit?: number | undefined;
  /** The last event first. Default: false. */
  reverse?: boolean | undefined;
  /** Only events whose own properties have these values: `{ type: 'order' }`. Default: all. */
  where?: Where | undefined;
  /** Only events after this one: the `position` of an entry that was read once. Default: from the beginning. */
  after?: string | undefined;
  /** What to do where events after that position are gone. Default: `'throw'`, which is `EGAP`. */
  onGap?: OnGap | undefined;
  /** Rotated files too, or only the file that is written. Default: `'all'`. */
  files?: WhichFiles | undefined;
}

/** Rotated files too, or only the file that is written. */
export type WhichFiles = 'all' | 'current';

/**
 * Options of {@link Chronicle.tail} and {@link Chronicle.find}.
 *
 * @example
 *   const [last] = await chronicle.tail(1, { files: 'current' });
 */
export interface FilesOption {
  /** Rotated files too, or only the file that is written. Default: `'all'`. */
  files?: WhichFiles | undefined;
}

/**
 * Options of {@link Chronicle.files}.
 *
 * @example
 *   for (const { path, ignored } of await chronicle.files({ ignored: true })) if (ignored) console.log(path, ignored);
 */
export interface ListOptions {
  /** Also those that are only called like rotated files, and are no part of the chronicle. Default: false. */
  ignored?: boolean | undefined;
}

/**
 * Options of {@link Chronicle.follow}.
 *
 * @example
 *   for await (const { event } of chronicle.follow({ from: 'end', signal: AbortSignal.timeout(60_000) }))
 *     console.log(event);
 */
export interface FollowOptions {
  /**
   * Only events at this offset or after it, or `'end'`: only what is appended from now on, and a last line
   * that is not finished yet. In bytes, of one file: it does not go together with rotation; `after` does. An offset
   * after the end is that of a file which was truncated since, and means the beginning. Default: 0, which is the
   * beginning of the oldest file.
   */
  from?: Position | 'end' | undefined;
  /** Only events after this one: the `position` of an entry that was read once. Default: none. */
  after?: string | undefined;
  /**
   * What to do where events are gone before they were read: after that position, or since files were removed faster
   * than they were read. Default: `'throw'`, which is `EGAP`.
   */
  onGap?: OnGap | undefined;
  /** Rotated files too, or only the file that is written, and those that come. Default: `'all'`. */
  files?: WhichFiles | undefined;
  /** Only events whose own properties have these values: `{ type: 'order' }`. Default: all. */
  where?: Where | undefined;
  /** Ends the iteration, quietly. Default: none. */
  signal?: AbortSignal | undefined;
}

/**
 * Options of {@link Chronicle.verify}.
 *
 * @example
 *   await chronicle.verify({ ids: false, onProgress: ({ done, total }) => console.log(done / total) });
 */
export interface VerifyOptions {
  /** Look at the ids too, which takes most of the time. Default: true. */
  ids?: boolean | undefined;
  /**
   * Look at the chain too, also in the rotated files (see `openChronicle`'s `chain`). Default: false, or true
   * with `expect`.
   */
  chain?: boolean | undefined;
  /** A link that {@link Chronicle.head} once gave: it must still be part of the chain. Default: none. */
  expect?: string | undefined;
  /** Called again and again; what it throws ends the work. Default: none. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the work; the call then rejects with `signal.reason`. Default: none. */
  signal?: AbortSignal | undefined;
  /** Rotated files too, or only the file that is written. A chain is always checked as a whole. Default: `'all'`. */
  files?: WhichFiles | undefined;
}

/**
 * Options of {@link Chronicle.repair}.
 *
 * @example
 *   await chronicle.repair({ signal: AbortSignal.timeout(60_000) });
 */
export interface RepairOptions {
  /**
   * Called again and again; what it throws ends the work. A damaged file is read twice: in phase `'look'`,
   * which ends at the first damage, and in phase `'copy'`. Default: none.
   */
  onProgress?: ((progress: RepairProgress) => void) | undefined;
  /** Ends the work and leaves the file as it is; the call then rejects with `signal.reason`. Default: none. */
  signal?: AbortSignal | undefined;
  /** Only look: `removed` is what would be taken out, and nothing is changed. Default: false. */
  dryRun?: boolean | undefined;
  /**
   * Repair also a file that is plainly no chronicle, since it has more lines that are no event than events. Default:
   * false, which is `EVALIDATION` then.
   */
  force?: boolean | undefined;
}

/** How far a repair has come. */
export interface RepairProgress extends Progress {
  /** Looking for the first damage, or copying what is to stay. */
  readonly phase: 'look' | 'copy';
}

/** What is to be read. */
export interface ReadQuery {
  readonly from: Position;
  /** `Number.MAX_SAFE_INTEGER`: the end. */
  readonly to: Position;
  /** `Number.MAX_SAFE_INTEGER`: all. */
  readonly limit: number;
  readonly reverse: boolean;
  readonly where: Where | undefined;
  /** Not looked at: it is the engine's. */
  readonly after: string | undefined;
  readonly onGap: OnGap;
  readonly files: WhichFiles;
}

/** What is to be followed. */
export interface FollowQuery {
  readonly from: Position | 'end';
  readonly where: Where | undefined;
  /** Not looked at: it is the engine's. */
  readonly after: string | undefined;
  readonly onGap: OnGap;
  readonly files: WhichFiles;
}

/** What is to be verified. */
export interface VerifyQuery extends Work<NonNullable<VerifyOptions['onProgress']>> {
  readonly ids: boolean;
  readonly chain: boolean;
  readonly expect: string | undefined;
  readonly files: WhichFiles;
}

function checkPosition(value: unknown, field: string): Position {
  return checkInteger(value, field, 0);
}

/** As {@link AppendOptions}. */
export interface AppendCondition {
  readonly ifEnd: Position | undefined;
  readonly fence: Fence | undefined;
}

const unconditional: AppendCondition = { ifEnd: undefined, fence: undefined };

export function checkAppendOptions(options: AppendOptions | undefined): AppendCondition {
  if (options === undefined) return unconditional;
  const { ifEnd, fence } = checkOptions(options, ['ifEnd', 'fence']);
  return {
    ifEnd: ifEnd === undefined ? undefined : checkPosition(ifEnd, 'ifEnd'),
    fence: fence === undefined ? undefined : checkFence(fence, 'fence'),
  };
}

export function checkReadRange(range: ReadRange | undefined): ReadQuery {
  const end = Number.MAX_SAFE_INTEGER;
  const {
    from,
    to,
    limit = Number.MAX_SAFE_INTEGER,
    reverse = false,
    where,
    after,
    onGap = 'throw',
    files = 'all',
  } = checkOptions(range, ['from', 'to', 'limit', 'reverse', 'where', 'after', 'onGap', 'files']);
  if (after !== undefined && (from !== undefined || to !== undefined)) throw twoBeginnings();
  if (after !== undefined && files === 'current') throw notOfOneFile('files');
  return {
    from: checkPosition(from ?? 0, 'from'),
    to: checkPosition(to ?? end, 'to'),
    limit: checkInteger(limit, 'limit', 0),
    reverse: checkBoolean(reverse, 'reverse'),
    where: checkWhere(where),
    after,
    onGap: checkOnGap(onGap),
    files: checkFiles(files),
  };
}

function twoBeginnings(): Error {
  return invalid('after', 'does not go together with from or to: an offset is one of a single file');
}

/** @param field what asks for one file */
export function notOfOneFile(field: string): Error {
  return invalid(
    field,
    'the current file alone does not go together with after: a position may be in any file',
  );
}

export function checkOnGap(onGap: unknown): OnGap {
  if (typeof onGap === 'function') return onGap as OnGap;
  return checkOneOf(onGap, ['throw', 'continue'] as const, 'onGap');
}

export function checkFiles(files: unknown): WhichFiles {
  return checkOneOf(files, ['all', 'current'] as const, 'files');
}

/** Of {@link Chronicle.find} and its kin; without `names`, other options may stand beside it. */
export function checkFilesOption(options: FilesOption | undefined, names?: readonly string[]): WhichFiles {
  return checkFiles(checkOptions(options, names).files ?? 'all');
}

export function checkListOptions(options: ListOptions | undefined): { readonly ignored: boolean } {
  const { ignored = false } = checkOptions(options, ['ignored']);
  return { ignored: checkBoolean(ignored, 'ignored') };
}

/** The last `count` events, the last one first. */
export function checkTail(count: number, files: WhichFiles): ReadQuery {
  return checkReadRange({ reverse: true, limit: checkInteger(count, 'count', 0), files });
}

export function checkEventId(eventId: string): string {
  if (typeof eventId === 'string' && eventId !== '') return eventId;
  throw invalid('eventId', `expected a non-empty string, got ${describe(eventId)}`);
}

export const filesOptionNames = ['files'];
export const followOptionNames = ['from', 'where', 'signal', 'after', 'onGap', 'files'];
export const verifyOptionNames = ['ids', 'chain', 'expect', 'onProgress', 'signal', 'files'];
export const repairOptionNames = ['onProgress', 'signal', 'dryRun', 'force'];

/** Without `names`, other options may stand beside these. */
export function checkFollowOptions(
  options: FollowOptions | undefined,
  names?: readonly string[],
): FollowQuery & { readonly signal: AbortSignal | undefined } {
  const { from, where, signal, after, onGap = 'throw', files = 'all' } = checkOptions(options, names);
  if (after !== undefined && from !== undefined) throw twoBeginnings();
  if (after !== undefined && files === 'current') throw notOfOneFile('files');
  return {
    from: from === 'end' ? from : checkPosition(from ?? 0, 'from'),
    where: checkWhere(where),
    after,
    onGap: checkOnGap(onGap),
    files: checkFiles(files),
    signal: checkSignal(signal, 'signal'),
  };
}

/** Likewise. */
export function checkVerifyOptions(
  options: VerifyOptions | undefined,
  names?: readonly string[],
): VerifyQuery {
  const given = checkOptions(options, names);
  const { ids = true, expect, chain = expect !== undefined, files = 'all' } = given;
  if (expect !== undefined && !isLink(expect)) {
    throw invalid('expect', `expected a link, 64 lowercase hexadecimal digits, got ${describe(expect)}`);
  }
  if (expect !== undefined && chain === false) throw invalid('chain', 'is false, but expect asks for it');
  return {
    ids: checkBoolean(ids, 'ids'),
    chain: checkBoolean(chain, 'chain'),
    expect,
    files: checkFiles(files),
    ...checkWork<NonNullable<VerifyOptions['onProgress']>>(given),
  };
}

/** Likewise. */
export function checkRepairOptions(
  options: RepairOptions | undefined,
  names?: readonly string[],
): RepairOptions {
  const given = checkOptions(options, names);
  const { dryRun = false, force = false } = given;
  return {
    ...checkWork<NonNullable<RepairOptions['onProgress']>>(given),
    dryRun: checkBoolean(dryRun, 'dryRun'),
    force: checkBoolean(force, 'force'),
  };
}

interface Work<OnProgress> {
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

export function checkWork<OnProgress>({ onProgress, signal }: Work<OnProgress>): Work<OnProgress> {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalid('onProgress', `expected a function, got ${describe(onProgress)}`);
  }
  return { onProgress, signal: checkSignal(signal, 'signal') };
}
