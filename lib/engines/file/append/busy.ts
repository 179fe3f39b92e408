/**
 * The appenders of this thread that have calls which are not settled, and what becomes of these when it ends.
 */

interface Appending {
  /** Hands over what was appended so far. */
  send(): void;
  /** Blocks until it is settled. */
  finish(): void;
}

const busy = new Set<Appending>();

export function isBusy(appender: Appending): void {
  busy.add(appender);
}

export function isIdle(appender: Appending): void {
  busy.delete(appender);
}

/** When the thread began to end, by the clock of {@link performance.now}. */
let began: number | undefined;

/** The end of the thread: all write side by side. */
export function finishBusy(): void {
  began ??= performance.now();
  const all = [...busy];
  for (const appender of all) appender.send();
  for (const appender of all) appender.finish();
}

/** The longest that can be asked for. */
const mostWait = 2 ** 31 - 1;

/**
 * For how many milliseconds more a lock may be waited for while the thread ends: none later than one `lockTimeout` after
 * that began, whatever else has taken time.
 */
export function lockWaitLeft(lockTimeout: number): number {
  began ??= performance.now();
  return Math.ceil(Math.min(Math.max(0, began + lockTimeout - performance.now()), mostWait));
}
