/**
 * Locks that calls of this thread were granted at once, in the moment before their promises tell. Code that
 * blocks the thread in that moment can receive nothing, so such a lock must not stand before what it blocks
 * for: it is given back, and its call begins to wait. For grants that come later, native/lock/owner.h has the
 * same.
 */
import type { LockId } from '../native/protocol.js';
import type { Target } from './target.js';

/** A lock that is on its way to the caller. */
export interface Offer {
  readonly target: Target;
  readonly lock: LockId;
}

/** One set per thread, on purpose: as the locks. */
const offers = new Set<Offer>();

export function makeOffer(target: Target, lock: LockId): Offer {
  const offer = { target, lock };
  offers.add(offer);
  return offer;
}

/** False: the lock was given back meanwhile. */
export function receive(offer: Offer): boolean {
  return offers.delete(offer);
}

/** To be called before this thread blocks for a lock. True if there was something to give back. */
export function giveBackOffers(): boolean {
  if (offers.size === 0) return false;
  const taken = [...offers];
  offers.clear();
  for (const { target, lock } of taken) target.release(lock);
  return true;
}
