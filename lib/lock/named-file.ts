/**
 * Which file a path names now: while a file is open or locked, its path can be renamed, removed or replaced.
 * The native code has the same check in native/lock/named_file.h.
 */
import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, stat } from 'node:fs/promises';
import { isMissing } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';

interface NameOptions {
  /**
   * What is named by a symbolic link: the file that it leads to, or the link itself. Default: true, the file.
   */
  readonly followLink?: boolean;
  /** Ask the server of a network file system, and not what its client remembers. Default: false. */
  readonly asksServer?: boolean;
}

/** Device and inode; from bigints, because a number does not hold every inode exactly. */
export function fileId({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}

/** The {@link fileId} of the file that the path names; undefined if there is none. */
export async function namedFileId(
  path: NativePath,
  { followLink = true, asksServer = false }: NameOptions = {},
): Promise<string | undefined> {
  try {
    if (asksServer) {
      const opened = await openedFileId(path, followLink);
      if (opened !== undefined) return opened;
    }
    return fileId(await (followLink ? stat : lstat)(path, { bigint: true }));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Undefined if this user may not read it, or it is none that can be opened. */
async function openedFileId(path: NativePath, followLink: boolean): Promise<string | undefined> {
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
  const flags = O_RDONLY | O_NONBLOCK | (followLink ? 0 : O_NOFOLLOW);
  const file = await open(path, flags).catch((error) => {
    if (isMissing(error)) throw error;
    return undefined;
  });
  try {
    return file && fileId(await file.stat({ bigint: true }));
  } finally {
    await file?.close();
  }
}

/** True if the path names the open file. */
export async function stillNames(
  path: NativePath,
  file: { stat(options: { bigint: true }): Promise<BigIntStats> },
  options?: NameOptions,
): Promise<boolean> {
  return (await namedFileId(path, options)) === fileId(await file.stat({ bigint: true }));
}
