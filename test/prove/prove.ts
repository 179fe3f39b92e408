/**
 * The frame of the proofs. `npm run prove` (test/prove/main.mjs) runs each of them, for a time or in a short
 * form, and prints what was tried, how often, and what was found.
 */
import { appendFileSync } from 'node:fs';
import { it } from 'vitest';

/** Set by main.mjs: where the rows of its table go. */
const results = process.env.HOLDFAST_PROVE_RESULTS;

/** Whether each proof runs in full: set by main.mjs, which is not asked for the short form. */
export const inFull = process.env.HOLDFAST_PROVE_MINUTES !== undefined;

/** How many minutes a full proof may take; its target may be reached before. */
export const minutes = Number(process.env.HOLDFAST_PROVE_MINUTES ?? 1);

/** The seed of everything that is drawn at random; printed with each finding. */
export const seed = Number(process.env.HOLDFAST_PROVE_SEED ?? Math.floor(Math.random() * 2 ** 31));

export interface Row {
  readonly part: string;
  readonly what: string;
  readonly count: number;
  readonly unit: string;
  readonly found: string;
  /** Whether that is a finding. */
  readonly failed: boolean;
  readonly seconds: number;
}

export class Tally {
  /** How often it was tried. */
  count = 0;
  /** What came of it, for the table. */
  found = 'nothing';
  readonly #began = Date.now();

  /** Of the quick number, for the short form, and the full one, the one that counts now. */
  constructor(readonly target: number) {}

  /** True while there is more to try and time left. */
  get hasBudget(): boolean {
    return this.count < this.target && (!inFull || this.seconds < minutes * 60);
  }

  get seconds(): number {
    return (Date.now() - this.#began) / 1000;
  }
}

/** A proof: a test whose outcome is a row of the table. `body` counts what it tries. */
export function prove(
  part: string,
  what: string,
  size: { readonly quick: number; readonly full: number; readonly unit: string },
  body: (tally: Tally) => Promise<void>,
): void {
  // It only ends what hangs.
  const timeout = (inFull ? minutes + 10 : 5) * 60_000;
  it(what, { timeout }, async () => {
    const tally = new Tally(inFull ? size.full : size.quick);
    let failed = true;
    try {
      await body(tally);
      failed = false;
    } catch (error) {
      tally.found = String((error as Error).message);
      throw Object.assign(error as Error, { message: `${tally.found} [HOLDFAST_PROVE_SEED=${seed}]` });
    } finally {
      const { count, found, seconds } = tally;
      const row: Row = { part, what, count, unit: size.unit, found, failed, seconds };
      if (results) appendFileSync(results, `${JSON.stringify(row)}\n`);
    }
  });
}

/** Numbers from a seed: mulberry32. */
export class Random {
  #state: number;
  constructor(start = seed) {
    this.#state = start | 0;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  shuffle<T>(values: readonly T[]): T[] {
    const shuffled = [...values];
    for (let end = shuffled.length - 1; end > 0; end--) {
      const other = this.below(end + 1);
      [shuffled[end], shuffled[other]] = [shuffled[other] as T, shuffled[end] as T];
    }
    return shuffled;
  }
}
