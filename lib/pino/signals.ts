/**
 * Signals that would end the process at once, with what its logs still hold in memory. While a log is open, those that
 * nobody else listens to write that first, and then do what they would have done.
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
  if (logs.size === 0) for (const signal of signals) process.on(signal, writeAndEnd);
  logs.add(log);
}

export function forgetAtSignals(log: Log): void {
  if (logs.delete(log) && logs.size === 0) for (const signal of signals) process.off(signal, writeAndEnd);
}

function writeAndEnd(signal: NodeJS.Signals): void {
  // Whoever else listens decides what becomes of the process. If it ends, its exit writes the logs.
  if (process.listenerCount(signal) > 1) return;
  for (const log of logs) {
    try {
      log.flushSync();
    } catch {
      // It was reported where it failed.
    }
  }
  process.off(signal, writeAndEnd);
  process.kill(process.pid, signal);
}
