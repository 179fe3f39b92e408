/** Proofs that something waits, without waiting for a time. */
import { readFileSync, statSync } from 'node:fs';

/**
 * How long a test looks for what must come, in milliseconds: far more than it takes, and less than the test
 * may.
 */
const patience = 50_000;

/**
 * Resolves when the kernel lists a waiter for a lock on the file (`->` in /proc/locks), so that whoever is
 * expected to wait does wait. Polls, because the kernel announces waiters nowhere. Other systems list none:
 * there the test goes on after a while, and if nobody waits by then, it proves less.
 */
export function someoneWaitsFor(file: string): Promise<void> {
  return waitersFor(file, 1);
}

/** As {@link someoneWaitsFor}, for so many of them. */
export async function waitersFor(file: string, count: number): Promise<void> {
  if (process.platform !== 'linux') return new Promise((resolve) => setTimeout(resolve, 200));
  const { ino } = statSync(file);
  const waiter = new RegExp(`-> .*:${ino} `, 'g');
  const end = performance.now() + patience;
  while ((readFileSync('/proc/locks', 'utf8').match(waiter)?.length ?? 0) < count) {
    if (performance.now() > end) throw new Error(`waited ${patience} ms in vain: ${count} wait for ${file}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What the promise resolves to; rejects with `what` where that takes so long that it must hang. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms in vain: ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Resolves when the condition holds, which is looked at in every turn of the event loop; see {@link within}.
 */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${patience} ms in vain: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * What became of a promise until now. That it is pending proves something only where what it waits for is
 * known to have begun: after {@link someoneWaitsFor}, or after an event of that kind.
 */
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
