/**
 * `holdfast/proper-lockfile`: proper-lockfile's functions, with a lock that the kernel holds.
 *
 * The lock of `file` is a regular file at `file.lock`, locked with flock(2). It needs no heartbeat: it is
 * free when its holder has died. It is removed on release, by its holder, while it holds it.
 */
import fs from 'node:fs';
import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkOptions, describe, type FilePath, toNativePath } from '../base/arguments.js';
import { atExit } from '../base/at-exit.js';
import { HoldfastError, invalid, isMissing } from '../base/errors.js';
import { isLockFileTaken, type LockFile, takeLockFile, takeLockFileSync } from '../lock/lock-file.js';
import { updateInterval, watch } from './compromised.js';
import { checkFs, checkFsSync } from './given-fs.js';
import { removeStale, staleAfter, stateOf } from './old-style-lock.js';
import { type RetryBudgetOptions, retryBudget } from './retry-budget.js';

/**
 * How often a lock directory of the original proper-lockfile is checked: the kernel cannot wait for those.
 */
const pollMilliseconds = 20;

interface Lock {
  readonly target: string;
  readonly file: LockFile;
  /** Ends the watch over its file. */
  readonly stopWatching: () => void;
  released: boolean;
}

/** The locks of this thread, on purpose, by the path of what is locked. */
const locks = new Map<string, Lock>();

/** The kernel frees the locks at the exit; their files are removed here. */
function removeLockFiles(): void {
  for (const { file } of locks.values()) {
    try {
      file.lock.releaseSync({ remove: true });
    } catch {
      // The process ends all the same.
    }
  }
}

async function lock(file: FilePath, options?: lockfile.LockOptions): Promise<() => Promise<void>> {
  const checked = checkLockOptions(options);
  const { stale, retries } = checked;
  const deadline = performance.now() + retryBudget(retries);
  const target = await canonical(file, checked);
  const path = lockfileOf(target, checked);
  let timeout: unknown;
  for (;;) {
    const left = timeout ? 0 : Math.max(deadline - performance.now(), 0);
    try {
      const taken = await takeLockFile(path, left);
      if (taken) return releaser(remember(target, taken, checked));
      throw locked(target, timeout);
    } catch (error) {
      const state = stateOfOther(error, path, stale);
      if (state === undefined) {
        if (timeout || !timedOut(error)) throw error;
        // On a busy machine the time may be up before the lock was looked at. The original makes its last
        // attempt when its time is up.
        timeout = error;
        continue;
      }
      if (state === 'stale') removeStale(path);
      if (state !== 'fresh') continue;
      if (left === 0) throw locked(target);
      await sleep(Math.min(pollMilliseconds, left));
    }
  }
}

function lockSync(file: FilePath, options?: lockfile.LockOptions): () => void {
  const checked = checkLockOptions(options);
  const { stale, retries } = checked;
  if ((typeof retries === 'object' ? (retries?.retries ?? 0) : (retries ?? 0)) > 0) {
    throw failure('Cannot use retries with the sync api', { code: 'ESYNC' });
  }
  const target = canonicalSync(file, checked);
  const path = lockfileOf(target, checked);
  for (;;) {
    try {
      const taken = takeLockFileSync(path);
      if (!taken) throw locked(target);
      const lock = remember(target, taken, checked);
      return () => release(lock);
    } catch (error) {
      const state = stateOfOther(error, path, stale);
      if (state === undefined) throw error;
      if (state === 'fresh') throw locked(target);
      if (state === 'stale') removeStale(path);
    }
  }
}

async function unlock(file: FilePath, options?: lockfile.UnlockOptions): Promise<void> {
  release(lockOf(await canonical(file, checkLockOptions(options))));
}

function unlockSync(file: FilePath, options?: lockfile.UnlockOptions): void {
  release(lockOf(canonicalSync(file, checkLockOptions(options))));
}

async function check(file: FilePath, options?: lockfile.CheckOptions): Promise<boolean> {
  const checked = checkLockOptions(options);
  return isLocked(lockfileOf(await canonical(file, checked), checked), checked.stale);
}

function checkSync(file: FilePath, options?: lockfile.CheckOptions): boolean {
  const checked = checkLockOptions(options);
  return isLocked(lockfileOf(canonicalSync(file, checked), checked), checked.stale);
}

function checkLockOptions(options: lockfile.LockOptions | undefined): lockfile.LockOptions {
  const checked: lockfile.LockOptions = checkOptions(options);
  const { onCompromised, retries } = checked;
  if (typeof retries === 'object' && retries !== null)
    checked.retries = checkOptions(retries, undefined, 'retries');
  if (onCompromised !== undefined && typeof onCompromised !== 'function') {
    throw invalid('onCompromised', `expected a function, got ${describe(onCompromised)}`);
  }
  return checked;
}

async function canonical(file: FilePath, options: lockfile.UnlockOptions): Promise<string> {
  const path = toNativePath(file, 'file').toString();
  await checkFs(options.fs, path);
  return options.realpath === false ? path : realpath(path);
}

function canonicalSync(file: FilePath, options: lockfile.UnlockOptions): string {
  const path = toNativePath(file, 'file').toString();
  checkFsSync(options.fs, path);
  return options.realpath === false ? path : fs.realpathSync.native(path);
}

function lockfileOf(target: string, options: lockfile.UnlockOptions): string {
  const { lockfilePath } = options;
  return lockfilePath ? toNativePath(lockfilePath, 'lockfilePath').toString() : `${target}.lock`;
}

function isLocked(path: string, stale: number | undefined): boolean {
  try {
    return isLockFileTaken(path);
  } catch (error) {
    if (isMissing(error)) return false;
    const state = stateOfOther(error, path, stale);
    if (state === undefined) throw error;
    return state === 'fresh' && fs.existsSync(path);
  }
}

/**
 * What stands at the path, if it is no lock file of ours: a directory of the original, or something else that
 * keeps mkdir from making one, such as a link, wherever it leads. Undefined for another error.
 */
function stateOfOther(
  error: unknown,
  path: string,
  stale: number | undefined,
): 'fresh' | 'stale' | 'gone' | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ELOOP' || code === 'EEXIST') return 'fresh';
  return code === 'EISDIR' ? stateOf(path, staleAfter(stale)) : undefined;
}

function remember(target: string, file: LockFile, options: lockfile.LockOptions): Lock {
  const { update, stale, onCompromised = throwIt } = options;
  const stopWatching = watch(file, updateInterval(update, stale), (error) => {
    forget(lock);
    file.lock.releaseSync(); // the path names a file of somebody else, or none
    onCompromised(error);
  });
  const lock: Lock = { target, file, stopWatching, released: false };
  locks.set(target, lock);
  atExit('remove lock files', removeLockFiles);
  return lock;
}

function throwIt(error: Error): never {
  throw error;
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
  forget(lock);
  try {
    lock.file.lock.releaseSync({ remove: true });
  } catch (error) {
    // It is released. What may not be removed, as another user's file in a sticky directory, locks nobody.
    if (!['EPERM', 'EACCES', 'EROFS', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
}

function forget(lock: Lock): void {
  lock.released = true;
  lock.stopWatching();
  if (locks.get(lock.target) === lock) locks.delete(lock.target);
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
    /**
     * node:fs, or a wrapper of it, such as graceful-fs: a kernel lock cannot be taken in another file system.
     * Default: node:fs.
     */
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
    /**
     * How often it is looked whether somebody has removed or replaced the lock file, in milliseconds, from
     * 1000 to half of `stale`. Default: half of `stale`.
     */
    update?: number | undefined;
    /**
     * The longest wait is the time that this many attempts would take; the kernel wakes us earlier. Default:
     * 0.
     */
    retries?: number | RetryOptions | undefined;
    /**
     * Called with an error of code `ECOMPROMISED` where somebody has removed or replaced the lock file, so
     * that others may have the lock too; by nothing else. The lock is released by then. Default: throws the
     * error, which ends the process.
     */
    onCompromised?: ((error: Error) => unknown) | undefined;
  }

  /** The options of the `retry` package. */
  export interface RetryOptions extends RetryBudgetOptions {}
}

export = lockfile;

// Node's lexer reads this to find the names for `import { lock }`, since it cannot look into Object.assign.
// biome-ignore lint/suspicious/noAssignInExpressions: it never runs; this is the form that the lexer knows
0 && (module.exports = { lock, unlock, check, lockSync, unlockSync, checkSync });
