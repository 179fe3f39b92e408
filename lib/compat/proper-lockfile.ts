/**
 * `holdfast/proper-lockfile`: proper-lockfile's functions, with a lock that the kernel holds.
 *
 * The lock of `file` is a regular file at `file.lock`, locked with flock(2). It needs no heartbeat: it is
 * free when its holder has died. It is removed on release, by its holder, while it holds it.
 */
import fs from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkOptions, type FilePath, toNativePath } from '../base/arguments.js';
import { atExit } from '../base/at-exit.js';
import { HoldfastError, invalid, isMissing } from '../base/errors.js';
import type { FileLock } from '../lock/file-lock.js';
import { acquire, removeStale, staleAfter, stateOf, tryLock, tryLockSync } from './old-style-lock.js';
import { type RetryBudgetOptions, retryBudget } from './retry-budget.js';

/**
 * How often a lock directory of the original proper-lockfile is checked: the kernel cannot wait for those.
 */
const pollMilliseconds = 20;

interface Lock {
  readonly target: string;
  readonly held: FileLock;
  released: boolean;
}

/** The locks of this thread, on purpose, by the path of what is locked. */
const locks = new Map<string, Lock>();

/** The kernel frees the locks at the exit; their files are removed here. */
function removeLockFiles(): void {
  for (const { held } of locks.values()) {
    try {
      held.releaseSync({ remove: true });
    } catch {
      // The process ends all the same.
    }
  }
}

async function lock(file: FilePath, options?: lockfile.LockOptions): Promise<() => Promise<void>> {
  const { stale, retries } = checkLockOptions(options);
  const deadline = performance.now() + retryBudget(retries);
  const target = await canonical(file, options);
  const path = lockfileOf(target, options);
  for (;;) {
    const left = Math.max(deadline - performance.now(), 0);
    try {
      const held = left > 0 ? await acquire(path, { timeout: left }) : await tryLock(path);
      if (held) return releaser(remember(target, held));
      throw locked(target);
    } catch (error) {
      if (!isOldStyleLock(error)) throw timedOut(error) ? locked(target, error) : error;
      const state = stateOf(path, staleAfter(stale));
      if (state === 'stale') removeStale(path);
      if (state !== 'fresh') continue;
      if (left === 0) throw locked(target);
      await sleep(Math.min(pollMilliseconds, left));
    }
  }
}

function lockSync(file: FilePath, options?: lockfile.LockOptions): () => void {
  const { stale, retries } = checkLockOptions(options);
  if ((typeof retries === 'object' ? (retries?.retries ?? 0) : (retries ?? 0)) > 0) {
    throw failure('Cannot use retries with the sync api', { code: 'ESYNC' });
  }
  const target = canonicalSync(file, options);
  const path = lockfileOf(target, options);
  for (;;) {
    try {
      const held = tryLockSync(path);
      if (!held) throw locked(target);
      const lock = remember(target, held);
      return () => release(lock);
    } catch (error) {
      if (!isOldStyleLock(error)) throw error;
      const state = stateOf(path, staleAfter(stale));
      if (state === 'fresh') throw locked(target);
      if (state === 'stale') removeStale(path);
    }
  }
}

async function unlock(file: FilePath, options?: lockfile.UnlockOptions): Promise<void> {
  checkLockOptions(options);
  release(lockOf(await canonical(file, options)));
}

function unlockSync(file: FilePath, options?: lockfile.UnlockOptions): void {
  checkLockOptions(options);
  release(lockOf(canonicalSync(file, options)));
}

async function check(file: FilePath, options?: lockfile.CheckOptions): Promise<boolean> {
  const { stale } = checkLockOptions(options);
  return isLocked(lockfileOf(await canonical(file, options), options), stale);
}

function checkSync(file: FilePath, options?: lockfile.CheckOptions): boolean {
  const { stale } = checkLockOptions(options);
  return isLocked(lockfileOf(canonicalSync(file, options), options), stale);
}

function checkLockOptions(options: lockfile.LockOptions | undefined): lockfile.LockOptions {
  const checked: lockfile.LockOptions = checkOptions(options);
  if (checked.fs !== undefined && checked.fs !== fs) {
    throw invalid('fs', 'the kernel takes locks in its own file systems only, not in a custom fs');
  }
  return checked;
}

async function canonical(file: FilePath, options: lockfile.UnlockOptions | undefined): Promise<string> {
  const path = toNativePath(file, 'file').toString();
  return options?.realpath === false ? path : realpath(path);
}

function canonicalSync(file: FilePath, options: lockfile.UnlockOptions | undefined): string {
  const path = toNativePath(file, 'file').toString();
  return options?.realpath === false ? path : fs.realpathSync.native(path);
}

function lockfileOf(target: string, options: lockfile.UnlockOptions | undefined): string {
  return options?.lockfilePath ? resolve(options.lockfilePath) : `${target}.lock`;
}

function isLocked(path: string, stale: number | undefined): boolean {
  try {
    const held = tryLockSync(path, { mode: 'shared', create: false });
    held?.releaseSync();
    return held === null;
  } catch (error) {
    if (isMissing(error)) return false;
    if (isOldStyleLock(error)) return stateOf(path, staleAfter(stale)) === 'fresh';
    throw error;
  }
}

function remember(target: string, held: FileLock): Lock {
  const lock: Lock = { target, held, released: false };
  locks.set(target, lock);
  atExit('remove lock files', removeLockFiles);
  return lock;
}

function lockOf(target: string): Lock {
  const lock = locks.get(target);
  if (!lock) throw failure('Lock is not acquired/owned by you', { code: 'ENOTACQUIRED' });
  return lock;
}

function releaser(lock: Lock): () => Promise<void> {
  return async () => release(lock);
}

function release(lock: Lock): void {
  if (lock.released) throw failure('Lock is already released', { code: 'ERELEASED' });
  lock.released = true;
  if (locks.get(lock.target) === lock) locks.delete(lock.target);
  lock.held.releaseSync({ remove: true });
}

function isOldStyleLock(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EISDIR';
}

function timedOut(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ELOCK_TIMEOUT';
}

function locked(file: string, cause?: unknown): Error {
  return failure('Lock file is already being held', { code: 'ELOCKED', file }, cause);
}

function failure(message: string, properties: { code: string; file?: string }, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), properties);
}

/** proper-lockfile's export: `lock` itself, with every function on it. */
const lockfile: lockfile.Lockfile = Object.assign(lock, {
  lock,
  unlock,
  check,
  lockSync,
  unlockSync,
  checkSync,
});

/** The types, under the names that `@types/proper-lockfile` gives them. */
declare namespace lockfile {
  /**
   * What the module exports: `lock` itself, with every function on it.
   *
   * @example
   *   const release = await lockfile.lock('state.json', { retries: 5 });
   *   await release();
   */
  export interface Lockfile {
    /** As `lock`. */
    (file: FilePath, options?: LockOptions): Promise<() => Promise<void>>;
    /**
     * Locks `file`, and resolves to the function that releases it.
     *
     * @throws `ELOCKED`, with `file`, if it is still locked when the retries are used up; `ENOENT` if `file`
     *   does not exist and `realpath` is not false. The returned function rejects with `ERELEASED` when it is
     *   called again
     */
    readonly lock: (file: FilePath, options?: LockOptions) => Promise<() => Promise<void>>;
    /** Releases the lock that this thread holds on `file`. Rejects with `ENOTACQUIRED` if it holds none. */
    readonly unlock: (file: FilePath, options?: UnlockOptions) => Promise<void>;
    /** Whether `file` is locked, by anybody. */
    readonly check: (file: FilePath, options?: CheckOptions) => Promise<boolean>;
    /** As `lock`, with one try. Throws `ESYNC` if retries are asked for. */
    readonly lockSync: (file: FilePath, options?: LockOptions) => () => void;
    /** As `unlock`. */
    readonly unlockSync: (file: FilePath, options?: UnlockOptions) => void;
    /** As `check`. */
    readonly checkSync: (file: FilePath, options?: CheckOptions) => boolean;
  }

  /** Which lock is meant. */
  export interface UnlockOptions {
    /** Resolve symbolic links in `file`, which must then exist. Default: true. */
    realpath?: boolean | undefined;
    /** Only node:fs itself: a kernel lock cannot be taken in another file system. Default: that. */
    fs?: unknown;
    /** Where the lock is. Default: `file` with `.lock` appended. */
    lockfilePath?: string | undefined;
  }

  /** As {@link UnlockOptions}, and what counts as locked. */
  export interface CheckOptions extends UnlockOptions {
    /**
     * When a lock directory of the original proper-lockfile counts as left behind, in milliseconds. Default:
     * 10000.
     */
    stale?: number | undefined;
  }

  /**
   * As {@link CheckOptions}, and how long to wait.
   *
   * @example
   *   await lockfile.lock('state.json', { retries: { retries: 5, maxTimeout: 500 } });
   */
  export interface LockOptions extends CheckOptions {
    /** In milliseconds. Accepted; there is no heartbeat. */
    update?: number | undefined;
    /**
     * The longest wait is the time that this many attempts would take; the kernel wakes us earlier. Default:
     * 0.
     */
    retries?: number | RetryOptions | undefined;
    /** Accepted; a kernel lock cannot be compromised, and nothing calls this. */
    onCompromised?: ((error: Error) => unknown) | undefined;
  }

  /** The options of the `retry` package. */
  export interface RetryOptions extends RetryBudgetOptions {}
}

export = lockfile;

// Node's lexer reads this to find the names for `import { lock }`, since it cannot look into Object.assign.
// biome-ignore lint/suspicious/noAssignInExpressions: it never runs; this is the form that the lexer knows
0 && (module.exports = { lock, unlock, check, lockSync, unlockSync, checkSync });
