/**
 * Which file a path names now: while a file is open or locked, its path can be renamed, removed or replaced.
 * The native code has the same check in native/lock/named_file.h.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, stat } from 'node:fs/promises';
import { isMissing } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';

interface NameOptions {
  /**
   * What is named by a symbolic link: the file that it leads to, or the link itself. Default: true, the file.
   */
  readonly followLink?: boolean;
}

/** Device and inode; from bigints, because a number does not hold every inode exactly. */
export function fileId({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** The {@link fileId} of the file that the path names; undefined if there is none. */
export async function namedFileId(
  path: NativePath,
  { followLink = true }: NameOptions = {},
): Promise<string | undefined> {
  try {
    return fileId(await (followLink ? stat : lstat)(path, { bigint: true }));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True if the path names the open file. */
export async function stillNames(
  path: NativePath,
  file: FileHandle,
  options?: NameOptions,
): Promise<boolean> {
  return (await namedFileId(path, options)) === fileId(await file.stat({ bigint: true }));
}
