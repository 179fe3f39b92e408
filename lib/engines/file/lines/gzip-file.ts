/**
 * A rotated file that was compressed with gzip, read as if it were not. It is decompressed again from its beginning for
 * what lies before the last bytes that are kept; so forwards it costs one pass, backwards one for each 32 MiB.
 */
import type { BigIntStats, Stats } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type ReadableFile, readAt } from './open-file.js';

/** More than twice the longest chunk that scanning reads, and goes back for. A longer line is read in parts. */
const windowBytes = 32 * 1024 * 1024;
const compressedBytes = 256 * 1024;

export class GzipFile implements ReadableFile {
  readonly #file: ReadableFile;
  readonly #windowBytes: number;
  #content: AsyncIterator<Buffer> | undefined;
  /** The last decompressed pieces, which end at {@link #end}. */
  #pieces: Buffer[] = [];
  #begin = 0;
  #end = 0;
  #size: number | undefined;
  /** Calls take their turn. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: ReadableFile, window = windowBytes) {
    this.#file = file;
    this.#windowBytes = window;
  }

  read(buffer: Buffer, at: number, wanted: number, position: number): Promise<{ bytesRead: number }> {
    // All that a call returns must be kept until it is copied. A piece of what is decompressed may be more than is needed.
    const length = Math.min(wanted, this.#windowBytes / 2);
    return this.#inTurn(async () => {
      if (!this.#content || position < this.#begin) this.#start();
      while (this.#end < position + length && (await this.#decompress())) {
        // more
      }
      return { bytesRead: this.#copy(buffer, at, length, position) };
    });
  }

  stat(): Promise<Stats>;
  stat(options: { bigint: true }): Promise<BigIntStats>;
  async stat(options?: { bigint: true }): Promise<Stats | BigIntStats> {
    if (options) return this.#file.stat(options);
    const stats = await this.#file.stat();
    stats.size = await this.#inTurn(() => this.#contentSize());
    return stats;
  }

  async close(): Promise<void> {
    await this.#file.close();
    this.#content = undefined;
    this.#pieces = [];
  }

  async #contentSize(): Promise<number> {
    if (this.#size === undefined) {
      if (!this.#content) this.#start();
      while (await this.#decompress()) {
        // more
      }
    }
    return this.#size ?? this.#end;
  }

  #start(): void {
    const gunzip = createGunzip();
    // A failure of either ends the iteration with it.
    pipeline(Readable.from(compressed(this.#file), { objectMode: false }), gunzip, () => {});
    this.#content = gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#pieces = [];
    this.#begin = 0;
    this.#end = 0;
  }

  /** False at the end. */
  async #decompress(): Promise<boolean> {
    const { value, done } = (await this.#content?.next()) ?? { done: true };
    if (done) {
      this.#size = this.#end;
      return false;
    }
    this.#pieces.push(value);
    this.#end += value.length;
    for (
      let first = this.#pieces[0];
      first && this.#end - this.#begin - first.length >= this.#windowBytes;
      first = this.#pieces[0]
    ) {
      this.#begin += first.length;
      this.#pieces.shift();
    }
    return true;
  }

  #copy(buffer: Buffer, at: number, length: number, position: number): number {
    let begin = this.#begin;
    let copied = 0;
    for (const piece of this.#pieces) {
      const from = position + copied - begin;
      if (from >= 0 && from < piece.length && copied < length) {
        copied += piece.copy(buffer, at + copied, from, Math.min(piece.length, from + length - copied));
      }
      begin += piece.length;
    }
    return copied;
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(call, call);
    this.#last = turn;
    turn.catch(() => {}); // its caller sees it
    return turn;
  }
}

async function* compressed(file: ReadableFile): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const bytes = await readAt(file, at, Buffer.allocUnsafe(compressedBytes));
    if (bytes.length === 0) return;
    at += bytes.length;
    yield bytes;
  }
}
