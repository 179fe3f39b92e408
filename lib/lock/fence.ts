/**
 * The fencing token of a lock on a file, which native/lock/fence.h keeps in a file beside it. It is taken by whoever has
 * just been given the lock, before anybody hears of that.
 */
import { throwIfAborted } from '../base/abort.js';
import { isMissing } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import { type LockId, unbounded } from '../native/protocol.js';
import { acquire, acquireSync, type Wait } from './acquire.js';
import { Target } from './target.js';

/**
 * The token of the lock that is held as `lock`. While others append with an older one, which are not many and soon done,
 * it waits for them. If it fails, the lock is released.
 */
export async function takeFence(
  target: Target,
  lock: LockId,
  mode: LockMode,
  { timeout, signal }: Wait,
): Promise<number> {
  const deadline = performance.now() + timeout;
  try {
    for (;;) {
      const token = await target.nextFence(mode);
      throwIfAborted(signal);
      if (token > 0) return token;
      const wait = { timeout: leftUntil(deadline), signal };
      const file = fenceFileOf(target);
      await acquire(file, 'exclusive', wait).then((held) => file.release(held), ignoreMissing);
    }
  } catch (error) {
    target.release(lock);
    throw error;
  }
}

/** As {@link takeFence}, and blocks the thread. */
export function takeFenceSync(target: Target, lock: LockId, mode: LockMode, timeout: number): number {
  const deadline = performance.now() + timeout;
  try {
    for (;;) {
      const token = target.nextFenceSync(mode);
      if (token > 0) return token;
      const wait = { timeout: leftUntil(deadline), signal: undefined };
      const file = fenceFileOf(target);
      try {
        file.release(acquireSync(file, 'exclusive', wait));
      } catch (error) {
        ignoreMissing(error);
      }
    }
  } catch (error) {
    target.release(lock);
    throw error;
  }
}

function leftUntil(deadline: number): number {
  return deadline === unbounded ? unbounded : Math.max(0, deadline - performance.now());
}

/** The file with the token, to wait for its lock; it may be missing, because somebody removes it. */
function fenceFileOf(target: Target): Target {
  return new Target(target.fenceFile, { create: false });
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
