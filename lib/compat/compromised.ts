/**
 * When a lock of proper-lockfile is compromised: somebody has removed or replaced its file, so that another
 * process may have the lock too. Nothing announces that, so it is looked at from time to time, as
 * proper-lockfile itself does.
 */
import { stat } from 'node:fs/promises';
import { clearTimeout, setTimeout } from 'node:timers';
import type { LockFile } from '../lock/lock-file.js';
import { staleAfter } from './old-style-lock.js';

/** How often it is looked at, in milliseconds: proper-lockfile's own default and bounds for `update`. */
export function updateInterval(update: number | undefined, stale: number | undefined): number {
  const max = staleAfter(stale) / 2;
  return Math.max(Math.min(update ?? max, max), 1000);
}

/**
 * Looks every `interval` milliseconds, with a timer that keeps nothing alive, and calls `onCompromised` once,
 * with proper-lockfile's error. Returns how to stop.
 */
export function watch(file: LockFile, interval: number, onCompromised: (error: Error) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isWatching = true;
  const look = async () => {
    // Where that cannot be known, the kernel's lock holds all the same.
    const isNamed = await file.isNamed().catch(() => true);
    if (isNamed) {
      if (isWatching) arm();
      return;
    }
    const error = await errorAt(file.lock.path as string);
    // Not in a promise: what the callback throws is to be an uncaught exception.
    if (isWatching) process.nextTick(onCompromised, error);
  };
  const arm = () => {
    timer = setTimeout(look, interval).unref();
  };
  arm();
  return () => {
    isWatching = false;
    clearTimeout(timer);
  };
}

async function errorAt(path: string): Promise<Error> {
  const replaced = new Error('Unable to update lock within the stale threshold');
  const error = await stat(path).then(
    () => replaced,
    (missing: Error) => missing,
  );
  return Object.assign(error, { code: 'ECOMPROMISED' });
}
