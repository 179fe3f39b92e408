/**
 * What crosses to the batch writer next: a batch that lines are still added to, and when it had better be sent.
 */
import type { Condition } from '../../../native/protocol.js';
import { LineBuffer } from './line-buffer.js';
import type { Batch } from './pending-calls.js';

/**
 * Each time that a batch has this many events more, it is sent before the turn ends if adding them has taken as
 * long as a sync: then the writer had better work while the rest of the turn adds more. Where a sync takes
 * longer than the turn, all its events share one.
 */
const eventsPerLook = 16;

export class NextBatch {
  readonly batch: Batch;
  readonly lines = new LineBuffer();
  conditions: Condition[] | undefined;
  /** By the clock of {@link performance.now}. */
  readonly #begun = performance.now();
  /** With how many events the clock is looked at next. */
  #look = eventsPerLook;

  constructor(batch: Batch) {
    this.batch = batch;
  }

  /** The next `count` lines are written only if the file ends at `end`. */
  addCondition(count: number, end: number): void {
    this.conditions ??= [];
    this.conditions.push({ first: this.batch.ids.length, count, end });
  }

  /** Whether gathering it has taken as long as a sync does, in milliseconds. */
  hasTakenLong(syncTime: number): boolean {
    const { length } = this.batch.ids;
    if (length < this.#look) return false;
    this.#look = length + eventsPerLook;
    return performance.now() - this.#begun >= syncTime;
  }
}
