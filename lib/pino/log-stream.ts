/**
 * A stream that appends what a logger writes to a chronicle. One block of lines is on its way to the file at a time,
 * and what comes meanwhile forms the next, so that the lines of a logger stay in order, whatever fails.
 */
import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { clearTimeout, setTimeout } from 'node:timers';
import { isMainThread } from 'node:worker_threads';
import { atExit, isExiting } from '../base/at-exit.js';
import { HoldfastError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import type { Settings } from '../chronicle/options.js';
import { FileEngine } from '../engines/file/file-engine.js';
import { type LogLines, LogText } from './log-text.js';
import { forgetAtSignals, writeAtSignals } from './signals.js';

/** A block of lines has at most as many UTF-16 code units: a commit as large takes a few milliseconds. */
const maxBlockLength = 1024 * 1024;

/** One UTF-16 code unit takes at most as many bytes as UTF-8. */
const maxBytesPerUnit = 3;

/** While more than this waits, in UTF-16 code units, the stream says that it is full. */
const highWaterMark = 1024 * 1024;

/** Who goes on although it is full is blocked when as much waits, in UTF-16 code units. */
const maxWaiting = 16 * 1024 * 1024;

/**
 * In pino's worker, a write says that the stream is full until its lines are in the file, and what the logger writes
 * meanwhile comes in one piece: for each piece, one thread wakes the other, which costs more than all that is done with
 * its lines. But not longer than so, in milliseconds: the file may be locked, or the disk full.
 */
const gatheringTime = 5;

/** After a failure, in milliseconds: twice as long each time. */
const firstRetry = 100;
const lastRetry = 5000;

type Callback = (error?: Error | null) => void;

interface Flush {
  /** When so many UTF-16 code units have been written. */
  readonly until: number;
  readonly callback: Callback;
}

/** Of this thread: those that are not closed. */
const openStreams = new Set<LogStream>();

export class LogStream extends Writable {
  readonly #path: string;
  readonly #engine: FileEngine;
  readonly #decoder = new StringDecoder();
  readonly #text: LogText;
  readonly #maxBlockLength: number;
  readonly #sync: boolean;
  #isOpen = false;
  /** On its way to the file, or waiting to be sent again; and how much of the text it was. */
  #block: (LogLines & { readonly length: number }) | undefined;
  /** Whether the block is on its way. */
  #isSent = false;
  /** Whether it was sent after the end. */
  #isLastAttempt = false;
  #isScheduled = false;
  /** Whether somebody was told so, and waits for `drain`. */
  #isFull = false;
  /** Until when it says that it is full, although it has room. */
  #gathering: NodeJS.Timeout | undefined;
  #final: Callback | undefined;
  #flushes: Flush[] = [];
  /** In UTF-16 code units, since the beginning. */
  #accepted = 0;
  /** Why the last attempt failed; undefined: it did not. */
  #failure: Error | undefined;
  #retryAfter = firstRetry;
  #retry: NodeJS.Timeout | undefined;
  #dropped = 0;

  constructor(
    path: NativePath,
    settings: Settings,
    { sync, signals }: { readonly sync: boolean; readonly signals: boolean },
  ) {
    // What waits is kept here, where the exit finds it, and not in the buffer of the stream, which is never full.
    super({ decodeStrings: false, highWaterMark: Number.MAX_SAFE_INTEGER });
    this.#path = path.toString();
    this.#text = new LogText(settings.maxEventBytes);
    // A block must fit into one file.
    const maxBytes = settings.rotation?.maxBytes || Number.POSITIVE_INFINITY;
    this.#maxBlockLength = Math.min(maxBlockLength, Math.max(1, Math.floor(maxBytes / maxBytesPerUnit)));
    this.#sync = sync;
    const { engine, opened } = FileEngine.begin(path, settings);
    this.#engine = engine;
    // In pino's worker: the main thread may have nothing more to do, and end, before it hears of an error that comes later.
    const failure = isMainThread ? undefined : engine.finishOpening();
    if (failure !== undefined && !isLockTimeout(failure)) {
      opened.catch(() => {}); // it is thrown here
      void engine.close();
      throw failure;
    }
    openStreams.add(this);
    atExit('write pending appends', writeRest);
    if (signals) writeAtSignals(this);
    opened.then(
      () => this.#opened(),
      (error) => (isLockTimeout(error) ? this.#opened() : this.destroy(error)),
    );
  }

  /**
   * As that of every stream; but who ignores that it returned false is not left to fill the memory: this blocks until
   * there is room. If there can be none, what is written is dropped, which the event `drop` tells.
   */
  override write(
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | Callback,
    callback?: Callback,
  ): boolean {
    if (this.#text.length > maxWaiting && !this.destroyed && !this.#makeRoom()) {
      this.#dropped++;
      this.emit('drop', chunk);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (done) process.nextTick(done, this.#failure);
      return false;
    }
    const hasRoom =
      typeof encoding === 'function'
        ? super.write(chunk, encoding)
        : super.write(chunk, encoding as BufferEncoding, callback);
    if (!isMainThread && !this.#sync) this.#gathering ??= setTimeout(stopGathering, gatheringTime, this);
    if (this.#hasRoom) return hasRoom;
    this.#isFull = true;
    return false;
  }

  get #hasRoom(): boolean {
    return this.#text.length <= highWaterMark && this.#gathering === undefined;
  }

  stopGathering(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#settle();
  }

  #makeRoom(): boolean {
    if (this.#failure === undefined) this.#tryToFlush();
    if (this.#text.length <= maxWaiting) return true;
    if (this.#dropped === 0)
      this.#warn('HOLDFAST_LOG_DROPPED', 'cannot be written, and lines are dropped', this.#failure);
    return false;
  }

  override _write(chunk: string | Buffer, _encoding: string, callback: Callback): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.write(chunk);
    this.#text.add(text);
    this.#accepted += text.length;
    if (this.#sync && this.#failure === undefined) {
      this.#tryToFlush();
    } else if (this.#text.length > highWaterMark || isExiting()) {
      this.#send();
    } else if (!this.#isScheduled && this.#block === undefined) {
      this.#isScheduled = true;
      process.nextTick(sendScheduled, this);
    }
    callback();
  }

  override _final(callback: Callback): void {
    this.#text.end();
    this.#final = callback;
    this.#tryAgain();
    this.#settle();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    openStreams.delete(this);
    clearTimeout(this.#retry);
    clearTimeout(this.#gathering);
    forgetAtSignals(this);
    for (const flush of this.#flushes.splice(0)) flush.callback(error ?? closed(this.#path));
    this.#engine
      .drain()
      .then(() => this.#engine.close())
      .then(
        () => callback(error),
        (failure) => callback(error ?? failure),
      );
  }

  /** Calls back when everything that was written before is in the file, as durable as was asked for. */
  flush(callback: Callback = () => {}): void {
    if (this.destroyed) {
      process.nextTick(callback, closed(this.#path));
      return;
    }
    this.#flushes.push({ until: this.#accepted, callback });
    this.#send();
    process.nextTick(() => this.#settle());
  }

  /** As {@link flush}, and blocks the thread. Throws what keeps it from being written; that is tried again later. */
  flushSync(): void {
    clearTimeout(this.#retry);
    this.#failure = undefined;
    for (this.#send(true); this.#isSent; this.#send(true)) this.#engine.drainSync();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tryToFlush(): void {
    try {
      this.flushSync();
    } catch {
      // It is reported where it failed, and tried again.
    }
  }

  /** At the exit: what was written to the stream is written to the file; nobody waits for an answer. */
  sendRest(): void {
    this.#text.end();
    this.#failure = undefined;
    this.#send(true);
  }

  /** What was written in this turn of the event loop is written together. */
  sendScheduled(): void {
    this.#isScheduled = false;
    this.#send();
  }

  #opened(): void {
    this.#isOpen = true;
    this.emit('ready');
    this.#send();
    this.#settle();
  }

  /**
   * Hands over the next block, unless one is on its way.
   *
   * @param now also if the file is not open yet
   */
  #send(now: boolean = isExiting()): void {
    if (this.#isSent || this.#failure !== undefined || this.destroyed || !(this.#isOpen || now)) return;
    this.#block ??= this.#next();
    if (this.#block === undefined) return;
    this.#isSent = true;
    this.#isLastAttempt = this.#final !== undefined;
    const { texts, lines } = this.#block;
    this.#engine.appendText(
      texts,
      lines,
      () => this.#written(),
      (error) => this.#failed(error),
    );
  }

  #next(): (LogLines & { readonly length: number }) | undefined {
    const { length } = this.#text;
    const taken = this.#text.take(this.#maxBlockLength);
    return taken && { ...taken, length: length - this.#text.length };
  }

  #written(): void {
    this.#isOpen = true;
    this.#isSent = false;
    this.#block = undefined;
    this.#retryAfter = firstRetry;
    if (this.#dropped > 0) {
      this.#warn('HOLDFAST_LOG_DROPPED', `can be written again; ${this.#dropped} lines were dropped`);
      this.#dropped = 0;
    }
    this.#send();
    if (this.#block === undefined) this.stopGathering();
    else this.#settle();
  }

  #failed(error: Error): void {
    this.#isSent = false;
    this.#failure = error;
    const isLast = this.#isLastAttempt || this.#engine.isBroken;
    if (isLast || (!this.#isOpen && !isLockTimeout(error))) {
      this.destroy(error);
      return;
    }
    if (this.#final !== undefined) {
      this.#tryAgain();
      return;
    }
    if (this.#retryAfter === firstRetry)
      this.#warn('HOLDFAST_LOG_RETRY', 'cannot be written, and is tried again', error);
    // A process that has nothing else to do may end: then the last attempt is made at its exit.
    this.#retry = setTimeout(() => this.#tryAgain(), this.#retryAfter).unref();
    this.#retryAfter = Math.min(2 * this.#retryAfter, lastRetry);
  }

  #tryAgain(): void {
    clearTimeout(this.#retry);
    this.#failure = undefined;
    this.#send();
  }

  /** Tells those who wait for what was written, or for room. */
  #settle(): void {
    if (this.#isFull && this.#hasRoom) {
      this.#isFull = false;
      process.nextTick(() => this.emit('drain'));
    }
    // All that is left then is a line that has no end yet.
    const isIdle = this.#isOpen && this.#block === undefined;
    const written = this.#accepted - this.#text.length - (this.#block?.length ?? 0);
    while (this.#flushes[0] && (isIdle || this.#flushes[0].until <= written))
      this.#flushes.shift()?.callback();
    if (!this.#final || !isIdle) return;
    const final = this.#final;
    this.#final = undefined;
    final();
  }

  #warn(code: string, what: string, error?: Error): void {
    const why = error === undefined ? '' : `: ${error.message}`;
    process.emitWarning(`The log '${this.#path}' ${what}${why}`, { type: 'HoldfastWarning', code });
  }
}

function sendScheduled(stream: LogStream): void {
  stream.sendScheduled();
}

function stopGathering(stream: LogStream): void {
  stream.stopGathering();
}

function writeRest(): void {
  for (const stream of openStreams) stream.sendRest();
}

function closed(path: string): HoldfastError {
  return new HoldfastError('ECLOSED', `the log '${path}' is closed`, { path });
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ELOCK_TIMEOUT';
}
