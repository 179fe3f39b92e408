/**
 * Who waits for what: the calls whose events are on their way to the file, in the batches in which they cross
 * to the writer, until its reply settles them.
 */
import { conflict } from '../../../base/errors.js';
import type { Fence } from '../../../base/lock-holder.js';
import type { AppendResult } from '../../../chronicle/results.js';
import { type CommitReply, lineFate } from '../../../native/protocol.js';

/**
 * The events of one call, which are acknowledged or rejected together: one event by its result, several by
 * theirs.
 */
export type Call = (
  | { readonly count: undefined; readonly resolve: (result: AppendResult) => void }
  | { readonly count: number; readonly asText?: false; readonly resolve: (results: AppendResult[]) => void }
  /** Lines in one text, of which nobody asks where each went. */
  | { readonly count: number; readonly asText: true; readonly resolve: () => void }
) & {
  /** Where the file must end, in bytes. */
  readonly ifEnd: number | undefined;
  /** What is no older than its lock must be; the same for all calls of a batch. */
  readonly fence: Fence | undefined;
  readonly reject: (error: Error) => void;
};

/** The calls whose lines cross at once. */
export interface Batch {
  /** Of each line. */
  readonly ids: (string | undefined)[];
  readonly calls: Call[];
  readonly fence: Fence | undefined;
  /** How many bytes its lines have. */
  bytes: number;
}

/** Calls that are settled when everything before them is. */
interface Later {
  /** Undefined while the error is not known. */
  settle: (() => void) | undefined;
  /** Settles them without it. */
  readonly settleNow: () => void;
}

/** While more than this is pending, in bytes, {@link PendingCalls.ready} waits. */
const maxReadyBytes = 16 * 1024 * 1024;

export class PendingCalls {
  readonly #name: string;
  /** What has crossed, the oldest first. */
  #crossed: Batch[] = [];
  /** How many batches were begun, and how many of them are settled. */
  #begun = 0;
  #settled = 0;
  #events = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];
  /** What is to be settled after an error that is not known yet, in order, beginning with that. */
  #later: Later[] = [];

  /** @param name The path of the file, for errors. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The next batch, to which calls may be added until it crosses. */
  begin(fence: Fence | undefined): Batch {
    this.#begun++;
    return { ids: [], calls: [], fence, bytes: 0 };
  }

  /** Adds a call, whose lines have these ids and this number of bytes. */
  add(batch: Batch, call: Call, lines: readonly { readonly id: string | undefined }[], bytes: number): void {
    for (const { id } of lines) batch.ids.push(id);
    const count = call.count ?? 1;
    for (let i = lines.length; i < count; i++) batch.ids.push(undefined);
    batch.calls.push(call);
    batch.bytes += bytes;
    this.#events += count;
    this.#bytes += bytes;
  }

  cross(batch: Batch): void {
    this.#crossed.push(batch);
  }

  /** Rejects a batch that could not cross. */
  drop(batch: Batch, error: Error): void {
    this.#begun--;
    this.#uncount(batch);
    for (const call of batch.calls) call.reject(error);
    this.#wake();
  }

  /** True while something has crossed and is not settled. */
  get haveCrossed(): boolean {
    return this.#crossed.length > 0;
  }

  /** Of the oldest batch that has crossed. */
  get fence(): Fence | undefined {
    return this.#crossed[0]?.fence;
  }

  get sizes(): { readonly events: number; readonly bytes: number } {
    return { events: this.#events, bytes: this.#bytes };
  }

  /** The ids of these lines, which are numbered through all that has crossed, and in order. */
  idsOf(lines: readonly number[]): (string | undefined)[] {
    const batches = this.#crossed.values();
    let ids: readonly (string | undefined)[] = [];
    let first = 0;
    return lines.map((line) => {
      while (line >= first + ids.length) {
        first += ids.length;
        ids = batches.next().value?.ids ?? [];
      }
      return ids[line - first];
    });
  }

  /** Settles the calls of a commit: what became of each line, and where its event is, the reply says. */
  acknowledge(reply: CommitReply): void {
    const batches = this.#crossed.splice(0, reply.batches);
    if (this.#later.length === 0) {
      this.#acknowledge(batches, reply);
    } else {
      const kept = copyOf(reply);
      this.#settleLater(() => this.#acknowledge(batches, kept));
    }
  }

  #acknowledge(batches: readonly Batch[], reply: CommitReply): void {
    this.#forget(batches);
    let line = 0;
    for (const { ids, calls } of batches) {
      let index = 0;
      for (const call of calls) {
        if (reply.fates?.[line] === lineFate.conflict) {
          call.reject(conflict(this.#name, call.ifEnd as number, reply.end));
        } else if (call.count === undefined) {
          call.resolve(result(reply, line, ids[index]));
        } else if (call.asText) {
          call.resolve();
        } else {
          const results: AppendResult[] = [];
          for (let i = 0; i < call.count; i++) results.push(result(reply, line + i, ids[index + i]));
          call.resolve(results);
        }
        line += call.count ?? 1;
        index += call.count ?? 1;
      }
    }
    this.#wake();
  }

  /** Rejects all calls of the oldest `count` batches. */
  reject(count: number, error: Error): void {
    const batches = this.#crossed.splice(0, count);
    if (this.#later.length === 0) this.#reject(batches, error);
    else this.#settleLater(() => this.#reject(batches, error));
  }

  /**
   * Likewise, when the error is known; what crossed after them is settled after them. `errorNow` is for
   * {@link settleNow}.
   */
  rejectLater(count: number, error: Promise<Error>, errorNow: () => Error): void {
    const batches = this.#crossed.splice(0, count);
    const later: Later = { settle: undefined, settleNow: () => this.#reject(batches, errorNow()) };
    this.#later.push(later);
    void error.then((known) => {
      later.settle = () => this.#reject(batches, known);
      while (this.#later[0]?.settle) this.#later.shift()?.settle?.();
    });
  }

  /** Settles what waits for an error, without waiting for it. */
  settleNow(): void {
    for (const { settle, settleNow } of this.#later.splice(0)) (settle ?? settleNow)();
  }

  #settleLater(settle: () => void): void {
    this.#later.push({ settle, settleNow: settle });
  }

  #reject(batches: readonly Batch[], error: Error): void {
    this.#forget(batches);
    for (const { calls } of batches) for (const call of calls) call.reject(error);
    this.#wake();
  }

  /** Resolves when not too much is pending. */
  ready(): Promise<void> {
    return this.#until(() => this.#bytes <= maxReadyBytes);
  }

  /** Resolves when everything that was begun before is settled. */
  drain(): Promise<void> {
    const last = this.#begun;
    return this.#until(() => this.#settled >= Math.min(last, this.#begun));
  }

  #forget(batches: readonly Batch[]): void {
    this.#settled += batches.length;
    for (const batch of batches) this.#uncount(batch);
  }

  #uncount({ ids, bytes }: Batch): void {
    this.#events -= ids.length;
    this.#bytes -= bytes;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #wake(): void {
    // After the promises of the calls that were settled, which take some microtasks more.
    for (const resolve of this.#waiting.splice(0)) process.nextTick(resolve);
  }
}

/** The arrays of a reply are filled anew for the next one. */
function copyOf(reply: CommitReply): CommitReply {
  const { offsets, nexts, fates } = reply;
  return { ...reply, offsets: offsets.slice(), nexts: nexts.slice(), fates: fates?.slice() };
}

function result(reply: CommitReply, line: number, eventId: string | undefined): AppendResult {
  const offset = reply.offsets[line] as number;
  const next = reply.nexts[line] as number;
  const duplicate = reply.fates !== undefined && reply.fates[line] !== lineFate.written;
  const rotated = reply.rotatedPaths?.[line];
  return rotated === undefined
    ? { offset, next, eventId, duplicate }
    : { offset, next, eventId, duplicate, rotated };
}
