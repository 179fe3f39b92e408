/**
 * Lock files: files that are there for a lock alone. Their holders make them, and remove them when they
 * release the lock. A directory is none, and nothing behind a symbolic link is.
 */
import { checkOptions } from '../base/arguments.js';
import { native } from '../native/addon.js';
import type { LockId } from '../native/protocol.js';
import { acquire, checkWait, tryAcquire, tryAcquireSync } from './acquire.js';
import { type FileLock, newFileLock } from './file-lock.js';
import { namedFileId } from './named-file.js';
import { Target } from './target.js';

export interface LockFile {
  readonly lock: FileLock;
  /**
   * Whether the path still names the file that is locked. Else somebody has removed or replaced it, and the
   * lock keeps nobody out any more.
   */
  isNamed(): Promise<boolean>;
}

/**
 * Takes the lock; waits in the kernel's queue, if there is a timeout, in milliseconds, and is undefined if
 * the lock is taken and there is none. Throws as `lock()` does, and `EISDIR` for a directory, `ELOOP` for a
 * symbolic link, `EEXIST` for anything else that is no regular file.
 */
export async function takeLockFile(path: string, timeout: number): Promise<LockFile | undefined> {
  const target = new Target(path, checkOptions({}), 'lockFile');
  const lock =
    timeout > 0
      ? await acquire(target, 'exclusive', checkWait(checkOptions({ timeout })))
      : await tryAcquire(target, 'exclusive');
  return lock === 'busy' ? undefined : held(target, lock, path);
}

/** As {@link takeLockFile}, without a wait. */
export function takeLockFileSync(path: string): LockFile | undefined {
  const target = new Target(path, checkOptions({}), 'lockFile');
  const lock = tryAcquireSync(target, 'exclusive');
  return lock === 'busy' ? undefined : held(target, lock, path);
}

/** Whether somebody has the lock. */
export function isLockFileTaken(path: string): boolean {
  const target = new Target(path, checkOptions({ create: false }), 'lockFile');
  const lock = tryAcquireSync(target, 'shared');
  if (lock === 'busy') return true;
  target.release(lock);
  return false;
}

function held(target: Target, id: LockId, path: string): LockFile {
  const isNamed = async () => {
    const file = native.identityOf(id);
    const options = { followLink: false, asksServer: !native.isKnownLocal(path) };
    return file === undefined || (await namedFileId(path, options)) === `${file.device}:${file.inode}`;
  };
  return { lock: newFileLock(target, id, 'exclusive'), isNamed };
}
