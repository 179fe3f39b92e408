/**
 * Open chronicles that are shared by all who append with the same path and options, and so share their
 * batches. Each is closed when nobody has used it for a while.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import type { NativePath } from '../../base/paths.js';
import type { Settings } from '../../chronicle/options.js';
import { FileEngine } from './file-engine.js';

/** How long an open chronicle is kept without use, in milliseconds. */
const linger = 1000;

interface Shared {
  readonly engine: Promise<FileEngine>;
  users: number;
  timer?: NodeJS.Timeout;
}

export class SharedChronicles {
  readonly #shared = new Map<string, Shared>();

  /** Calls `use` with the open chronicle, which stays open until the promise of `use` is settled. */
  async use<T>(path: NativePath, settings: Settings, use: (engine: FileEngine) => Promise<T>): Promise<T> {
    const key = JSON.stringify([path, Object.entries(settings)]);
    const shared = this.#take(key, path, settings);
    let isBroken = true; // as one that could not be opened
    try {
      const engine = await shared.engine;
      try {
        return await use(engine);
      } finally {
        isBroken = engine.isBroken;
      }
    } finally {
      if (isBroken) this.#forget(key, shared);
      this.#release(key, shared);
    }
  }

  #take(key: string, path: NativePath, settings: Settings): Shared {
    let shared = this.#shared.get(key);
    if (!shared) {
      shared = { engine: FileEngine.open(path, settings), users: 0 };
      this.#shared.set(key, shared);
    }
    shared.users++;
    clearTimeout(shared.timer);
    return shared;
  }

  #release(key: string, shared: Shared): void {
    if (--shared.users > 0) return;
    const close = () => {
      this.#forget(key, shared);
      shared.engine.then(
        (engine) => engine.drain().then(() => engine.close()),
        () => {}, // whoever used it knows
      );
    };
    if (this.#shared.get(key) === shared) shared.timer = setTimeout(close, linger).unref();
    else close();
  }

  /** The next one who asks for it opens it anew. */
  #forget(key: string, shared: Shared): void {
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
  }
}
