/**
 * Where each id of a large file stands first, in at most 80 bytes for an id however long it is.
 *
 * A hash table with open addressing over 96 bits of the ids' SHA-256, or of an id that is one. Among 100 million ids
 * the chance that any two are taken for one is 1 in 10^13.
 */
import { hash, randomInt } from 'node:crypto';

const smallest = 1024;

export class FirstPlaces {
  /** So that nobody can choose ids that crowd one place of the table. */
  readonly #seed = randomInt(2 ** 32);
  #count = 0;
  #slots = smallest;
  /** Three words for each slot. */
  #words = new Uint32Array(3 * smallest);
  /** Where the id stands first, plus one; 0: the slot is free. */
  #places = new Float64Array(smallest);

  /** Where the id stands first in the file, where that is before `offset`, which is remembered otherwise. */
  add(id: string, isDigest: boolean, offset: number): number | undefined {
    const digest = isDigest ? id : hash('sha256', id);
    const word = (index: number) => Number.parseInt(digest.slice(8 * index, 8 * index + 8), 16);
    const [a, b, c] = [word(0), word(1), word(2)];
    const slot = this.#find(a, b, c);
    const place = this.#places[slot];
    if (place) return place - 1;
    this.#put(slot, a, b, c, offset + 1);
    // At most three quarters are taken.
    if (++this.#count * 4 > this.#slots * 3) this.#grow();
    return undefined;
  }

  /** The slot that holds these words, or the free one that they belong into. */
  #find(a: number, b: number, c: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    let mixed = Math.imul(a ^ this.#seed, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ b, 0xc2b2ae35);
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ c, 0x85ebca6b);
    let slot = (mixed ^ (mixed >>> 16)) & mask;
    while (
      this.#places[slot] !== 0 &&
      (words[3 * slot] !== a || words[3 * slot + 1] !== b || words[3 * slot + 2] !== c)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, a: number, b: number, c: number, place: number): void {
    this.#words[3 * slot] = a;
    this.#words[3 * slot + 1] = b;
    this.#words[3 * slot + 2] = c;
    this.#places[slot] = place;
  }

  #grow(): void {
    const words = this.#words;
    const places = this.#places;
    this.#slots *= 2;
    this.#words = new Uint32Array(3 * this.#slots);
    this.#places = new Float64Array(this.#slots);
    for (let old = 0; old < places.length; old++) {
      const place = places[old];
      if (!place) continue;
      const [a = 0, b = 0, c = 0] = words.subarray(3 * old, 3 * old + 3);
      this.#put(this.#find(a, b, c), a, b, c, place);
    }
  }
}
