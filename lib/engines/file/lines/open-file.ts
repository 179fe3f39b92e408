/**
 * Opening a file for reading, and reading exact ranges of it.
 */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { ioError, irregular } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';

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
    throw ioError(error, name);
  }
}

/**
 * Fills `buffer` with the bytes at `offset`. Returns all of it, or its filled part if the file ends before:
 * one call of read(2) may return less than was asked for, without being at the end.
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
