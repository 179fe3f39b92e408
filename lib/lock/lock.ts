/**
 * Taking locks: at once, with a wait, with a deadline, with an abort.
 */
import {
  checkBoolean,
  checkOneOf,
  checkOptions,
  checkTimeout,
  type FilePath,
  toNativePath,
} from '../arguments.js';
import { invalid, isNativeError, lockTimeout, systemError } from '../errors.js';
import { type NativePath, native } from '../native.js';
import { FileLock, type LockMode } from './file-lock.js';

export interface TryLockOptions {
  /** Default: `'exclusive'`. */
  mode?: LockMode;
  /** Create the file where it is missing. Directories are never created. Default: true. */
  create?: boolean;
}

export interface LockSyncOptions extends TryLockOptions {
  /** How long to wait, in milliseconds; 0 means one try. Default: for ever. */
  timeout?: number;
}

export interface LockOptions extends LockSyncOptions {
  /** Ends the wait; the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/** The longest delay that setTimeout takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/**
 * Waits for the lock on `file` and takes it. Calls of one process for one path are served first come first served.
 *
 * After it resolves, the path still names the file that is locked, even if it was renamed or removed meanwhile.
 * The wait costs no thread of libuv's pool. While it lasts, the process stays alive.
 *
 * @throws `ELOCK_TIMEOUT` after `timeout`; `signal.reason` on abort; `EVALIDATION` for a bad argument; else the
 *   system's own code (`ENOENT` for a missing directory, `EACCES`, `EISDIR`, …) with `syscall`, `path` and `errno`.
 */
export async function lock(file: FilePath, options?: LockOptions): Promise<FileLock> {
  const target = new Target(file, options);
  const { timeout, signal } = checkWait(options);
  signal?.throwIfAborted();
  const here = target.tryHere(timeout === 0);
  if (here) return here;
  if (here === undefined || timeout > 0) {
    const granted = await target.wait(timeout, signal);
    if (granted) return granted;
  }
  throw lockTimeout(target.name, target.mode, timeout);
}

/**
 * As {@link lock}, but blocks the calling thread. It sleeps in the kernel and does not spin.
 */
export function lockSync(file: FilePath, options?: LockSyncOptions): FileLock {
  const target = new Target(file, options);
  const { timeout } = checkWait(options);
  const here = target.tryHere(timeout === 0);
  if (here) return here;
  if (here === undefined || timeout > 0) {
    const granted = target.waitSync(timeout);
    if (granted) return granted;
  }
  throw lockTimeout(target.name, target.mode, timeout);
}

/** Takes the lock if it is free, else resolves to null. Rejects as {@link lock} does. */
export async function tryLock(file: FilePath, options?: TryLockOptions): Promise<FileLock | null> {
  const target = new Target(file, options);
  const here = target.tryHere(true);
  return here === undefined ? target.wait(0, undefined) : here;
}

/** Takes the lock if it is free, else returns null. Throws as {@link lock} rejects. */
export function tryLockSync(file: FilePath, options?: TryLockOptions): FileLock | null {
  const target = new Target(file, options);
  const here = target.tryHere(true);
  return here === undefined ? target.waitSync(0) : here;
}

/**
 * Runs `body` with the lock held, and releases it when `body` has returned or thrown. The result is `body`'s.
 */
export async function withLock<T>(
  file: FilePath,
  options: LockOptions | undefined,
  body: (lock: FileLock) => T | Promise<T>,
): Promise<T>;
export async function withLock<T>(file: FilePath, body: (lock: FileLock) => T | Promise<T>): Promise<T>;
export async function withLock<T>(
  file: FilePath,
  ...rest:
    | [LockOptions | undefined, (lock: FileLock) => T | Promise<T>]
    | [(lock: FileLock) => T | Promise<T>]
): Promise<T> {
  const [options, body] = rest.length === 1 ? [undefined, rest[0]] : rest;
  if (typeof body !== 'function') throw invalid('body', 'expected a function');
  const held = await lock(file, options);
  try {
    return await body(held);
  } finally {
    await held.release();
  }
}

function checkWait(options: LockOptions | undefined): { timeout: number; signal: AbortSignal | undefined } {
  const { timeout, signal } = checkOptions(options);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'expected an AbortSignal');
  return {
    timeout: timeout === undefined ? Number.POSITIVE_INFINITY : checkTimeout(timeout, 'timeout'),
    signal,
  };
}

/** What is to be locked, checked. */
class Target {
  readonly name: string;
  readonly mode: LockMode;
  readonly #path: NativePath;
  readonly #create: boolean;

  constructor(file: FilePath, options: TryLockOptions | undefined) {
    const { mode, create } = checkOptions(options);
    this.#path = toNativePath(file, 'file');
    this.name = this.#path.toString();
    this.mode = mode === undefined ? 'exclusive' : checkOneOf(mode, ['exclusive', 'shared'], 'mode');
    this.#create = create === undefined ? true : checkBoolean(create, 'create');
  }

  get #exclusive(): boolean {
    return this.mode === 'exclusive';
  }

  /** null: busy. undefined: the attempt might block this thread and must be made on another one. */
  tryHere(barge: boolean): FileLock | null | undefined {
    const number = this.#mapErrors(() =>
      native.tryLockHere(this.#path, this.#exclusive, this.#create, barge),
    );
    return number === undefined ? undefined : this.#held(number);
  }

  /** null: busy until the deadline. A timeout of 0 is one try. */
  waitSync(timeout: number): FileLock | null {
    return this.#held(
      this.#mapErrors(() => native.waitLockSync(this.#path, this.#exclusive, this.#create, timeout)),
    );
  }

  /** null: busy until the deadline. A timeout of 0 is one try. */
  wait(timeout: number, signal: AbortSignal | undefined): Promise<FileLock | null> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const start = timeout === 0 ? native.tryLock : native.waitLock;
      const ticket = start(this.#path, this.#exclusive, this.#create, (error, number) => {
        settle();
        if (error) {
          reject(systemError(error, this.name));
        } else if (signal?.aborted) {
          // Granted in the very moment of the abort. Whoever aborted does not look at the result any more.
          if (number !== 0) native.unlock(number);
          reject(signal.reason);
        } else {
          resolve(this.#held(number));
        }
      });
      const abort = () => {
        if (!native.cancel(ticket)) return;
        settle();
        reject(signal?.reason);
      };
      const expire = () => {
        // Not cancelled: the lock was granted before the deadline, and its answer is on the way.
        if (!native.cancel(ticket)) return;
        settle();
        resolve(null);
      };
      const arm = (left: number) => {
        timer = setTimeout(
          () => (left > longestTimer ? arm(left - longestTimer) : expire()),
          Math.min(left, longestTimer),
        );
      };
      if (timeout > 0 && timeout !== Number.POSITIVE_INFINITY) arm(timeout);
      signal?.addEventListener('abort', abort);
    });
  }

  #held(number: number): FileLock | null {
    return number === 0 ? null : new FileLock(number, this.name, this.mode);
  }

  #mapErrors<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw isNativeError(error) ? systemError(error, this.name) : error;
    }
  }
}
