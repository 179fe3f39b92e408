/**
 * The lock of the original proper-lockfile: a directory whose modification time its holder renews. During a
 * rolling upgrade it must exclude us as long as it is fresh.
 */
import { rmdirSync, type Stats, statSync } from 'node:fs';

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
