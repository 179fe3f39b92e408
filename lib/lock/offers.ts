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
  /** Where it stands among the offers; nowhere once it was given back. */
  index: number;
}

const nowhere = -1;

/** One list per thread, on purpose: as the locks. No Set, which would be made anew every few locks. */
const offers: Offer[] = [];

export function makeOffer(target: Target, lock: LockId): Offer {
  const offer = { target, lock, index: offers.length };
  offers.push(offer);
  return offer;
}

/** False: the lock was given back meanwhile. */
export function receive(offer: Offer): boolean {
  if (offer.index === nowhere) return false;
  const last = offers.pop() as Offer;
  if (last !== offer) {
    offers[offer.index] = last;
    last.index = offer.index;
  }
  return true;
}

/** To be called before this thread blocks for a lock. True if there was something to give back. */
export function giveBackOffers(): boolean {
  if (offers.length === 0) return false;
  for (const offer of offers.splice(0)) {
    offer.index = nowhere;
    offer.target.release(offer.lock);
  }
  return true;
}
