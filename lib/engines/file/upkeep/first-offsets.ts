/**
 * The offset of the first event with each id of a large file, in at most 80 bytes of memory for an id of any
 * length.
 *
 * A hash table with open addressing over 96 bits of the ids' SHA-256, or of an id that is one. Among 100
 * million ids the chance that any two are taken for one is 1 in 10^13.
 */
import { hash, randomInt } from 'node:crypto';

const minSlots = 1024;

export class FirstOffsets {
  /** So that nobody can choose ids that collide in the table. */
  readonly #seed = randomInt(2 ** 32);
  #count = 0;
  #slots = minSlots;
  /** Three words for each slot. */
  #words = new Uint32Array(3 * minSlots);
  /** The offset plus one; 0 if the slot is free. */
  #offsets = new Float64Array(minSlots);

  /**
   * The offset where this id was first seen. If it was not seen yet, remembers `offset` and returns
   * undefined.
   */
  add(id: string, isDigest: boolean, offset: number): number | undefined {
    const [a, b, c] = wordsOf(isDigest ? id : hash('sha256', id));
    const slot = this.#find(a, b, c);
    const stored = this.#offsets[slot];
    if (stored) return stored - 1;
    this.#put(slot, a, b, c, offset + 1);
    // At most three quarters are in use.
    if (++this.#count * 4 > this.#slots * 3) this.#grow();
    return undefined;
  }

  /** The offset where this id was first seen. */
  get(id: string, isDigest: boolean): number | undefined {
    const stored = this.#offsets[this.#find(...wordsOf(isDigest ? id : hash('sha256', id)))];
    return stored ? stored - 1 : undefined;
  }

  /** The slot that holds these words, or else the free slot for them. */
  #find(a: number, b: number, c: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    let mixed = Math.imul(a ^ this.#seed, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ b, 0xc2b2ae35);
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ c, 0x85ebca6b);
    let slot = (mixed ^ (mixed >>> 16)) & mask;
    while (
      this.#offsets[slot] !== 0 &&
      (words[3 * slot] !== a || words[3 * slot + 1] !== b || words[3 * slot + 2] !== c)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, a: number, b: number, c: number, offset: number): void {
    this.#words[3 * slot] = a;
    this.#words[3 * slot + 1] = b;
    this.#words[3 * slot + 2] = c;
    this.#offsets[slot] = offset;
  }

  #grow(): void {
    const words = this.#words;
    const offsets = this.#offsets;
    this.#slots *= 2;
    this.#words = new Uint32Array(3 * this.#slots);
    this.#offsets = new Float64Array(this.#slots);
    for (let old = 0; old < offsets.length; old++) {
      const stored = offsets[old];
      if (!stored) continue;
      const [a = 0, b = 0, c = 0] = words.subarray(3 * old, 3 * old + 3);
      this.#put(this.#find(a, b, c), a, b, c, stored);
    }
  }
}

/** The first 96 bits of a digest in hexadecimal. */
function wordsOf(digest: string): [number, number, number] {
  const word = (index: number) => Number.parseInt(digest.slice(8 * index, 8 * index + 8), 16);
  return [word(0), word(1), word(2)];
}
