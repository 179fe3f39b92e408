/**
 * The lock of a chronicle.
 */
import { checkTimeout } from '../../base/arguments.js';
import { HoldfastError, ioError, isMissing } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';
import { openChronicle } from '../../engines/file/open-chronicle.js';
import type { FileLock } from '../../lock/file-lock.js';
import { lock } from '../../lock/lock.js';
import { defaultLockTimeout } from './append.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/**
 * Takes the lock that every append takes: until `release()`, no process appends. An append made meanwhile, by
 * the holder too, waits, and rejects with `ELOCK_TIMEOUT` at its deadline.
 *
 * @param timeoutMs how long to wait, in milliseconds; 0: one try
 * @throws `ELOCK_TIMEOUT`, `EIO`
 * @example
 *   const held = await sage.acquireLock('src/user.ts.sage', 5000);
 *   await held.release();
 */
export async function acquireLock(
  path: ChroniclePath,
  timeoutMs: number = defaultLockTimeout,
): Promise<FileLock> {
  return lockPath(checkChroniclePath(path), checkTimeout(timeoutMs, 'timeoutMs'));
}

export async function lockPath(path: NativePath, timeout: number): Promise<FileLock> {
  for (;;) {
    try {
      return await lock(path, { timeout, create: false });
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      if (!isMissing(error)) throw ioError(error, path);
    }
    // The file and its directories are made as by the first append (C9).
    await (await openChronicle(path)).close();
  }
}

/** Does nothing, and is kept for its callers: a lock that the kernel holds ends with its holder. */
export async function cleanStaleLocks(_path?: ChroniclePath): Promise<void> {}
