/**
 * The lock of the original proper-lockfile: a directory whose modification time its holder renews. During a
 * rolling upgrade it must exclude us as long as it is fresh.
 */
import { rmdirSync, type Stats, statSync } from 'node:fs';
import { irregular } from '../base/errors.js';
import type { FileLock } from '../lock/file-lock.js';
import * as locks from '../lock/lock.js';

/** proper-lockfile's own bounds and default for `stale`, in milliseconds. */
const defaultStale = 10_000;
const minStale = 2000;

export function staleAfter(stale: number | undefined): number {
  return Math.max(stale ?? defaultStale, minStale);
}

/** The state of the lock at this path. `'gone'`: there is nothing, or no directory. */
export function stateOf(path: string, stale: number): 'fresh' | 'stale' | 'gone' {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {
    return 'gone'; // the next attempt to lock it reports what is wrong
  }
  if (!found?.isDirectory()) return 'gone';
  return found.mtimeMs < Date.now() - stale ? 'stale' : 'fresh';
}

/**
 * Removes a stale lock, as proper-lockfile does. Another process may have removed it and taken the lock since
 * it was found stale. proper-lockfile has the same race, and it ends with the last process that uses it.
 */
export function removeStale(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

// Our own lock, at a path where a directory is a lock of the original, and is `EISDIR`.

export async function acquire(path: string, options: locks.LockOptions): Promise<FileLock> {
  return ofNoDirectory(await locks.lock(path, options), path);
}

export async function tryLock(path: string): Promise<FileLock | null> {
  const held = await locks.tryLock(path);
  return held && ofNoDirectory(held, path);
}

export function tryLockSync(path: string, options?: locks.TryLockOptions): FileLock | null {
  const held = locks.tryLockSync(path, options);
  return held && ofNoDirectory(held, path);
}

function ofNoDirectory(held: FileLock, path: string): FileLock {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return held;
  held.releaseSync();
  throw irregular(found, path);
}
