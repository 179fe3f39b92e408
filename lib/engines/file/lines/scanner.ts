/**
 * Every line of a chronicle's file, forwards or backwards, in batches, without a lock and in bounded memory.
 *
 * Each read begins where a line begins: what was read of a line whose end was not in the chunk is read again
 * with its end, not kept. So a line always comes from one read, and a file that is truncated and written
 * again meanwhile does not make one line out of the halves of two; and a line that is too long is never held
 * at all.
 */
import { setTimeout } from 'node:timers/promises';
import { longLineBytes } from '../../../event/line.js';
import { endOfLinesWithin, type LineBatch, longLine, parseLines, reversed } from './line-batch.js';
import type { LineFilter } from './line-filter.js';
import { type ReadableFile, readAt } from './open-file.js';
import type { FileSource } from './position.js';

export interface ScanOptions {
  /** Only lines that begin at this offset or after it. */
  readonly from: number;
  /** Only lines that begin before this offset. */
  readonly to: number;
  /** Longer lines are corrupt, and are not looked at. */
  readonly maxLineBytes: number;
  /** Lines that need not be parsed. Default: none. */
  readonly filter?: LineFilter | undefined;
  /** For the events to know where they are. Default: they do not. */
  readonly source?: FileSource | undefined;
  /**
   * Forwards only: end before a last line that has no newline, which may still be written. Default: take it.
   */
  readonly leaveUnfinished?: boolean;
  /** The most that is read at once, except for a longer line. Smaller in tests. */
  readonly chunkBytes?: number;
}

const newline = 0x0a;
const defaultChunkBytes = 1024 * 1024;
/** Parsing more at once makes events outlive V8's young generation, so that the collector copies them. */
const batchBytes = 128 * 1024;
/** How much is read at first, for callers who want a few events only; then twice as much each time. */
const firstChunkBytes = 8 * 1024;
const recentlyWrittenMs = 1000;
const waitForWriterMs = 10;

/**
 * The lines of a range, in batches of one chunk. What is written while it reads is read too. A chunk is read
 * ahead while the one before it is parsed.
 */
export async function* scanForwards(file: ReadableFile, options: ScanOptions): AsyncGenerator<LineBatch> {
  const { from, to, maxLineBytes, leaveUnfinished = false, chunkBytes = defaultChunkBytes } = options;
  const reader = new ChunkReader(file, Math.min(firstChunkBytes, chunkBytes));
  if (from > 0) await options.source?.load(file);
  const start = await lineStart(file, from, chunkBytes);
  if (!start.found) return;
  for (let at = start.offset; at < to; ) {
    const chunk = await reader.read(at);
    if (chunk.length === 0) return;
    const end = endOfWholeLines(chunk, to - at);
    if (end > 0) {
      const begin = at;
      at += end;
      if (chunk.length === reader.length && at < to) {
        if (reader.length === chunkBytes) reader.readAhead(at);
        else reader.length = Math.min(2 * reader.length, chunkBytes);
      }
      const lines = chunk.subarray(0, end);
      for (let piece = 0; piece < end; ) {
        const next = endOfLinesWithin(lines, piece, batchBytes);
        yield parseLines(
          lines.subarray(piece, next),
          begin + piece,
          maxLineBytes,
          options.filter,
          options.source,
        );
        piece = next;
      }
      continue;
    }
    // No whole line in the chunk: its rest is after the chunk, or is being written, or will never come.
    const next = await lineStart(file, at + chunk.length + 1, chunkBytes);
    if (!next.found) {
      if (leaveUnfinished) return;
      if (await growsStill(file, next.offset)) continue;
    }
    const batch = await readLine(file, at, next.offset, options);
    if (!batch) continue; // the file has changed
    at = batch.end;
    yield batch;
    if (!next.found) return;
  }
}

/** The same lines, the last one first. Costs what is taken from it, not what the file holds. */
export async function* scanBackwards(file: ReadableFile, options: ScanOptions): AsyncGenerator<LineBatch> {
  const { from, to, maxLineBytes, chunkBytes = batchBytes } = options;
  const size = await settledSize(file);
  await options.source?.load(file);
  const first = await lineStart(file, from, chunkBytes);
  if (!first.found) return;
  // The lines that begin before `to` end where the next line begins.
  let at = to >= size ? size : (await lineStart(file, to, chunkBytes)).offset;
  let length = Math.min(firstChunkBytes, chunkBytes);
  let buffer = Buffer.alloc(0);
  while (at > first.offset) {
    const begin = Math.max(first.offset, at - length);
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
    const chunk = await readAt(file, begin, buffer.subarray(0, at - begin));
    if (chunk.length < at - begin) return; // truncated under our eyes; what was here is gone
    const start = begin === first.offset ? 0 : chunk.indexOf(newline) + 1;
    let batch: LineBatch | undefined;
    if (begin === first.offset || (start > 0 && start < chunk.length)) {
      batch = reversed(
        parseLines(chunk.subarray(start), begin + start, maxLineBytes, options.filter, options.source),
      );
      length = Math.min(2 * length, chunkBytes);
    } else {
      const lastStart = await lastLineStart(file, first.offset, at, chunkBytes);
      if (lastStart !== undefined) batch = await readLine(file, lastStart, at, options);
    }
    if (!batch) return; // truncated as well
    at = batch.begin;
    yield batch;
  }
}

/** The size of the file. If its last line has no newline, its writer gets a moment to finish it. */
async function settledSize(file: ReadableFile): Promise<number> {
  const { size } = await file.stat();
  if (size === 0) return 0;
  const last = await readAt(file, size - 1, Buffer.alloc(1));
  return last[0] !== newline && (await growsStill(file, size)) ? (await file.stat()).size : size;
}

/**
 * True if the file is longer than `size`, or becomes so in a moment. On many file systems (ext4) others see a
 * write of several pages page by page. Without the writers' lock, only its age tells such a line from a torn
 * one.
 */
async function growsStill(file: ReadableFile, size: number): Promise<boolean> {
  const stats = await file.stat();
  if (stats.size > size) return true;
  if (Date.now() - stats.mtimeMs > recentlyWrittenMs) return false;
  await setTimeout(waitForWriterMs);
  return (await file.stat()).size > size;
}

/** Reads chunks into two buffers in turn. */
class ChunkReader {
  /** How much to read at once. */
  length: number;
  readonly #file: ReadableFile;
  #buffer = Buffer.alloc(0);
  #otherBuffer = Buffer.alloc(0);
  #ahead: Promise<Buffer> | undefined;

  constructor(file: ReadableFile, length: number) {
    this.#file = file;
    this.length = length;
  }

  /**
   * The chunk at `offset`; shorter only at the end of the file. It is overwritten by the second read after
   * this.
   */
  async read(offset: number): Promise<Buffer> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? this.#read(offset);
  }

  /** Begins to read the chunk that the next call of `read` will ask for. */
  readAhead(offset: number): void {
    this.#ahead = this.#read(offset);
    this.#ahead.catch(() => {}); // the next call throws it, if there is one
  }

  #read(offset: number): Promise<Buffer> {
    [this.#buffer, this.#otherBuffer] = [this.#otherBuffer, this.#buffer];
    if (this.#buffer.length < this.length) this.#buffer = Buffer.allocUnsafeSlow(this.length);
    return readAt(this.#file, offset, this.#buffer.subarray(0, this.length));
  }
}

/** The one line from `begin` to `end`; undefined if the file no longer has it. */
async function readLine(
  file: ReadableFile,
  begin: number,
  end: number,
  { maxLineBytes, filter, source }: ScanOptions,
): Promise<LineBatch | undefined> {
  const length = end - begin;
  if (length - 1 > maxLineBytes || (length > longLineBytes && (await hasNul(file, begin, end)))) {
    await source?.load(file); // which the lines after it need, if it is the first one
    return longLine(begin, length);
  }
  const bytes = await readAt(file, begin, Buffer.allocUnsafeSlow(length));
  return bytes.length === length ? parseLines(bytes, begin, maxLineBytes, filter, source) : undefined;
}

/** Whether there is a NUL byte, as in a hole: JSON has none (RFC 8259, 7). */
async function hasNul(file: ReadableFile, begin: number, end: number): Promise<boolean> {
  const buffer = Buffer.allocUnsafeSlow(defaultChunkBytes);
  for (let at = begin; at < end; at += buffer.length) {
    if ((await readAt(file, at, buffer.subarray(0, end - at))).includes(0)) return true;
  }
  return false;
}

/** Where the last whole line of `chunk` ends that begins before `to`; 0 if there is none. */
function endOfWholeLines(chunk: Buffer, to: number): number {
  if (to < chunk.length) {
    const index = chunk.indexOf(newline, to - 1);
    if (index !== -1) return index + 1;
  }
  return chunk.lastIndexOf(newline) + 1;
}

/** Where the first line begins at `offset` or after it; if there is none, the end of the file. */
async function lineStart(
  file: ReadableFile,
  offset: number,
  chunkBytes: number,
): Promise<{ readonly offset: number; readonly found: boolean }> {
  if (offset === 0) return { offset, found: true };
  let buffer = Buffer.allocUnsafeSlow(Math.min(firstChunkBytes, chunkBytes));
  for (let at = offset - 1; ; ) {
    const chunk = await readAt(file, at, buffer);
    const index = chunk.indexOf(newline);
    if (index !== -1) return { offset: at + index + 1, found: true };
    if (chunk.length === 0) return { offset: at, found: false };
    at += chunk.length;
    if (buffer.length < chunkBytes) buffer = Buffer.allocUnsafeSlow(2 * buffer.length);
  }
}

/** Where the line begins that ends at `end`; undefined if the file is shorter now. */
export async function lastLineStart(
  file: ReadableFile,
  first: number,
  end: number,
  chunkBytes: number,
): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (let at = end - 1; at > first; ) {
    const begin = Math.max(first, at - buffer.length);
    const chunk = await readAt(file, begin, buffer.subarray(0, at - begin));
    if (chunk.length < at - begin) return undefined;
    const index = chunk.lastIndexOf(newline);
    if (index !== -1) return begin + index + 1;
    at = begin;
  }
  return first;
}
