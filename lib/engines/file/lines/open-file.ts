/**
 * Opening a file for reading, and reading exact ranges of it.
 */
import { type BigIntStats, close, constants, fstat, open, read, type Stats } from 'node:fs';
import { ioError, irregular } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';

/** What reading asks of an open file. Positions are in bytes. */
export interface ReadableFile {
  read(buffer: Buffer, at: number, length: number, position: number): Promise<{ bytesRead: number }>;
  stat(): Promise<Stats>;
  stat(options: { bigint: true }): Promise<BigIntStats>;
  close(): Promise<void>;
}

/** Closes the descriptors of readers that were dropped in the middle, which nobody is told. */
const dropped = new FinalizationRegistry((descriptor: number) => close(descriptor, () => {}));

/**
 * An open file. Not a FileHandle of Node: when one is collected that nobody has closed, Node 25 and 26 throw an error
 * that ends the process, and earlier ones warn; and a generator that is dropped in the middle cannot close it. What
 * works with a descriptor calls back, and so holds this object until then.
 */
export class OpenFile implements ReadableFile {
  #fd: number;
  /** Calls that are under way. */
  #calls = 0;
  #idle: (() => void) | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
    dropped.register(this, fd, this);
  }

  static open(path: NativePath, flags: number): Promise<OpenFile> {
    return new Promise((resolve, reject) => {
      open(path, flags, (error, fd) => (error ? reject(error) : resolve(new OpenFile(fd))));
    });
  }

  /** -1 if it is closed. */
  get fd(): number {
    return this.#fd;
  }

  read(buffer: Buffer, at: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#call((done) =>
      read(this.#fd, buffer, at, length, position, (error, bytesRead) => done(error, { bytesRead })),
    );
  }

  stat(): Promise<Stats>;
  stat(options: { bigint: true }): Promise<BigIntStats>;
  stat(options?: { bigint: true }): Promise<Stats | BigIntStats> {
    return this.#call<Stats | BigIntStats>((done) => fstat(this.#fd, options, done));
  }

  /** Waits for the calls that are under way. To close it again has no effect. */
  async close(): Promise<void> {
    const fd = this.#fd;
    if (fd < 0) return;
    this.#fd = -1;
    dropped.unregister(this);
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await new Promise<void>((resolve, reject) => {
      close(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  #call<T>(call: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      // As Node's own: its number may be that of another file by now.
      if (this.#fd < 0)
        throw Object.assign(new Error('EBADF: file closed'), { code: 'EBADF', syscall: 'read' });
      call((error, value) => {
        if (--this.#calls === 0) this.#idle?.();
        if (error) reject(error);
        else resolve(value);
      });
      this.#calls++; // after it: a call that throws its arguments back is not under way
    });
  }
}

/** Opens a file for reading. Refuses anything but a regular file, as appending does. The caller closes it. */
export async function openForReading(path: NativePath): Promise<OpenFile> {
  const name = path.toString();
  let file: OpenFile | undefined;
  try {
    // O_NONBLOCK, which Windows has not: opening a FIFO must not wait for its other end.
    file = await OpenFile.open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    if (!stats.isFile()) throw irregular(stats, name);
    return file;
  } catch (error) {
    await file?.close().catch(() => {}); // the first error is the one to report
    throw ioError(error, name);
  }
}

/**
 * Fills `buffer` with the bytes at `offset`. Returns all of it, or its filled part if the file ends before:
 * one call of read(2) may return less than was asked for, without being at the end.
 */
export async function readAt(file: ReadableFile, offset: number, buffer: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
