/**
 * The options of single calls of a chronicle, checked and filled in.
 */
import { checkBoolean, checkInteger, checkOptions, checkSignal, describe } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import { checkWhere, type Where } from '../event/where.js';
import type { Position, Progress } from './results.js';

export interface AppendOptions {
  /**
   * Append only if the chronicle ends here: at the `next` of the last event that the caller knows, or 0. Else
   * `ECONFLICT`, whose `end` is the true end. An event that is in the chronicle already is acknowledged as a
   * duplicate, wherever the chronicle ends.
   */
  ifEnd?: Position;
}

export interface ReadRange {
  /** Only events at this position or after it: the `next` of the last event that was read. Default: 0. */
  from?: Position;
  /** Only events before this position. Default: the end. */
  to?: Position;
  /** At most this many events. Default: all. */
  limit?: number;
  /** The last event first. Default: false. */
  reverse?: boolean;
  /** Only events whose own properties have these values: `{ type: 'order' }`. Default: all. */
  where?: Where;
}

export interface FollowOptions {
  /**
   * Only events at this position or after it, or `'end'`: only what is appended from now on, and a last line
   * that is not finished yet. A position after the end is that of a file which was truncated or rotated
   * since, and means the beginning. Default: 0.
   */
  from?: Position | 'end';
  /** Only events whose own properties have these values: `{ type: 'order' }`. Default: all. */
  where?: Where;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

export interface VerifyOptions {
  /** Look at the ids too, which takes most of the time. Default: true. */
  ids?: boolean;
  /** Called again and again; what it throws ends the work. */
  onProgress?: (progress: Progress) => void;
  /** Ends the work; the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

export interface RepairOptions {
  /**
   * Called again and again; what it throws ends the work. A damaged file is read twice: in phase `'look'`,
   * which ends at the first damage, and in phase `'copy'`.
   */
  onProgress?: (progress: Progress & { readonly phase: 'look' | 'copy' }) => void;
  /** Ends the work and leaves the file as it is; the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
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
}

/** What is to be followed. */
export interface FollowQuery {
  readonly from: Position | 'end';
  readonly where: Where | undefined;
}

function checkPosition(value: unknown, field: string): Position {
  return checkInteger(value, field, 0);
}

export function checkIfEnd(options: AppendOptions | undefined): Position | undefined {
  if (options === undefined) return undefined;
  const { ifEnd } = checkOptions(options, ['ifEnd']);
  return ifEnd === undefined ? undefined : checkPosition(ifEnd, 'ifEnd');
}

export function checkReadRange(range: ReadRange | undefined): ReadQuery {
  const end = Number.MAX_SAFE_INTEGER;
  const {
    from = 0,
    to = end,
    limit = Number.MAX_SAFE_INTEGER,
    reverse = false,
    where,
  } = checkOptions(range, ['from', 'to', 'limit', 'reverse', 'where']);
  return {
    from: checkPosition(from, 'from'),
    to: checkPosition(to, 'to'),
    limit: checkInteger(limit, 'limit', 0),
    reverse: checkBoolean(reverse, 'reverse'),
    where: checkWhere(where),
  };
}

/** The last `count` events, the last one first. */
export function checkTail(count: number): ReadQuery {
  return checkReadRange({ reverse: true, limit: checkInteger(count, 'count', 0) });
}

export function checkEventId(eventId: string): string {
  if (typeof eventId === 'string' && eventId !== '') return eventId;
  throw invalid('eventId', `expected a non-empty string, got ${describe(eventId)}`);
}

export const followOptionNames = ['from', 'where', 'signal'];
export const verifyOptionNames = ['ids', 'onProgress', 'signal'];
export const repairOptionNames = ['onProgress', 'signal'];

/** Without `names`, other options may stand beside these. */
export function checkFollowOptions(
  options: FollowOptions | undefined,
  names?: readonly string[],
): FollowQuery & { readonly signal: AbortSignal | undefined } {
  const { from = 0, where, signal } = checkOptions(options, names);
  return {
    from: from === 'end' ? from : checkPosition(from, 'from'),
    where: checkWhere(where),
    signal: checkSignal(signal, 'signal'),
  };
}

/** Likewise. */
export function checkVerifyOptions(
  options: VerifyOptions | undefined,
  names?: readonly string[],
): VerifyOptions & { ids: boolean } {
  const { ids = true, ...work } = checkOptions(options, names);
  return { ids: checkBoolean(ids, 'ids'), ...checkWork<NonNullable<VerifyOptions['onProgress']>>(work) };
}

/** Likewise. */
export function checkRepairOptions(
  options: RepairOptions | undefined,
  names?: readonly string[],
): RepairOptions {
  return checkWork<NonNullable<RepairOptions['onProgress']>>(checkOptions(options, names));
}

interface Work<OnProgress> {
  onProgress?: OnProgress;
  signal?: AbortSignal;
}

function checkWork<OnProgress>({ onProgress, signal }: Work<OnProgress>): Work<OnProgress> {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalid('onProgress', `expected a function, got ${describe(onProgress)}`);
  }
  checkSignal(signal, 'signal');
  return { ...(onProgress && { onProgress }), ...(signal && { signal }) };
}
