/**
 * Waiting for a change of a file: by events of the file system, and by a slow poll for file systems that have
 * none (network, FUSE) and for systems that have no watches left.
 */
import { type FSWatcher, watch } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';
import type { NativePath } from '../../../base/paths.js';

/** In milliseconds; tail(1) polls as often if it has no events. */
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

  /**
   * Watches this file, or the names in this directory, from now on; if `id` is the same as last time, it does
   * already.
   */
  watch(path: NativePath, id: string): void {
    if (id === this.#id) return;
    this.close();
    this.#id = id;
    try {
      // A follower that was dropped in the middle can be collected, and keeps no process alive.
      const self = new WeakRef(this);
      const watcher = watch(path, () => {
        const watching = self.deref();
        if (watching) watching.#notify();
        else watcher.close();
      });
      watcher.unref();
      this.#watcher = watcher;
      // Then the poll alone notices changes.
      this.#watcher.on('error', () => this.close());
    } catch {
      // As above.
    }
  }

  /**
   * Resolves if there was a change since the last call, and otherwise at the next change or poll, or when it
   * is stopped.
   */
  async change(): Promise<void> {
    if (!this.#changed && !this.#stopped.aborted) {
      this.#watcher?.ref();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollInterval);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#watcher?.unref();
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
