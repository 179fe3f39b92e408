/**
 * Group commit: appends that are made while a batch is on its way form the next batch. Finds the duplicates in it,
 * hands it to the batch writer (native/append), and settles its callers.
 */
import type { FileHandle } from 'node:fs/promises';
import { HoldfastError, lockTimeout, outcomeUnknown, poisoned, refused, systemError } from '../errors.js';
import { holdersOfFile, type LockHolder } from '../lock/holders.js';
import { type CommitResult, type NativePath, native, type Writer } from '../native.js';
import { DedupeWindow, type Place } from './dedupe-window.js';
import { type EventLine, idOf } from './event-id.js';
import { parseLine } from './line.js';
import { LineSplitter } from './line-splitter.js';
import type { Settings } from './options.js';
import { openForReading, readBackwards, refusing } from './reader.js';

/** Where an event stands now. */
export interface AppendResult {
  /** In bytes, from the beginning of the file. Of a duplicate: where the first copy stands. */
  readonly offset: number;
  /** Undefined for an event without id (`computeId: false`). */
  readonly eventId: string | undefined;
  /** True where the event was in the file already and was not written again. */
  readonly duplicate: boolean;
}

/** The events of one call, which are acknowledged or rejected together. */
interface Call {
  readonly lines: readonly EventLine[];
  readonly resolve: (results: AppendResult[]) => void;
  readonly reject: (error: Error) => void;
}

/** A batch as it goes to the writer. */
interface Batch {
  /** The lines that are new, as they will stand in the file. */
  readonly text: string;
  readonly newLines: readonly EventLine[];
  /** For each duplicate, the first copy: one in the file, or one of `newLines`. */
  readonly copies: ReadonlyMap<EventLine, Place | EventLine>;
  readonly mustSync: boolean;
}

const durabilities = ['none', 'data', 'full'] as const;
const mostBatchCharacters = 4 * 1024 * 1024;
const longestLockTimeout = 2 ** 40;

/** Ids that JSON writes as they are, or else with \u. */
const plainId = /^[\w.:-]+$/;

export class Appender {
  readonly #path: NativePath;
  readonly #name: string;
  readonly #settings: Settings;
  readonly #writer: Writer;
  #waiting: Call[] = [];
  #running: Promise<void> | undefined;
  /** Why nothing can be appended any more. */
  #broken: HoldfastError | undefined;

  // What is known of the file: its identity, how far it was looked at, and how far it is known to be synced.
  #file = '';
  #seenEnd = 0;
  #syncedEnd = 0;
  #window: DedupeWindow;

  constructor(path: NativePath, settings: Settings) {
    this.#path = path;
    this.#name = path.toString();
    this.#settings = settings;
    this.#window = new DedupeWindow(settings.window);
    const timeout = Math.min(settings.lockTimeout, longestLockTimeout);
    this.#writer = new native.Writer(path, timeout, durabilities.indexOf(settings.durability));
  }

  /** Creates the file, and the directories above it. */
  async open(): Promise<void> {
    const result = await new Promise<CommitResult>((resolve) => this.#writer.open(resolve));
    if (result.error) throw this.#refused(result);
  }

  append(lines: readonly EventLine[]): Promise<AppendResult[]> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      this.#waiting.push({ lines, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** True when nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Resolves when everything that was appended before is settled. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running === undefined) return resolve();
      // A call without events: batches keep the order of the calls. The next tick comes after the promises of the
      // calls before, which are some microtasks longer.
      const settled = () => process.nextTick(resolve);
      this.#waiting.push({ lines: [], resolve: settled, reject: settled });
    });
  }

  close(): void {
    this.#broken ??= new HoldfastError('ECLOSED', `the chronicle '${this.#name}' is closed`, {
      path: this.#name,
    });
    this.#writer.close();
  }

  async #run(): Promise<void> {
    for (;;) {
      // Callers who go on after the last batch, or who call in the same turn of the event loop, share this one.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (this.#waiting.length === 0) break;
      const calls = this.#takeCalls();
      try {
        await this.#commit(calls);
      } catch (error) {
        for (const call of calls) call.reject(error as Error);
      }
      if (this.#broken) for (const call of this.#waiting.splice(0)) call.reject(this.#broken);
    }
    this.#running = undefined;
  }

  #takeCalls(): Call[] {
    let characters = 0;
    let count = 0;
    for (const { lines } of this.#waiting) {
      for (const { text } of lines) characters += text.length;
      if (count > 0 && characters > mostBatchCharacters) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(calls: readonly Call[]): Promise<void> {
    for (;;) {
      const batch = this.#form(calls);
      if (batch.newLines.length === 0 && batch.copies.size === 0) {
        for (const { resolve } of calls) resolve([]);
        return;
      }
      const result = await this.#send(batch);
      switch (result.status) {
        case 'committed':
          return this.#acknowledge(calls, batch, result);
        case 'behind':
          // The lock is still held for us, for a moment: look at what is new and go on at once.
          this.#takeUp(result.foreign ?? Buffer.alloc(0));
          this.#seenEnd = result.end;
          break;
        case 'reload':
          await this.#reload(result);
          break;
        case 'lockTimeout':
          throw lockTimeout(this.#name, 'exclusive', result.waited, this.#holders(result));
        case 'failed':
          throw this.#refused(result);
        case 'unknown':
          this.#broken = poisoned(this.#systemError(result), this.#name);
          throw outcomeUnknown(this.#systemError(result), this.#name);
      }
    }
  }

  /** Leaves out the events that are in the file already, and those that are in the batch twice. */
  #form(calls: readonly Call[]): Batch {
    const { window: size } = this.#settings;
    const newLines: EventLine[] = [];
    const copies = new Map<EventLine, Place | EventLine>();
    /** The index in `newLines` of the last line with this id. */
    const indexes = new Map<string, number>();
    let text = '';
    let mustSync = false;
    for (const { lines } of calls) {
      for (const line of lines) {
        if (size > 0 && line.id !== undefined) {
          const place = this.#window.get(line.id, newLines.length);
          // A duplicate is acknowledged only when the first copy is durable, whoever wrote it.
          if (place && place.end > this.#syncedEnd) mustSync = true;
          const index = indexes.get(line.id) ?? Number.NEGATIVE_INFINITY;
          const copy = place ?? (index >= newLines.length - size ? newLines[index] : undefined);
          if (copy) {
            copies.set(line, copy);
            continue;
          }
          indexes.set(line.id, newLines.length);
        }
        newLines.push(line);
        text += `${line.text}\n`;
      }
    }
    return { text, newLines, copies, mustSync };
  }

  #send(batch: Batch): Promise<CommitResult> {
    const dedupe = this.#settings.window > 0;
    const ids: string[] = [];
    // Where a copy in the file makes an event a duplicate, lines of others may have moved it out of the window: the
    // window has to be looked at again, with them.
    let exact = ![...batch.copies.values()].some((copy) => 'offset' in copy);
    if (dedupe) {
      for (const { id } of batch.newLines) {
        if (id === undefined) continue;
        ids.push(`"${id}"`);
        exact &&= plainId.test(id);
      }
    }
    return new Promise((resolve) => {
      this.#writer.commit(
        batch.text,
        exact ? ids.join('\n') : '',
        exact,
        dedupe ? this.#file : undefined,
        this.#seenEnd,
        batch.mustSync,
        resolve,
      );
    });
  }

  #acknowledge(calls: readonly Call[], batch: Batch, result: CommitResult): void {
    if (this.#settings.window > 0 && result.foreign) this.#takeUp(result.foreign);
    const written = new Map<EventLine, number>();
    // Where all is ASCII, characters are bytes and need no counting.
    const ascii = result.end - result.start === batch.text.length;
    let offset = result.start;
    for (const line of batch.newLines) {
      const end = offset + 1 + (ascii ? line.text.length : Buffer.byteLength(line.text));
      written.set(line, offset);
      if (this.#settings.window > 0) this.#window.add(line.id, offset, end);
      offset = end;
    }
    this.#seenEnd = result.end;
    if (batch.newLines.length > 0 || batch.mustSync) this.#syncedEnd = result.end;

    const offsetOf = (line: EventLine): number => {
      const copy = batch.copies.get(line);
      return copy && 'offset' in copy ? copy.offset : (written.get(copy ?? line) ?? result.start);
    };
    for (const { lines, resolve } of calls) {
      resolve(
        lines.map((line) => ({
          offset: offsetOf(line),
          eventId: line.id,
          duplicate: batch.copies.has(line),
        })),
      );
    }
  }

  /** Takes up lines that others wrote behind `#seenEnd`. They were read under the lock, so none is half written. */
  #takeUp(bytes: Buffer): void {
    const splitter = new LineSplitter(this.#seenEnd, this.#settings.maxLineBytes);
    for (const line of [...splitter.push(bytes), ...splitter.end()]) {
      const parsed = parseLine(line);
      if (parsed.kind !== 'event') continue;
      this.#window.add(idOf(parsed.event, this.#settings.idKey), line.offset, line.offset + line.length);
    }
  }

  /** Looks at the last events of the file that the path names now, up to where it ended under the lock. */
  async #reload({ file, end }: CommitResult): Promise<void> {
    const { window: size, maxLineBytes, idKey } = this.#settings;
    const found: { id: string | undefined; offset: number; end: number }[] = [];
    let handle: FileHandle;
    try {
      handle = await openForReading(this.#path);
    } catch (error) {
      if (((error as Error).cause as NodeJS.ErrnoException).code === 'ENOENT') return; // removed again, likewise
      throw error;
    }
    try {
      const { dev, ino } = await handle.stat({ bigint: true });
      if (`${dev}:${ino}` !== file) return; // replaced again; the next commit says by what
      search: for await (const lines of refusing(readBackwards(handle, 0, end, maxLineBytes), this.#path)) {
        for (const line of lines) {
          const parsed = parseLine(line);
          if (parsed.kind !== 'event') continue;
          found.push({ id: idOf(parsed.event, idKey), offset: line.offset, end: line.offset + line.length });
          if (found.length === size) break search;
        }
      }
    } finally {
      await handle.close();
    }
    this.#window = new DedupeWindow(size);
    for (const { id, offset, end } of found.reverse()) this.#window.add(id, offset, end);
    this.#file = file;
    this.#seenEnd = end;
    this.#syncedEnd = 0;
  }

  #holders({ file }: CommitResult): LockHolder[] {
    const [dev, ino] = file.split(':');
    return dev && ino ? holdersOfFile(BigInt(dev), BigInt(ino)) : [];
  }

  #systemError(result: CommitResult): Error {
    return systemError(
      result.error ?? { errno: 5, syscall: 'write', text: 'input/output error' },
      this.#name,
    );
  }

  #refused(result: CommitResult): HoldfastError {
    return refused(this.#systemError(result), this.#name);
  }
}
