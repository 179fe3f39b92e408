/**
 * The lock of proper-lockfile itself: a directory whose modification time its holder renews. During a rolling upgrade
 * it must exclude us as long as it is fresh.
 */
import { rmdirSync, type Stats, statSync } from 'node:fs';

/** proper-lockfile's own bounds and default for `stale`, in milliseconds. */
const defaultStale = 10_000;
const leastStale = 2000;

export function staleAfter(stale: number | undefined): number {
  return Math.max(stale ?? defaultStale, leastStale);
}

/** What stands at the lock path. `'gone'`: nothing any more, or no directory. */
export function lookAt(path: string, stale: number): 'fresh' | 'stale' | 'gone' {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {
    return 'gone'; // the next attempt to lock it says what is wrong
  }
  if (!found?.isDirectory()) return 'gone';
  return found.mtimeMs < Date.now() - stale ? 'stale' : 'fresh';
}

/**
 * Removes a stale lock, as proper-lockfile does. Between the look and the removal somebody else may have done so and
 * taken the lock; that race is proper-lockfile's own, and ends with the last process that uses it.
 */
export function removeStale(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
