/**
 * Group commit: appends that are made in the same turn of the event loop cross to the batch writer (native/append) some at
 * a time, and all that is there when it is ready forms one commit. Here the callers are settled, and the questions are
 * answered that only a JSON parser can answer.
 */
import { atExit, isExiting } from '../../../base/at-exit.js';
import {
  conflict,
  HoldfastError,
  ioError,
  lockTimeout,
  outcomeUnknown,
  poisoned,
  systemError,
} from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult } from '../../../chronicle/results.js';
import { type ChronicleStats, CommitLog } from '../../../chronicle/stats.js';
import { idOf } from '../../../event/event-id.js';
import type { EventLine } from '../../../event/event-line.js';
import { parseLine } from '../../../event/line.js';
import { findHoldersOfSync } from '../../../lock/holders.js';
import { native } from '../../../native/addon.js';
import {
  durabilityLevel,
  type Writer,
  type WriterDetails,
  type WriterReply,
  writerFlag,
  writerStatus,
} from '../../../native/protocol.js';
import { LineBuffer, roomFor } from './line-buffer.js';

/** The events of one call, which are acknowledged or rejected together: one event by its result, several by theirs. */
type Call = (
  | { readonly count: undefined; readonly resolve: (result: AppendResult) => void }
  | { readonly count: number; readonly resolve: (results: AppendResult[]) => void }
) & {
  /** Where the file must end, in bytes. */
  readonly ifEnd: number | undefined;
  readonly reject: (error: Error) => void;
};

/** What crosses to the writer at once. */
interface Batch {
  readonly lines: LineBuffer;
  readonly ids: (string | undefined)[];
  readonly calls: Call[];
  conditions: number[] | undefined;
}

const never = { maxBytes: 0, maxAge: 0, keep: Number.POSITIVE_INFINITY };
const longestLockTimeout = 2 ** 40;

/** Above this, in bytes, {@link Appender.ready} waits. */
const mostPending = 16 * 1024 * 1024;

/** A batch does not wait for the end of the turn, nor takes another call, once it would be larger, in bytes. */
const mostBatch = 1024 * 1024;

/** So many events do not wait for the end of the turn: the writer begins with them while the rest of it makes more. */
const enough = 16;

/** Those with appends that are not settled. */
const busy = new Set<Appender>();

function finishBusy(): void {
  for (const appender of busy) appender.finish();
}

export class Appender {
  readonly #path: NativePath;
  readonly #name: string;
  readonly #settings: Settings;
  readonly #writer: Writer;
  readonly #log: CommitLog;
  readonly #mostBatch: number;
  /** What crosses next. */
  #batch: Batch | undefined;
  /** What has crossed and is not settled, the oldest first. */
  #sent: Batch[] = [];
  /** How many batches were begun, and how many of them are settled. */
  #made = 0;
  #settled = 0;
  #known = { ids: 0, bytes: 0 };
  #pending = { events: 0, bytes: 0 };
  #waiting: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #closed: () => void = () => {};
  #opened: ((error: Error | undefined) => void) | undefined;
  /** Why nothing can be appended any more. */
  #broken: HoldfastError | undefined;

  constructor(path: NativePath, settings: Settings) {
    this.#path = path;
    this.#name = path.toString();
    this.#settings = settings;
    this.#log = new CommitLog(this.#name);
    atExit('write pending appends', finishBusy);
    const { idKey, window, maxLineBytes, rotation } = settings;
    const { maxBytes: rotateBytes, maxAge: rotateAge, keep } = rotation ?? never;
    this.#mostBatch = rotateBytes > 0 ? Math.min(mostBatch, rotateBytes) : mostBatch;
    this.#writer = new native.Writer(
      this.#path,
      {
        lockTimeout: Math.min(settings.lockTimeout, longestLockTimeout),
        durability: durabilityLevel[settings.durability],
        idKey,
        window,
        maxLineBytes,
        rotateBytes,
        rotateAge: Math.min(rotateAge, longestLockTimeout),
        keep,
      },
      (...reply) => this.#settle(...reply),
    );
  }

  /** Creates the file, and the directories above it. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = (error) => (error ? reject(error) : resolve());
      this.#writer.open();
    });
  }

  /** Appends one line. */
  append(
    line: EventLine,
    ifEnd: number | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
  ): void {
    this.#add([line], { count: undefined, ifEnd, resolve, reject });
  }

  /** Appends lines of which all are acknowledged or none. */
  appendMany(
    lines: readonly EventLine[],
    ifEnd: number | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
  ): void {
    this.#add(lines, { count: lines.length, ifEnd, resolve, reject });
  }

  /** As {@link append}, and blocks the thread until it is settled, with all that was appended before. */
  appendSync(line: EventLine, ifEnd: number | undefined): AppendResult {
    let result: AppendResult | undefined;
    let failure: Error | undefined;
    this.append(
      line,
      ifEnd,
      (settled) => {
        result = settled;
      },
      (error) => {
        failure = error;
      },
    );
    this.send();
    while (!result && !failure && this.#writer.settleNext());
    if (result) return result;
    throw failure ?? new Error('the append was not settled'); // for want of memory
  }

  #add(lines: readonly EventLine[], call: Call): void {
    if (this.#broken) {
      call.reject(this.#broken);
      return;
    }
    const room = roomFor(lines);
    // With rotation, what crosses together must fit into one file.
    if (this.#batch && this.#batch.lines.length + room > this.#mostBatch) this.send();
    const batch = this.#batch ?? this.#begin();
    batch.lines.reserve(room); // from here on nothing fails
    if (call.ifEnd !== undefined) {
      batch.conditions ??= [];
      batch.conditions.push(batch.ids.length, lines.length, call.ifEnd);
    }
    const before = batch.lines.length;
    for (const { text, id } of lines) {
      batch.lines.add(text);
      batch.ids.push(id);
    }
    batch.calls.push(call);
    this.#pending.events += lines.length;
    this.#pending.bytes += batch.lines.length - before;
    if (isExiting()) this.finish();
    else if (batch.ids.length >= enough || batch.lines.length > this.#mostBatch) this.send();
  }

  #begin(): Batch {
    const batch: Batch = { lines: new LineBuffer(), ids: [], calls: [], conditions: undefined };
    this.#batch = batch;
    this.#made++;
    if (this.#sent.length === 0) busy.add(this);
    process.nextTick(send, this);
    return batch;
  }

  /** Hands over what was appended so far. */
  send(): void {
    const batch = this.#batch;
    if (!batch) return;
    const { lines, ids, calls, conditions } = batch;
    this.#batch = undefined;
    try {
      this.#writer.append(lines.buffer, lines.length, ids.length, conditions);
      this.#sent.push(batch);
    } catch (error) {
      // There was no memory for it: nothing of it has crossed.
      this.#made--;
      this.#pending.events -= ids.length;
      this.#pending.bytes -= lines.length;
      for (const call of calls) call.reject(error as Error);
      this.#wakeWaiting();
    }
    lines.release();
  }

  /** True when nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  stats(): ChronicleStats {
    return { ...this.#log.stats(), pending: { ...this.#pending }, known: { ...this.#known } };
  }

  /** Resolves when not too much is pending. */
  ready(): Promise<void> {
    return this.#until(() => this.#pending.bytes <= mostPending);
  }

  /** Resolves when everything that was appended before is settled. */
  drain(): Promise<void> {
    const last = this.#made;
    return this.#until(() => this.#settled >= Math.min(last, this.#made));
  }

  /** Resolves when the file is closed. What is appended from now on is refused. */
  close(): Promise<void> {
    this.#broken ??= new HoldfastError('ECLOSED', `the chronicle '${this.#name}' is closed`, {
      path: this.#name,
    });
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      this.#writer.close();
    });
    return this.#closing;
  }

  /** At the end of the process: what was appended is written. Nobody waits for the promises any more. */
  finish(): void {
    this.send();
    while (this.#sent.length > 0 && this.#writer.settleNext());
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #settle(...reply: Parameters<WriterReply>): void {
    const [status, count, written, start, end, waited, synced, flags, knownIds, knownBytes, details] = reply;
    if (status === writerStatus.ask) {
      this.#answer(details?.questions ?? []);
      return;
    }
    if (status === writerStatus.closed) {
      this.#closed();
      return;
    }
    if (this.#opened) {
      this.#opened(details?.error && this.#ioError(details));
      this.#opened = undefined;
      return;
    }
    const batches = this.#sent.splice(0, count);
    this.#known = { ids: knownIds, bytes: knownBytes };
    this.#settled += count;
    for (const { lines, ids } of batches) {
      this.#pending.events -= ids.length;
      this.#pending.bytes -= lines.length;
    }
    if (status === writerStatus.committed) {
      const duplicates = details?.duplicates.length ?? 0;
      const { healed, rotated } = writerFlag;
      this.#log.record(
        written,
        duplicates,
        end - start,
        waited,
        synced,
        (flags & healed) !== 0,
        (flags & rotated) !== 0,
      );
      this.#acknowledge(batches, start, end, details);
    } else {
      const error = this.#errorOf(status, waited, details);
      for (const { calls } of batches) for (const call of calls) call.reject(error);
    }
    this.#wakeWaiting();
  }

  /** When something is pending no more. */
  #wakeWaiting(): void {
    if (this.#sent.length === 0 && !this.#batch) busy.delete(this);
    // After the promises of these calls, which are some microtasks longer.
    for (const resolve of this.#waiting.splice(0)) process.nextTick(resolve);
  }

  #acknowledge(
    batches: readonly Batch[],
    start: number,
    end: number,
    details: WriterDetails | undefined,
  ): void {
    let offset = start;
    let number = 0;
    let nextDuplicate = 0;
    let nextConflict = 0;
    const settle = (eventId: string | undefined, length: number): AppendResult => {
      const duplicate = details?.duplicates[nextDuplicate];
      if (duplicate?.line === number) {
        number++;
        nextDuplicate++;
        const { offset: first, path } = duplicate;
        return path === undefined
          ? { offset: first, eventId, duplicate: true }
          : { offset: first, eventId, duplicate: true, rotated: path };
      }
      const result = { offset, eventId, duplicate: false };
      number++;
      offset += length;
      return result;
    };
    for (const { ids, lines, calls } of batches) {
      const { lengths } = lines;
      let index = 0;
      for (const call of calls) {
        const { count = 1, ifEnd, reject } = call;
        if (details && ifEnd !== undefined && details.conflicts[nextConflict] === number) {
          nextConflict++;
          number += count;
          while ((details.duplicates[nextDuplicate]?.line ?? number) < number) nextDuplicate++;
          reject(conflict(this.#name, ifEnd, end));
        } else if (call.count === undefined) {
          call.resolve(settle(ids[index], lengths[index] as number));
        } else {
          const first = index;
          call.resolve(
            Array.from({ length: count }, (_, i) => settle(ids[first + i], lengths[first + i] as number)),
          );
        }
        index += count;
      }
    }
  }

  /** Tells which lines are in the file already: those whose id is that of the event that stands there. */
  #answer(questions: WriterDetails['questions']): void {
    const { idKey } = this.#settings;
    // Questions are in the order of the lines.
    const batches = this.#sent.values();
    let ids: readonly (string | undefined)[] = [];
    let first = 0;
    const answers = questions.map(({ line, offset, text }) => {
      while (line >= first + ids.length) {
        first += ids.length;
        ids = batches.next().value?.ids ?? [];
      }
      const parsed = parseLine(text, offset, text.length);
      return parsed.kind === 'event' && idOf(parsed.event, idKey) === ids[line - first];
    });
    this.#writer.answer(answers);
  }

  #errorOf(status: number, waited: number, details: WriterDetails | undefined): HoldfastError {
    if (status === writerStatus.lockTimeout) {
      const [dev, ino] = details?.file.split(':') ?? [];
      const holders = dev && ino ? findHoldersOfSync({ dev: BigInt(dev), ino: BigInt(ino) }) : [];
      return lockTimeout({ path: this.#name, mode: 'exclusive', waited: waited / 1e6, holders });
    }
    if (status === writerStatus.poisoned && this.#broken) return this.#broken;
    if (status !== writerStatus.unknown) return this.#ioError(details);
    this.#broken ??= poisoned(this.#systemError(details), this.#name);
    const error = outcomeUnknown(this.#systemError(details), this.#name);
    this.#log.recordPoison(error);
    return error;
  }

  #systemError(details: WriterDetails | undefined): Error {
    return systemError(
      details?.error ?? { errno: 5, syscall: 'write', text: 'input/output error' },
      this.#name,
    );
  }

  #ioError(details: WriterDetails | undefined): HoldfastError {
    return ioError(this.#systemError(details), this.#name);
  }
}

function send(appender: Appender): void {
  appender.send();
}
