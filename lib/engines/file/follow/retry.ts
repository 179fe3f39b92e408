/**
 * Failures that pass, such as a full table of descriptors: whoever follows goes on trying, more and more slowly, and
 * says so once.
 */
import { setTimeout } from 'node:timers/promises';
import { HoldfastError } from '../../../base/errors.js';

/** In milliseconds. */
const firstPause = 10;
const longestPause = 1000;

const passing = new Set([
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EIO',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EHOSTUNREACH',
  'ESTALE',
  'ETIMEDOUT',
]);

export function isPassing(error: unknown): boolean {
  const system = error instanceof HoldfastError ? error.cause : error;
  const { code, syscall } = (system ?? {}) as NodeJS.ErrnoException;
  return syscall !== undefined && code !== undefined && passing.has(code);
}

export class Retries {
  readonly #name: string;
  readonly #stopped: AbortSignal;
  readonly #isPassing: (error: unknown) => boolean;
  #pause = 0;

  /**
   * @param name what is followed, for the warning
   * @param passes whether a failure may pass
   */
  constructor(name: string, stopped: AbortSignal, passes = isPassing) {
    this.#name = name;
    this.#stopped = stopped;
    this.#isPassing = passes;
  }

  /** Calls again and again until that does not fail, or fails for good, or following is to end. */
  async until<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await call();
        this.#pause = 0;
        return result;
      } catch (error) {
        await this.after(error);
      }
    }
  }

  /** Waits, if the failure may pass; else throws it. */
  async after(error: unknown): Promise<void> {
    if (!this.#isPassing(error) || this.#stopped.aborted) throw error;
    if (this.#pause === 0) {
      // Of the system, where it was that: its code says what there is too little of.
      const cause = error instanceof HoldfastError && error.cause instanceof Error ? error.cause : error;
      const text = `'${this.#name}' cannot be read just now, and is tried again: ${(cause as Error).message}`;
      process.emitWarning(text, { type: 'HoldfastWarning', code: 'HOLDFAST_RETRY' });
    }
    this.#pause = Math.min(this.#pause === 0 ? firstPause : 2 * this.#pause, longestPause);
    await setTimeout(this.#pause, undefined, { signal: this.#stopped }).catch(() => {});
  }

  succeeded(): void {
    this.#pause = 0;
  }
}
