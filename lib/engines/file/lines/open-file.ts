/**
 * Opening a file for reading, and what the file system refuses while it is read.
 */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { refused, systemError } from '../../../base/errors.js';
import type { NativePath } from '../../../native/addon.js';

/** Opens the file for reading; what is no regular file is refused, as it is for appending. The caller closes it. */
export async function openForReading(path: NativePath): Promise<FileHandle> {
  const name = path.toString();
  try {
    // O_NONBLOCK, which Windows has not: opening a FIFO must not wait for its other end.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    if (stats.isFile()) return file;
    await file.close();
    throw systemError(stats.isDirectory() ? isDirectory : notRegular, name);
  } catch (error) {
    throw refused(error as Error, name);
  }
}

const isDirectory = {
  errno: osConstants.errno.EISDIR,
  syscall: 'read',
  text: 'illegal operation on a directory',
};
const notRegular = { errno: osConstants.errno.EINVAL, syscall: 'open', text: 'not a regular file' };

/** The same lines; what the file system refuses meanwhile (a directory, a bad sector) is `EIO`. */
export async function* refusing<T>(lines: AsyncGenerator<T>, path: NativePath): AsyncGenerator<T> {
  try {
    yield* lines;
  } catch (error) {
    throw refused(error as Error, path.toString());
  }
}
