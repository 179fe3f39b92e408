/** Proofs that something waits, without waiting for a time. */
import { readFileSync, statSync } from 'node:fs';

/**
 * Resolves when the kernel lists a waiter for a lock on the file (`->` in /proc/locks), so that whoever is expected to
 * wait does wait. Polls, because the kernel announces waiters nowhere. Other systems list none: there the test goes on
 * after a while, and if nobody waits by then, it proves less.
 */
export async function someoneWaitsFor(file: string): Promise<void> {
  if (process.platform !== 'linux') return new Promise((resolve) => setTimeout(resolve, 200));
  const { ino } = statSync(file);
  const waiter = new RegExp(`-> .*:${ino} `);
  while (!waiter.test(readFileSync('/proc/locks', 'utf8'))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What became of a promise until now. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'settled'> {
  const pending = Symbol('pending');
  const settled = promise.then(
    () => 'settled' as const,
    () => 'settled' as const,
  );
  // Two turns of the event loop, so that whatever was on its way has arrived.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([settled, Promise.resolve(pending)])) === pending ? 'pending' : 'settled';
}
