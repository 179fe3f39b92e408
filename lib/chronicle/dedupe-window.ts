/**
 * The ids of the last n events of a file, in the order of the file.
 */

/** Where an event stands in the file, in bytes; `end` is behind its newline. */
export interface Place {
  readonly offset: number;
  readonly end: number;
}

interface Entry extends Place {
  /** The number of the last event with this id. */
  last: number;
}

export class DedupeWindow {
  readonly #size: number;
  readonly #entries = new Map<string, Entry>();
  /** The ids of the last events, as a ring; undefined for an event without id. */
  readonly #ring: (string | undefined)[] = [];
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Where the first copy of the id stands that will be in the window when `ahead` more events are in the file. */
  get(id: string, ahead: number): Place | undefined {
    const entry = this.#entries.get(id);
    return entry && entry.last >= this.#count + ahead - this.#size ? entry : undefined;
  }

  /** Takes up the next event of the file. */
  add(id: string | undefined, offset: number, end: number): void {
    const number = this.#count++;
    const slot = number % this.#size;
    const evicted = this.#ring[slot];
    if (evicted !== undefined && this.#entries.get(evicted)?.last === number - this.#size) {
      this.#entries.delete(evicted);
    }
    this.#ring[slot] = id;
    if (id === undefined) return;
    const entry = this.#entries.get(id);
    if (entry) entry.last = number;
    else this.#entries.set(id, { offset, end, last: number });
  }
}
