/**
 * The causal links of a file: which event each event names as the one before it. Known by the events' numbers,
 * in some 100 bytes of memory for each, whatever they hold.
 *
 * Of several events with one id the first one is meant: it was there when the link was written, and the
 * others are copies.
 */
import { idOf } from '../../event/event-id.js';
import type { JsonObject } from '../../event/line.js';
import { idKey, previousKey } from './events.js';
import { SeenIds } from './seen-ids.js';

/** An event whose link leads nowhere, or the wrong way. */
export interface BrokenLink {
  /** The number of the event in the file, from 0 on. */
  eventIndex: number;
  /** Its id. */
  eventId: string;
  /**
   * - `'missing_prev'`: no event has the id that it names.
   * - `'invalid_prev'`: the event that it names comes after it.
   * - `'circular_reference'`: it names itself.
   */
  issue: 'missing_prev' | 'invalid_prev' | 'circular_reference';
  /** The same in words. */
  details: string;
}

/** A link to an event that does not come before. */
interface Suspect {
  readonly number: number;
  readonly id: string | undefined;
  readonly previous: string;
}

const none = -1;

export class CausalLinks {
  readonly #ids = new SeenIds();
  /** For each event the number of the one before it. */
  readonly #previous: number[] = [];
  readonly #suspects: Suspect[] = [];
  /** Events with an id and a link. */
  chained = 0;

  /** Adds the next event of the file. */
  add(event: JsonObject): void {
    const number = this.#previous.length;
    const id = idOf(event, idKey);
    const isCopy = id !== undefined && this.#ids.add(id, number) !== undefined;
    const previous = idOf(event, previousKey);
    this.#previous.push(none);
    if (previous === undefined) return;
    if (id !== undefined) this.chained++;
    const target = this.#ids.get(previous);
    if (target === undefined || previous === id) this.#suspects.push({ number, id, previous });
    else if (!isCopy) this.#previous[number] = target;
  }

  /** To be asked when all events were added; likewise below. Events without id are left out. */
  broken(): BrokenLink[] {
    const broken: BrokenLink[] = [];
    for (const { number: eventIndex, id: eventId, previous } of this.#suspects) {
      if (eventId === undefined) continue;
      const target = this.#ids.get(previous);
      if (previous === eventId) {
        const details = 'Event references itself as previous event';
        broken.push({ eventIndex, eventId, issue: 'circular_reference', details });
      } else if (target === undefined) {
        const details = `References non-existent previous event: ${previous}`;
        broken.push({ eventIndex, eventId, issue: 'missing_prev', details });
      } else {
        const details = `Previous event (index ${target}) comes after current event (index ${eventIndex})`;
        broken.push({ eventIndex, eventId, issue: 'invalid_prev', details });
      }
    }
    return broken;
  }

  /**
   * The numbers of the events that lead to the one with this id, the first one first and itself at the end,
   * and of all events that follow on any of those. Undefined if there is no such event.
   */
  chainOf(id: string): { readonly leading: readonly number[]; readonly following: Set<number> } | undefined {
    const start = this.#ids.get(id);
    if (start === undefined) return undefined;
    this.#resolve();
    const leading: number[] = [];
    const found = new Set<number>();
    for (let at = start; at !== none && !found.has(at); at = this.#previous[at] as number) {
      found.add(at);
      leading.push(at);
    }
    const next = this.#next();
    const following = new Set<number>();
    const left = [...leading];
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      for (
        let follower = next.first[at] as number;
        follower !== none;
        follower = next.sibling[follower] as number
      ) {
        if (found.has(follower)) continue;
        found.add(follower);
        following.add(follower);
        left.push(follower);
      }
    }
    return { leading: leading.reverse(), following };
  }

  /** Takes the links as well that lead to later events. */
  #resolve(): void {
    for (const { number, id, previous } of this.#suspects) {
      const isCopy = id !== undefined && this.#ids.get(id) !== number;
      if (!isCopy && previous !== id) this.#previous[number] = this.#ids.get(previous) ?? none;
    }
  }

  /** For each event the last one that follows on it, and for each of those the one of them before it. */
  #next(): { readonly first: Int32Array; readonly sibling: Int32Array } {
    const first = new Int32Array(this.#previous.length).fill(none);
    const sibling = new Int32Array(this.#previous.length).fill(none);
    for (const [number, previous] of this.#previous.entries()) {
      if (previous === none) continue;
      sibling[number] = first[previous] as number;
      first[previous] = number;
    }
    return { first, sibling };
  }
}
