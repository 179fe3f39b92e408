/**
 * Opening a file for reading, reading exact ranges of it, and the errors of the file system meanwhile.
 */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { irregular, refused } from '../../../base/errors.js';
import type { NativePath } from '../../../native/addon.js';

/** Opens a file for reading. Refuses anything but a regular file, as appending does. The caller closes it. */
export async function openForReading(path: NativePath): Promise<FileHandle> {
  const name = path.toString();
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK, which Windows has not: opening a FIFO must not wait for its other end.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    if (!stats.isFile()) throw irregular(stats, name);
    return file;
  } catch (error) {
    await file?.close().catch(() => {}); // the first error is the one to report
    throw refused(error as Error, name);
  }
}

/**
 * Fills `buffer` with the bytes at `offset`. Returns all of it, or its filled part if the file ends before: one call of
 * read(2) may return less than was asked for, without being at the end.
 */
export async function readAt(file: FileHandle, offset: number, buffer: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** The same lines; an error of the file system while they are read (a bad sector) becomes `EIO`. */
export async function* withIoErrors<T>(lines: AsyncGenerator<T>, path: NativePath): AsyncGenerator<T> {
  try {
    yield* lines;
  } catch (error) {
    throw refused(error as Error, path.toString());
  }
}
