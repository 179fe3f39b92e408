/**
 * Group commit: appends that are made in the same turn of the event loop cross to the batch writer (native/append)
 * together, and all that is there when it is ready forms one commit. Here the callers are settled, and the questions are
 * answered that only a JSON parser can answer.
 */
import {
  conflict,
  HoldfastError,
  lockTimeout,
  outcomeUnknown,
  poisoned,
  refused,
  systemError,
} from '../errors.js';
import { holdersOfFile } from '../lock/holders.js';
import {
  durabilities,
  type NativePath,
  native,
  type Writer,
  type WriterDetails,
  type WriterReply,
  writerFlags,
  writerStatus,
} from '../native.js';
import { type ChronicleStats, CommitLog } from './diagnostics.js';
import { type EventLine, idOf } from './event-id.js';
import { parseLine } from './line.js';
import type { Settings } from './options.js';

/** Where an event stands now. */
export interface AppendResult {
  /** In bytes, from the beginning of the file. Of a duplicate: where the first copy stands. */
  readonly offset: number;
  /** Undefined for an event without id (`computeId: false`). */
  readonly eventId: string | undefined;
  /** True where the event was in the file already and was not written again. */
  readonly duplicate: boolean;
  /** Of a duplicate whose first copy is in a file that was rotated away: the path of that file. */
  readonly rotated?: string;
}

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
  text: string;
  /** Of the text: in bytes where that matters, because the file is rotated by size; else in characters. */
  size: number;
  readonly lines: EventLine[];
  readonly calls: Call[];
  conditions: number[] | undefined;
}

const longestLockTimeout = 2 ** 40;

/** Above this, in characters, {@link Appender.ready} waits. */
const mostPending = 16 * 1024 * 1024;

/** A batch does not wait for the end of the turn, nor takes another call, once it would be larger. */
const mostBatch = 1024 * 1024;

/**
 * While the writer has nothing to do, so many events are enough for it to begin: it writes and syncs them while the rest
 * of the turn makes more.
 */
const enough = 16;

/** Those with appends that are not settled. */
const busy = new Set<Appender>();
let watchesExit = false;
/** Set when nothing comes after this turn: what is appended by listeners of `exit` behind ours is written at once. */
let exiting = false;

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
  #pending = { events: 0, characters: 0 };
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
    const { idKey, window, maxLineBytes, rotateBytes, rotateAge, keep } = settings;
    this.#mostBatch = rotateBytes > 0 ? Math.min(mostBatch, rotateBytes) : mostBatch;
    this.#writer = new native.Writer(
      this.#path,
      {
        lockTimeout: Math.min(settings.lockTimeout, longestLockTimeout),
        durability: durabilities.indexOf(settings.durability),
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
    const text = `${line.text}\n`;
    const batch = this.#begin(text, ifEnd, 1, reject);
    if (!batch) return;
    batch.calls.push({ count: undefined, ifEnd, resolve, reject });
    batch.lines.push(line);
    this.#added(batch, 1, text.length);
  }

  /** Appends lines of which all are acknowledged or none. */
  appendMany(
    lines: readonly EventLine[],
    ifEnd: number | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
  ): void {
    let text = '';
    for (const line of lines) text += `${line.text}\n`;
    const batch = this.#begin(text, ifEnd, lines.length, reject);
    if (!batch) return;
    batch.calls.push({ count: lines.length, ifEnd, resolve, reject });
    for (const line of lines) batch.lines.push(line);
    this.#added(batch, lines.length, text.length);
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
    while (!failure) {
      if (result) return result;
      this.#writer.settleNext();
    }
    throw failure;
  }

  /** The batch that crosses next, with the text and the condition of a call that comes into it. */
  #begin(
    text: string,
    ifEnd: number | undefined,
    lines: number,
    reject: (error: Error) => void,
  ): Batch | undefined {
    if (this.#broken) {
      reject(this.#broken);
      return undefined;
    }
    // What crosses together stays in one file, so with rotation it must fit into one.
    const size = this.#settings.rotateBytes > 0 ? Buffer.byteLength(text) : text.length;
    if (this.#batch && this.#batch.size + size > this.#mostBatch) this.send();
    let batch = this.#batch;
    if (!batch) {
      batch = { text: '', size: 0, lines: [], calls: [], conditions: undefined };
      this.#batch = batch;
      this.#made++;
      if (this.#sent.length === 0) this.#watchExit();
      process.nextTick(send, this);
    }
    if (ifEnd !== undefined) {
      batch.conditions ??= [];
      batch.conditions.push(batch.lines.length, lines, ifEnd);
    }
    batch.text += text;
    batch.size += size;
    return batch;
  }

  #added(batch: Batch, lines: number, characters: number): void {
    this.#pending.events += lines;
    this.#pending.characters += characters;
    const isIdle = this.#sent.length === 0 && batch.lines.length >= enough;
    if (exiting) this.finish();
    else if (isIdle || batch.size > this.#mostBatch) this.send();
  }

  /** Hands over what was appended so far. */
  send(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    this.#sent.push(batch);
    this.#writer.append(batch.text, batch.lines.length, batch.conditions);
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
    return this.#until(() => this.#pending.characters <= mostPending);
  }

  /** Resolves when everything that was appended before is settled. */
  drain(): Promise<void> {
    const last = this.#made;
    return this.#until(() => this.#settled >= last);
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
    while (this.#sent.length > 0) this.#writer.settleNext();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #watchExit(): void {
    busy.add(this);
    if (watchesExit) return;
    watchesExit = true;
    process.on('exit', () => {
      exiting = true;
      for (const appender of busy) appender.finish();
    });
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
      this.#opened(details?.error && this.#refused(details));
      this.#opened = undefined;
      return;
    }
    const batches = this.#sent.splice(0, count);
    this.#known = { ids: knownIds, bytes: knownBytes };
    this.#settled += count;
    if (status === writerStatus.committed) {
      let events = 0;
      let characters = 0;
      for (const { text, lines } of batches) {
        events += lines.length;
        characters += text.length;
      }
      this.#pending.events -= events;
      this.#pending.characters -= characters;
      const duplicates = details?.duplicates.length ?? 0;
      const { healed, rotated } = writerFlags;
      this.#log.record(
        written,
        duplicates,
        end - start,
        waited,
        synced,
        (flags & healed) !== 0,
        (flags & rotated) !== 0,
      );
      // Where all was written and is ASCII, characters are bytes and need no counting.
      this.#acknowledge(batches, start, end, !details && characters === end - start, details);
    } else {
      const error = this.#errorOf(status, waited, details);
      for (const { text, lines, calls } of batches) {
        this.#pending.events -= lines.length;
        this.#pending.characters -= text.length;
        for (const call of calls) call.reject(error);
      }
    }
    if (this.#sent.length === 0 && !this.#batch) busy.delete(this);
    // After the promises of these calls, which are some microtasks longer.
    if (this.#waiting.length > 0) {
      for (const resolve of this.#waiting.splice(0)) process.nextTick(resolve);
    }
  }

  #acknowledge(
    batches: readonly Batch[],
    start: number,
    end: number,
    ascii: boolean,
    details: WriterDetails | undefined,
  ): void {
    let offset = start;
    let number = 0;
    let nextDuplicate = 0;
    let nextConflict = 0;
    const settle = ({ text, id }: EventLine): AppendResult => {
      const duplicate = details?.duplicates[nextDuplicate];
      if (duplicate?.line === number) {
        number++;
        nextDuplicate++;
        const { offset: first, path } = duplicate;
        return path === undefined
          ? { offset: first, eventId: id, duplicate: true }
          : { offset: first, eventId: id, duplicate: true, rotated: path };
      }
      const result = { offset, eventId: id, duplicate: false };
      number++;
      offset += 1 + (ascii ? text.length : Buffer.byteLength(text));
      return result;
    };
    for (const { lines, calls } of batches) {
      let index = 0;
      for (const call of calls) {
        const { count = 1, ifEnd, reject } = call;
        if (details && ifEnd !== undefined && details.conflicts[nextConflict] === number) {
          nextConflict++;
          number += count;
          while ((details.duplicates[nextDuplicate]?.line ?? number) < number) nextDuplicate++;
          reject(conflict(this.#name, ifEnd, end));
        } else if (call.count === undefined) {
          call.resolve(settle(lines[index] as EventLine));
        } else {
          call.resolve(lines.slice(index, index + count).map(settle));
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
    let lines: readonly EventLine[] = [];
    let first = 0;
    const answers = questions.map(({ line, offset, text }) => {
      while (line >= first + lines.length) {
        first += lines.length;
        lines = batches.next().value?.lines ?? [];
      }
      const parsed = parseLine(text, offset, text.length);
      return parsed.kind === 'event' && idOf(parsed.event, idKey) === lines[line - first]?.id;
    });
    this.#writer.answer(answers);
  }

  #errorOf(status: number, waited: number, details: WriterDetails | undefined): HoldfastError {
    if (status === writerStatus.lockTimeout) {
      const [dev, ino] = details?.file.split(':') ?? [];
      const holders = dev && ino ? holdersOfFile(BigInt(dev), BigInt(ino)) : [];
      return lockTimeout(this.#name, 'exclusive', waited / 1e6, holders);
    }
    if (status === writerStatus.poisoned && this.#broken) return this.#broken;
    if (status !== writerStatus.unknown) return this.#refused(details);
    this.#broken ??= poisoned(this.#systemError(details), this.#name);
    return outcomeUnknown(this.#systemError(details), this.#name);
  }

  #systemError(details: WriterDetails | undefined): Error {
    return systemError(
      details?.error ?? { errno: 5, syscall: 'write', text: 'input/output error' },
      this.#name,
    );
  }

  #refused(details: WriterDetails | undefined): HoldfastError {
    return refused(this.#systemError(details), this.#name);
  }
}

function send(appender: Appender): void {
  appender.send();
}
