/**
 * A lock that is held.
 */
import { checkBoolean, checkOptions } from '../base/arguments.js';
import { HoldfastError, invalid } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import { type FileAtUnlock, fileAtUnlock, type LockId } from '../native/protocol.js';
import { acquire, checkWait, tryAcquire, unlimited, type Wait, type WaitOptions } from './acquire.js';
import { channels } from './diagnostics.js';
import { takeFence } from './fence.js';
import type { LossWatch } from './loss.js';
import type { Target } from './target.js';

/**
 * How a lock is released.
 *
 * @example
 *   await held.release({ remove: true });
 */
export interface ReleaseOptions {
  /**
   * Remove the file while the lock is still held, and only if the path still names the locked file. Those who
   * wait for it then lock the file that is made in its place. If others share the lock, or hold another range
   * of the file, it stays. Default: false.
   */
  remove?: boolean | undefined;
}

/**
 * The only way to make one: FileLock's own constructor is private, and this is not exported by the package.
 */
export let newFileLock: (target: Target, lock: LockId, mode: LockMode, fence?: number) => FileLock;

/**
 * Makes one before its lock is waited for, and returns what gives it the lock: nothing is left to be made at the
 * hand-over.
 */
export let prepareFileLock: (target: Target, mode: LockMode) => (lock: LockId) => FileLock;

/**
 * A kernel-held lock on a file. It lasts until it is released, or until its process or worker thread ends,
 * however that happens. It does not keep the process alive, and no child process inherits it. A FileLock that
 * is forgotten stays held: it is not released by the garbage collector.
 *
 * @example
 *   await using held = await lock('jobs.lock'); // released at the end of the block
 *   console.log(held.mode, held.path); // exclusive /home/…/jobs.lock
 */
export class FileLock {
  /** The absolute path that was locked; undefined for a lock on an open descriptor. */
  readonly path: string | undefined;
  readonly #target: Target;
  /** Undefined if it is not held. */
  #lock: LockId | undefined;
  #mode: LockMode;
  #fence: number | undefined;
  /** Whether upgrade() has given the lock up for a moment and waits for it. */
  #upgrading = false;
  #since: number | undefined;
  #lost: AbortSignal | undefined;
  #lossWatch: LossWatch | undefined;

  static {
    newFileLock = (target, lock, mode, fence) => new FileLock(target, mode, fence).#granted(lock);
    prepareFileLock = (target, mode) => {
      const prepared = new FileLock(target, mode, undefined);
      return (lock) => prepared.#granted(lock);
    };
  }

  private constructor(target: Target, mode: LockMode, fence: number | undefined) {
    this.#fence = fence;
    this.#target = target;
    this.#mode = mode;
    this.path = target.path;
  }

  #granted(lock: LockId): this {
    this.#lock = lock;
    if (channels.release.hasSubscribers) this.#since = performance.now();
    return this;
  }

  /** How it is held, or was held last. */
  get mode(): LockMode {
    return this.#mode;
  }

  /** False once it was released. */
  get held(): boolean {
    return this.#lock !== undefined;
  }

  /**
   * The fencing token, if the lock was taken with `fence: true`; else undefined. It is greater than that of everybody
   * who had the lock before, also after a crash or a power loss. Those that share the lock have the same.
   *
   * @example
   *   await using held = await lock('jobs.lock', { fence: true });
   *   await chronicle.append({ type: 'closed' }, { fence: held }); // EFENCED, if somebody else was given the lock
   */
  get fence(): number | undefined {
    return this.#fence;
  }

  /**
   * Aborts when the lock is worth nothing any more: the path names another file than the one that is locked, or none,
   * because somebody removed or replaced it. Whoever comes then locks another file. The reason is an error with the
   * code `ELOST`. Never after the release, nor for a lock on a descriptor, which has no path.
   *
   * Nothing is watched before this is asked for. Then most changes are told at once, and every one within about a
   * second, unless the event loop is blocked. It keeps no process alive.
   */
  get lost(): AbortSignal {
    if (this.#lost) return this.#lost;
    if (this.#lock !== undefined || this.#upgrading) {
      this.#lossWatch = this.#target.watchForLoss(() => this.#lock);
    }
    this.#lost = this.#lossWatch?.signal ?? new AbortController().signal;
    return this.#lost;
  }

  /**
   * Releases the lock. To do so again has no effect.
   *
   * @throws the system's error if the file could not be removed; the lock is released all the same
   */
  async release(options?: ReleaseOptions): Promise<void> {
    const file = this.#checkRelease(options);
    this.#upgrading = false;
    this.#lossWatch?.stop();
    const lock = this.#forget();
    const later = lock && this.#target.releaseAsync(lock, file);
    if (later) await later;
  }

  /** As {@link release}, but the lock is released when this returns. */
  releaseSync(options?: ReleaseOptions): void {
    const file = this.#checkRelease(options);
    this.#upgrading = false;
    this.#lossWatch?.stop();
    const lock = this.#forget();
    if (lock) this.#target.release(lock, file);
  }

  /**
   * Makes a shared lock exclusive; waits as `lock` does. Not atomic: others may have held the lock between,
   * so read again what you rely on. (Atomic only with `'fcntl'` on a descriptor that is open for writing, if nobody else holds it.) If it fails, the
   * shared lock is taken again if it is free; `held` says so. A lock with a token gets a new one.
   *
   * @throws as `lock` does; `ECLOSED` if the lock is not held
   */
  async upgrade(options?: WaitOptions): Promise<void> {
    const wait = checkWait(checkOptions(options, ['timeout', 'signal']));
    const held = this.#checkHeld();
    if (this.#mode === 'exclusive') return;
    if (this.#target.isFcntl && this.#target.convert(held, 'exclusive')) {
      this.#mode = 'exclusive';
      return;
    }
    // A waiting flock(2) conversion gives the shared lock up as well, and two waiting fcntl conversions would
    // wait for each other for ever. So it is given up here, and the wait is like every other: fair, timed and
    // abortable.
    this.#upgrading = true;
    this.#forget();
    this.#target.release(held);
    let failure: unknown;
    let lock: LockId | 'busy' = 'busy';
    try {
      lock = await this.#withFence(await acquire(this.#target, 'exclusive', wait), 'exclusive', wait);
    } catch (error) {
      failure = error;
      if (this.#upgrading) lock = await this.#trySharing().catch(() => 'busy' as const);
    }
    if (lock !== 'busy' && !this.#upgrading) {
      this.#target.release(lock); // released while it waited
      lock = 'busy';
    }
    this.#upgrading = false;
    this.#lock = lock === 'busy' ? undefined : lock;
    if (this.#lock === undefined) this.#lossWatch?.stop();
    if (failure) throw failure;
    if (this.#lock === undefined) throw notHeld(this.#target);
    this.#mode = 'exclusive';
  }

  /**
   * Makes an exclusive lock shared; one with a token gets a new one. Atomic on Linux, and with `'fcntl'` everywhere: no exclusive holder comes
   * between.
   *
   * @throws `ECLOSED` if the lock is not held
   */
  async downgrade(): Promise<void> {
    const held = this.#checkHeld();
    if (this.#mode === 'shared') return;
    if (!this.#target.convert(held, 'shared')) {
      // A system whose flock(2) gives the lock up first, and somebody was faster.
      this.#forget();
      this.#target.release(held);
      this.#lock = await acquire(this.#target, 'shared', unlimited);
    }
    this.#mode = 'shared';
    if (this.#fence === undefined || this.#lock === undefined) return;
    this.#lock = await this.#withFence(this.#lock, 'shared', unlimited).catch((error) => {
      this.#forget();
      throw error;
    });
  }

  /** Gives a lock that was just taken a new token, if it had one. If that fails, it is released. */
  async #withFence(lock: LockId, mode: LockMode, wait: Wait): Promise<LockId> {
    if (this.#fence !== undefined) this.#fence = await takeFence(this.#target, lock, mode, wait);
    return lock;
  }

  async #trySharing(): Promise<LockId | 'busy'> {
    const lock = await tryAcquire(this.#target, 'shared');
    return lock === 'busy' ? lock : this.#withFence(lock, 'shared', unlimited);
  }

  /** As {@link release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** As {@link releaseSync}, for `using`. */
  [Symbol.dispose](): void {
    this.releaseSync();
  }

  #forget(): LockId | undefined {
    const lock = this.#lock;
    this.#lock = undefined;
    if (lock && channels.release.hasSubscribers) {
      const held = this.#since === undefined ? undefined : performance.now() - this.#since;
      channels.release.publish({ path: this.path, mode: this.#mode, held });
    }
    return lock;
  }

  #checkRelease(options: ReleaseOptions | undefined): FileAtUnlock {
    const { remove = false } = checkOptions(options, ['remove']);
    if (checkBoolean(remove, 'remove') && this.path === undefined) {
      throw invalid('remove', 'goes with a path, not with an open descriptor');
    }
    return remove ? fileAtUnlock.remove : fileAtUnlock.keep;
  }

  #checkHeld(): LockId {
    if (this.#lock === undefined) throw notHeld(this.#target);
    return this.#lock;
  }
}

function notHeld(target: Target): HoldfastError {
  return new HoldfastError('ECLOSED', `the lock on '${target.name}' is not held`);
}
