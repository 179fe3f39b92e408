/**
 * Taking locks: at once, with a wait, with a deadline, with an abort.
 */
import { checkBoolean, checkOneOf, checkOptions } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import { unbounded } from '../native/protocol.js';
import {
  acquire,
  acquired,
  acquireLater,
  acquireSync,
  checkWait,
  offerAtOnce,
  tryAcquire,
  tryAcquireSync,
  unlimited,
  type Wait,
  type WaitOptions,
} from './acquire.js';
import { takeFence, takeFenceSync } from './fence.js';
import { type FileLock, newFileLock, prepareFileLock } from './file-lock.js';
import { type Offer, receive } from './offers.js';
import { type Lockable, Target, type TargetOptions } from './target.js';

/**
 * Options of a call that does not wait.
 *
 * @example
 *   const held = await tryLock('jobs.lock', { mode: 'shared' });
 */
export interface TryLockOptions extends TargetOptions {
  /** Alone, or together with others that share it. Default: `'exclusive'`. */
  mode?: LockMode | undefined;
  /**
   * Give the lock a fencing token, {@link FileLock.fence}, so that an append of a holder which was paused and has lost
   * the lock is refused. It is kept in the file `<path>.fence`, which stays, and synced before the lock is given: that
   * takes as long as a durable append. Needs a path that is no symbolic link, kind `'flock'`, and the right to write to
   * that file. Default: false.
   */
  fence?: boolean | undefined;
}

/**
 * Options of a call that waits.
 *
 * @example
 *   await lock('jobs.lock', { timeout: 2000, signal: AbortSignal.any([stopping, request.signal]) });
 */
export interface LockOptions extends TryLockOptions, WaitOptions {}

/** Options of a call that blocks its thread, which no signal could end. */
export type LockSyncOptions = Omit<LockOptions, 'signal'>;

/**
 * Waits for the lock on `file` and takes it. Calls of one process for one path are served first come first
 * served.
 *
 * After it resolves, the path still names the file that is locked, even if it was renamed or removed
 * meanwhile. The wait costs no thread of libuv's pool. While it lasts, the process stays alive.
 *
 * @throws `ELOCK_TIMEOUT` after `timeout`; `signal.reason` on abort; `EVALIDATION` for a bad argument; else
 *   the system's own code (`ENOENT` for a missing directory, `EACCES`, `EISDIR`, …) with `syscall`, `path`
 *   and `errno`.
 * @example
 *   const held = await lock('jobs.lock', { timeout: 2000 });
 *   try {
 *     // nobody else is here
 *   } finally {
 *     await held.release();
 *   }
 */
export function lock(file: Lockable, options?: LockOptions): Promise<FileLock> {
  try {
    const { target, mode, given } = check(file, options, lockOptionNames);
    const wait = checkWait(given);
    if (given.fence) return lockWithFence(target, mode, wait);
    // As acquire(), without promises of its own: on a free lock they show, and even more at a hand-over.
    const first = offerAtOnce(target, mode, wait);
    return typeof first === 'object' ? received(first, mode, wait) : lockLater(target, mode, wait, first);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function lockWithFence(target: Target, mode: LockMode, wait: Wait): Promise<FileLock> {
  const held = await acquire(target, mode, wait);
  return newFileLock(target, held, mode, await takeFence(target, held, mode, wait));
}

async function received(offer: Offer, mode: LockMode, wait: Wait): Promise<FileLock> {
  await undefined;
  const { target, lock } = offer;
  if (receive(offer)) return newFileLock(target, acquired(target, mode, lock, 0), mode);
  return lockLater(target, mode, wait, offer);
}

function lockLater(
  target: Target,
  mode: LockMode,
  wait: Wait,
  first: Offer | 'busy' | 'mightBlock',
): Promise<FileLock> {
  return acquireLater(target, mode, wait, first, prepareFileLock(target, mode));
}

/**
 * As {@link lock}, but blocks the calling thread. It sleeps in the kernel and does not spin.
 *
 * @example
 *   using held = lockSync('jobs.lock');
 */
export function lockSync(file: Lockable, options?: LockSyncOptions): FileLock {
  const { target, mode, given } = check(file, options, lockOptionNames);
  if (given.signal !== undefined) throw invalid('signal', 'cannot end a call that blocks its thread');
  const wait = checkWait(given);
  const held = acquireSync(target, mode, wait);
  return newFileLock(
    target,
    held,
    mode,
    given.fence ? takeFenceSync(target, held, mode, wait.timeout) : undefined,
  );
}

/**
 * Takes the lock if it is free, else resolves to null. Rejects as {@link lock} does.
 *
 * @example
 *   const held = await tryLock('jobs.lock');
 *   if (held === null) console.log('somebody is at it already');
 */
export async function tryLock(file: Lockable, options?: TryLockOptions): Promise<FileLock | null> {
  const { target, mode, given } = check(file, options, tryOptionNames);
  const held = await tryAcquire(target, mode);
  if (held === 'busy') return null;
  return newFileLock(
    target,
    held,
    mode,
    given.fence ? await takeFence(target, held, mode, unlimited) : undefined,
  );
}

/**
 * Takes the lock if it is free, else returns null. Throws as {@link lock} rejects.
 *
 * @example
 *   const held = tryLockSync('jobs.lock');
 */
export function tryLockSync(file: Lockable, options?: TryLockOptions): FileLock | null {
  const { target, mode, given } = check(file, options, tryOptionNames);
  const held = tryAcquireSync(target, mode);
  if (held === 'busy') return null;
  return newFileLock(
    target,
    held,
    mode,
    given.fence ? takeFenceSync(target, held, mode, unbounded) : undefined,
  );
}

/**
 * Runs `body` with the lock held, and releases it when `body` has returned or thrown. The result is `body`'s.
 *
 * @example
 *   const count = await withLock('count.lock', { timeout: 2000 }, async () => countOneMore());
 */
export async function withLock<T>(
  file: Lockable,
  options: LockOptions | undefined,
  body: (lock: FileLock) => T | Promise<T>,
): Promise<T>;
/** Without options: waits for ever, for the exclusive lock. */
export async function withLock<T>(file: Lockable, body: (lock: FileLock) => T | Promise<T>): Promise<T>;
export async function withLock<T>(
  file: Lockable,
  ...rest:
    | [LockOptions | undefined, (lock: FileLock) => T | Promise<T>]
    | [(lock: FileLock) => T | Promise<T>]
): Promise<T> {
  const [options, body] = rest.length === 1 ? [undefined, rest[0]] : rest;
  if (typeof body !== 'function') throw invalid('body', 'expected a function');
  const held = await lock(file, options);
  try {
    return await body(held);
  } finally {
    await held.release();
  }
}

const tryOptionNames = ['mode', 'fence', 'kind', 'range', 'create', 'permissions'];
const lockOptionNames = [...tryOptionNames, 'timeout', 'signal'];

function check(
  file: Lockable,
  options: LockOptions | undefined,
  names: readonly string[],
): { target: Target; mode: LockMode; given: LockOptions } {
  const given = checkOptions(options, names);
  const { mode = 'exclusive', fence } = given;
  const target = new Target(file, given);
  if (fence !== undefined && checkBoolean(fence, 'fence')) target.checkFenced();
  return { target, mode: checkOneOf(mode, ['exclusive', 'shared'], 'mode'), given };
}
