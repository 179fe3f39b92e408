/**
 * Ctrl-C and similar signals, for commands that have something to finish before they end.
 */
import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption extends Error {
  /** As shells report it: 128 + n for signal n. */
  readonly exitCode: number;

  constructor(name: (typeof signals)[number]) {
    super(`ended by ${name}`);
    this.exitCode = 128 + constants.signals[name];
  }
}

/** Aborted, with an {@link Interruption}, by the first such signal; a second one ends the process at once. */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of signals) {
    process.once(name, () => controller.abort(new Interruption(name)));
  }
  return controller.signal;
}

/** Calls this when the process ends, also by such a signal, by which it then ends. */
export function atEnd(call: () => void): void {
  process.once('exit', call);
  for (const name of signals) {
    process.once(name, () => {
      call();
      process.kill(process.pid, name);
    });
  }
}
