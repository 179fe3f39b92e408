/**
 * Waiting for a change of a file: events of the file system, and a slow poll behind them, for file systems that have
 * none (network, FUSE) and for systems that have no watches left.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { NativePath } from '../../../native/addon.js';

/** Milliseconds. As long as tail(1) waits where it has no events. */
const pollInterval = 1000;

export class ChangeWatcher {
  readonly #stopped: AbortSignal;
  #watcher: FSWatcher | undefined;
  #id: string | undefined;
  #changed = false;
  #wake: () => void = () => {};

  constructor(stopped: AbortSignal) {
    this.#stopped = stopped;
    stopped.addEventListener('abort', () => this.#notify(), { once: true });
  }

  /** Watches this file, or the names in this directory, from now on. `id` tells whether that is the case already. */
  watch(path: NativePath, id: string): void {
    if (id === this.#id) return;
    this.close();
    this.#id = id;
    try {
      this.#watcher = watch(path, () => this.#notify());
      // Then the poll has to do.
      this.#watcher.on('error', () => this.close());
    } catch {
      // Likewise.
    }
  }

  /** Resolves after a change since the last call, when it is time to poll, and when it is stopped. */
  async change(): Promise<void> {
    if (!this.#changed && !this.#stopped.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollInterval);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #notify(): void {
    this.#changed = true;
    this.#wake();
  }
}
