/**
 * Ids by where they were first seen, in at most 80 bytes of memory for each, however long they are.
 */
import { hash, randomUUID } from 'node:crypto';
import { FirstOffsets } from '../../engines/file/upkeep/first-offsets.js';

export class SeenIds {
  readonly #table = new FirstOffsets();
  /**
   * What the table keeps of an id is a part of its hash. With a secret in the hash nobody can make two ids
   * that share it.
   */
  readonly #secret = randomUUID();

  /** The number of the event that had this id first. If there was none, that is now `number`: undefined. */
  add(id: string, number: number): number | undefined {
    return this.#table.add(this.#digest(id), true, number);
  }

  /** The number of the event that had this id first. */
  get(id: string): number | undefined {
    return this.#table.get(this.#digest(id), true);
  }

  #digest(id: string): string {
    // As JSON, because hashing text makes one character of all lone surrogates.
    return hash('sha256', this.#secret + JSON.stringify(id));
  }
}
