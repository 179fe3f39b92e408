/**
 * What crosses to the batch writer next: a batch that lines are still added to, and when it had better be sent.
 */
import { haveSameToken } from '../../../base/fence.js';
import type { Condition, Demands } from '../../../native/protocol.js';
import { LineBuffer } from './line-buffer.js';
import type { Batch, Call } from './pending-calls.js';

/**
 * Each time that a batch has this many events more, it is sent before the turn ends if adding them has taken as
 * long as a sync: then the writer had better work while the rest of the turn adds more. Where a sync takes
 * longer than the turn, all its events share one.
 */
const eventsPerLook = 16;

export class NextBatch {
  readonly batch: Batch;
  readonly lines = new LineBuffer();
  #conditions: Condition[] | undefined;
  /** By the clock of {@link performance.now}. */
  readonly #begun = performance.now();
  /** With how many events the clock is looked at next. */
  #look = eventsPerLook;

  constructor(batch: Batch) {
    this.batch = batch;
  }

  /** The next `count` lines are written only if the file ends at `end`. */
  addCondition(count: number, end: number): void {
    this.#conditions ??= [];
    this.#conditions.push({ first: this.batch.ids.length, count, end });
  }

  /** Whether the lines of the call, which need so much room in bytes, may be added. */
  takes({ fence }: Call, room: number, maxBytes: number): boolean {
    const { bytes, fence: own } = this.batch;
    return bytes + room <= maxBytes && (own === fence || haveSameToken(own, fence));
  }

  /** What the lines ask for. */
  get demands(): Demands | undefined {
    const { fence } = this.batch;
    if (!this.#conditions && !fence) return undefined;
    return { conditions: this.#conditions, fence: fence && { lock: fence.path, token: fence.fence } };
  }

  /** Whether gathering it has taken as long as a sync does, in milliseconds. */
  hasTakenLong(syncTime: number): boolean {
    const { length } = this.batch.ids;
    if (length < this.#look) return false;
    this.#look = length + eventsPerLook;
    return performance.now() - this.#begun >= syncTime;
  }
}
