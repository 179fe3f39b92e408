/**
 * A lock that is held.
 */
import { native } from '../native.js';

/** `'exclusive'`: one holder. `'shared'`: any number of holders, but no exclusive one. */
export type LockMode = 'exclusive' | 'shared';

/**
 * A kernel-held lock on a file. It lasts until it is released, or until its process or worker thread ends, however
 * that happens. It does not keep the process alive, and no child process inherits it. A FileLock that is forgotten
 * stays held: it is not released by the garbage collector.
 */
export class FileLock {
  /** The absolute path that was locked. */
  readonly path: string;
  readonly mode: LockMode;
  #number: number;

  /** @internal */
  constructor(number: number, path: string, mode: LockMode) {
    this.#number = number;
    this.path = path;
    this.mode = mode;
  }

  /** False once it was released. */
  get held(): boolean {
    return this.#number !== 0;
  }

  /** Releases the lock. To do so again has no effect. */
  async release(): Promise<void> {
    this.releaseSync();
  }

  /** Releases the lock before it returns. To do so again has no effect. */
  releaseSync(): void {
    if (this.#number !== 0) native.unlock(this.#number);
    this.#number = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  [Symbol.dispose](): void {
    this.releaseSync();
  }
}
