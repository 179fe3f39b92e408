/**
 * Acquiring a lock: at once, or with a wait that ends at its deadline or its abort.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import { onAbort, throwIfAborted } from '../base/abort.js';
import { checkSignal, checkTimeout } from '../base/arguments.js';
import { lockTimeout } from '../base/errors.js';
import type { LockHolder, LockMode } from '../base/lock-holder.js';
import { type LockId, unbounded } from '../native/protocol.js';
import { channels } from './diagnostics.js';
import { findHolders, findHoldersSync } from './holders.js';
import { giveBackOffers, makeOffer, type Offer, receive } from './offers.js';
import type { Attempt, Target } from './target.js';

/**
 * How long to wait for a lock.
 *
 * @example
 *   await held.upgrade({ timeout: 2000 });
 */
export interface WaitOptions {
  /** How long to wait, in milliseconds; 0 means one try. Default: for ever. */
  timeout?: number | undefined;
  /** Ends the wait; the call then rejects with `signal.reason`. Default: none. */
  signal?: AbortSignal | undefined;
}

export interface Wait {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** For ever. */
export const unlimited: Wait = { timeout: unbounded, signal: undefined };

/** The longest delay that setTimeout takes. */
const maxTimerMs = 2 ** 31 - 1;

/** Of options that {@link checkOptions} has copied; others may stand beside them. */
export function checkWait({ timeout, signal }: WaitOptions): Wait {
  return {
    timeout: timeout === undefined ? unbounded : checkTimeout(timeout, 'timeout'),
    signal: checkSignal(signal, 'signal'),
  };
}

/** Waits for the lock and takes it. */
export async function acquire(target: Target, mode: LockMode, wait: Wait): Promise<LockId> {
  const first = offerAtOnce(target, mode, wait);
  if (typeof first === 'object') {
    await undefined;
    if (receive(first)) return acquired(target, mode, first.lock, 0);
  }
  return acquireLater(target, mode, wait, first, (lock) => lock);
}

/**
 * The first half of {@link acquire}: the lock, if it is free now. Callers for whom a promise more counts receive the
 * offer in their next microtask themselves; else they go on with {@link acquireLater}.
 */
export function offerAtOnce(
  target: Target,
  mode: LockMode,
  { timeout, signal }: Wait,
): Offer | 'busy' | 'mightBlock' {
  throwIfAborted(signal);
  const first = target.tryOnThisThread(mode, { order: timeout === 0 ? 'atOnce' : 'inTurn', blocks: false });
  return typeof first === 'number' ? makeOffer(target, first) : first;
}

/**
 * The second half of {@link acquire}, after this first attempt. Resolves to what `as` makes of the lock. Between the
 * grant and whoever awaits this are one promise and a few short functions: the event loop has just been woken, and
 * every step more runs slowly.
 */
export function acquireLater<Granted>(
  target: Target,
  mode: LockMode,
  { timeout, signal }: Wait,
  first: Offer | 'busy' | 'mightBlock',
  as: (lock: LockId) => Granted,
): Promise<Granted> {
  throwIfAborted(signal);
  const began = performance.now();
  const fail = async () => {
    const waited = timedOut(target, mode, began);
    throw lockTimeout({ path: target.name, mode, waited, holders: await holdersAt(target) });
  };
  if (first === 'busy' && timeout === 0) return fail();
  if (channels.wait.hasSubscribers) channels.wait.publish({ path: target.path, mode });
  const granted = (lock: LockId) => {
    if (channels.acquire.hasSubscribers) acquired(target, mode, lock, performance.now() - began);
    return as(lock);
  };
  return waitFor(target, mode, timeout, signal, granted, fail);
}

/** As {@link acquire}, but blocks the calling thread. */
export function acquireSync(target: Target, mode: LockMode, { timeout }: Wait): LockId {
  const first = tryBlocking(target, mode, timeout === 0 ? 'atOnce' : 'inTurn');
  if (typeof first === 'number') return acquired(target, mode, first, 0);
  const began = performance.now();
  if (first === 'mightBlock' || timeout > 0) {
    if (channels.wait.hasSubscribers) channels.wait.publish({ path: target.path, mode });
    const lock = target.waitSync(mode, timeout);
    if (lock !== 'busy') return acquired(target, mode, lock, performance.now() - began);
  }
  const waited = timedOut(target, mode, began);
  throw lockTimeout({ path: target.name, mode, waited, holders: holdersAtSync(target) });
}

/** Takes the lock if it is free now. */
export async function tryAcquire(target: Target, mode: LockMode): Promise<LockId | 'busy'> {
  let lock = target.tryOnThisThread(mode, { order: 'atOnce', blocks: false });
  if (typeof lock === 'number') {
    const offer = makeOffer(target, lock);
    await undefined;
    if (!receive(offer)) lock = 'mightBlock';
  }
  if (lock === 'mightBlock') {
    lock = await waitFor<Attempt>(
      target,
      mode,
      0,
      undefined,
      (granted) => granted,
      () => 'busy',
    );
  }
  return typeof lock === 'number' ? acquired(target, mode, lock, 0) : 'busy';
}

/** As {@link tryAcquire}, without a promise. */
export function tryAcquireSync(target: Target, mode: LockMode): LockId | 'busy' {
  let lock = tryBlocking(target, mode, 'atOnce');
  if (lock === 'mightBlock') lock = target.waitSync(mode, 0);
  return lock === 'busy' ? 'busy' : acquired(target, mode, lock, 0);
}

/** The try of a call that blocks this thread: what the thread cannot receive meanwhile is not in its way. */
function tryBlocking(target: Target, mode: LockMode, order: 'inTurn' | 'atOnce'): Attempt {
  const first = target.tryOnThisThread(mode, { order, blocks: true });
  if (typeof first === 'number' || !giveBackOffers()) return first;
  return target.tryOnThisThread(mode, { order, blocks: true });
}

/** What `granted` makes of the lock; what `busy` says, if it was so until the deadline. A timeout of 0 is one try. */
function waitFor<Granted>(
  target: Target,
  mode: LockMode,
  timeout: number,
  signal: AbortSignal | undefined,
  granted: (lock: LockId) => Granted,
  busy: () => Granted | Promise<Granted>,
): Promise<Granted> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let forget: (() => void) | undefined;
    const settle = () => {
      clearTimeout(timer);
      forget?.();
    };
    const receiveLock = (lock: LockId) => {
      if (timer || signal) settle();
      if (signal?.aborted) {
        // Granted in the very moment of the abort. Whoever aborted does not look at the result any more.
        target.release(lock);
        reject(signal.reason);
      } else {
        resolve(granted(lock));
      }
    };
    const otherwise = (error: Error | null) => {
      settle();
      if (error) reject(error);
      else if (signal?.aborted) reject(signal.reason);
      else resolve(busy());
    };
    const ticket = target.start(mode, timeout, receiveLock, otherwise);
    const abort = () => {
      if (!target.cancel(ticket)) return;
      settle();
      reject(signal?.reason);
    };
    const expire = () => {
      // Not cancelled: the lock was granted before the deadline, and the answer is on its way.
      if (!target.cancel(ticket)) return;
      settle();
      resolve(busy());
    };
    const arm = (rest: number) => {
      const next = rest > maxTimerMs ? () => arm(rest - maxTimerMs) : expire;
      timer = setTimeout(next, Math.min(rest, maxTimerMs));
    };
    if (timeout > 0 && timeout !== unbounded) arm(timeout);
    if (signal) forget = onAbort(signal, abort);
  });
}

/** Tells it, and passes it on. */
export function acquired(target: Target, mode: LockMode, lock: LockId, waited: number): LockId {
  if (channels.acquire.hasSubscribers) channels.acquire.publish({ path: target.path, mode, waited });
  return lock;
}

/** How long the wait was that ends now, in milliseconds. */
function timedOut(target: Target, mode: LockMode, began: number): number {
  const waited = performance.now() - began;
  if (channels.timeout.hasSubscribers) channels.timeout.publish({ path: target.path, mode, waited });
  return waited;
}

/** Who holds the lock, if that can be known. */
async function holdersAt(target: Target): Promise<LockHolder[]> {
  return target.pathOfFile === undefined ? [] : findHolders(target.pathOfFile);
}

/** On a network, even asking which file that is might never return. */
function holdersAtSync(target: Target): LockHolder[] {
  return target.path !== undefined && target.isKnownLocal ? findHoldersSync(target.path) : [];
}
