/**
 * Signals that would end the process at once, with what its logs still hold in memory. While a log is open, they write
 * that first. Then they do what they would have done.
 */
import { isMainThread } from 'node:worker_threads';

/** What is written before the process ends. */
interface Log {
  flushSync(): void;
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

const logs = new Set<Log>();

/** A worker thread gets no signals. */
export function writeAtSignals(log: Log): void {
  if (!isMainThread) return;
  if (logs.size === 0) for (const signal of signals) process.prependListener(signal, writeAndEnd);
  logs.add(log);
}

export function forgetAtSignals(log: Log): void {
  if (logs.delete(log) && logs.size === 0) for (const signal of signals) process.off(signal, writeAndEnd);
}

function writeAndEnd(signal: NodeJS.Signals): void {
  for (const log of logs) {
    try {
      log.flushSync();
    } catch {
      // It was reported where it failed.
    }
  }
  // Whoever else listens decides what becomes of the process. Some, as signal-exit, end it only if they find nobody else:
  // so this one comes first, and is gone by then.
  process.off(signal, writeAndEnd);
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  else setImmediate(listenAgain, signal);
}

function listenAgain(signal: NodeJS.Signals): void {
  if (logs.size > 0) process.prependListener(signal, writeAndEnd);
}
