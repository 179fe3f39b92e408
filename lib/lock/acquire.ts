/**
 * Acquiring a lock: at once, or with a wait that ends at its deadline or its abort.
 */
import { throwIfAborted } from '../base/abort.js';
import { checkOptions, checkSignal, checkTimeout } from '../base/arguments.js';
import { type HoldfastError, lockTimeout } from '../base/errors.js';
import type { LockHolder, LockMode } from '../base/lock-holder.js';
import { channels } from './diagnostics.js';
import { holdersOf } from './holders.js';
import type { Target } from './target.js';

export interface WaitOptions {
  /** How long to wait, in milliseconds; 0 means one try. Default: for ever. */
  timeout?: number;
  /** Ends the wait; the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

interface Wait {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest delay that setTimeout takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

export function checkWait(options: WaitOptions | undefined): Wait {
  const { timeout, signal } = checkOptions(options);
  return {
    timeout: timeout === undefined ? Number.POSITIVE_INFINITY : checkTimeout(timeout, 'timeout'),
    signal: checkSignal(signal, 'signal'),
  };
}

/** The lock's number. */
export async function acquire(target: Target, mode: LockMode, { timeout, signal }: Wait): Promise<number> {
  throwIfAborted(signal);
  const here = target.tryHere(mode, timeout === 0);
  if (here) return acquired(target, mode, here, 0);
  const began = performance.now();
  if (here === undefined || timeout > 0) {
    if (channels.wait.hasSubscribers) channels.wait.publish({ path: target.path, mode });
    const number = await waitFor(target, mode, timeout, signal);
    if (number) return acquired(target, mode, number, performance.now() - began);
  }
  throw timedOut(target, mode, performance.now() - began);
}

/** As {@link acquire}, but blocks the calling thread. */
export function acquireSync(target: Target, mode: LockMode, { timeout }: Wait): number {
  const here = target.tryHere(mode, timeout === 0);
  if (here) return acquired(target, mode, here, 0);
  const began = performance.now();
  if (here === undefined || timeout > 0) {
    if (channels.wait.hasSubscribers) channels.wait.publish({ path: target.path, mode });
    const number = target.waitSync(mode, timeout);
    if (number) return acquired(target, mode, number, performance.now() - began);
  }
  throw timedOut(target, mode, performance.now() - began);
}

/** The lock's number, or 0 where it is busy now. */
export async function tryAcquire(target: Target, mode: LockMode): Promise<number> {
  const number = target.tryHere(mode, true) ?? (await waitFor(target, mode, 0, undefined));
  return number && acquired(target, mode, number, 0);
}

/** As {@link tryAcquire}, without a promise. */
export function tryAcquireSync(target: Target, mode: LockMode): number {
  const number = target.tryHere(mode, true) ?? target.waitSync(mode, 0);
  return number && acquired(target, mode, number, 0);
}

/** The lock's number, or 0 where it was busy until the deadline. A timeout of 0 is one try. */
function waitFor(
  target: Target,
  mode: LockMode,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const ticket = target.start(mode, timeout > 0, (error, number) => {
      settle();
      if (error) {
        reject(error);
      } else if (signal?.aborted) {
        // Granted in the very moment of the abort. Whoever aborted does not look at the result any more.
        if (number) target.release(number);
        reject(signal.reason);
      } else {
        resolve(number);
      }
    });
    const abort = () => {
      if (!target.cancel(ticket)) return;
      settle();
      reject(signal?.reason);
    };
    const expire = () => {
      // Not cancelled: the lock was granted before the deadline, and the answer is on its way.
      if (!target.cancel(ticket)) return;
      settle();
      resolve(0);
    };
    const arm = (left: number) => {
      const next = left > longestTimer ? () => arm(left - longestTimer) : expire;
      timer = setTimeout(next, Math.min(left, longestTimer));
    };
    if (timeout > 0 && timeout !== Number.POSITIVE_INFINITY) arm(timeout);
    signal?.addEventListener('abort', abort);
  });
}

function acquired(target: Target, mode: LockMode, number: number, waited: number): number {
  if (channels.acquire.hasSubscribers) channels.acquire.publish({ path: target.path, mode, waited });
  return number;
}

/** Says how long, for which mode and, where that can be known, who holds it. */
function timedOut(target: Target, mode: LockMode, waited: number): HoldfastError {
  if (channels.timeout.hasSubscribers) channels.timeout.publish({ path: target.path, mode, waited });
  let holders: LockHolder[] = [];
  // On a network, even asking which file that is might never return.
  if (target.path !== undefined && target.isKnownLocal) holders = holdersOf(target.path);
  return lockTimeout({ path: target.name, mode, waited, holders });
}
