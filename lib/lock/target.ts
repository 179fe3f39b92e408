/**
 * One subject, what is to be locked, checked: a file by its path or by an open descriptor, and with fcntl a range of its
 * bytes.
 */
import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import {
  checkBoolean,
  checkNames,
  checkOneOf,
  describe,
  type FilePath,
  ownCopy,
  toNativePath,
} from '../base/arguments.js';
import { deadlock, invalid, isNativeError, type NativeError, systemError } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import {
  type Busy,
  type Done,
  type FileAtUnlock,
  fenceSuffix,
  fileAtUnlock,
  type LockDone,
  type LockId,
  lockFlag,
  lockMode,
  type MightBlock,
  type NativeTarget,
  noLock,
  permissionBits,
  type Ticket,
} from '../native/protocol.js';
import { checkOffset, checkPermissions, maxOffset, toDescriptor } from './lock-arguments.js';
import { LossWatch } from './loss.js';

/**
 * A path (string, Buffer, `file:` URL), or an open descriptor or FileHandle, which stays its owner's to
 * close.
 */
export type Lockable = FilePath | number | FileHandle;

/**
 * The bytes of a file that a lock covers.
 *
 * @example
 *   await lock('table.bin', { kind: 'fcntl', range: { start: 512n, length: 64 } });
 */
export interface LockRange {
  /** In bytes, from 0 to 2^63 - 1. Default: 0. */
  start?: number | bigint | undefined;
  /** In bytes; 0 reaches to the end of the file, wherever that will be. Default: 0. */
  length?: number | bigint | undefined;
}

/** What is to be locked of a file, and how. */
export interface TargetOptions {
  /**
   * `'flock'` locks the whole file. `'fcntl'` locks a range of bytes, by open file description locks; the
   * file must be writable for an exclusive one. On Linux the two do not see each other. Default: `'flock'`.
   */
  kind?: 'flock' | 'fcntl' | undefined;
  /** The bytes to lock; only with `'fcntl'`. Default: the whole file. */
  range?: LockRange | undefined;
  /** Create the file if it is missing. Directories are never created. Default: true. */
  create?: boolean | undefined;
  /**
   * The permissions of a file that is made, as for chmod(2), whatever the umask is: `0o666` for a lock that
   * several users share. Not on Windows. Default: `0o666`, less the umask.
   */
  permissions?: number | undefined;
}

/**
 * The descriptors that are locked, or waited for, through this module. One set per thread, on purpose: locks
 * belong to their thread, and end with it.
 */
const descriptors = new Set<number>();

/**
 * Whether the warning of {@link Target} was given. Once per thread, on purpose: each has its own listeners.
 */
let warned = false;

/** What a try came to: the lock, `'busy'`, or `'mightBlock'`: it must be made on another thread. */
export type Attempt = LockId | 'busy' | 'mightBlock';

/** How a try is made. */
export interface Try {
  /** Before the calls of this process that wait for the same path, or after them. */
  readonly order: 'inTurn' | 'atOnce';
  /**
   * The caller blocks this thread, and so may take what the thread's own waits were granted and have not
   * received.
   */
  readonly blocks: boolean;
}

export class Target {
  /** For messages. */
  readonly name: string;
  /** Undefined for a descriptor. */
  readonly path: string | undefined;
  readonly isFcntl: boolean;
  readonly #target: NativeTarget;
  readonly #flags: number;
  readonly #start: number | bigint;
  readonly #length: number | bigint;

  /** @param use What the file is for: see lock-file.ts. */
  constructor(file: Lockable, { kind, range, create, permissions }: TargetOptions, use?: 'lockFile') {
    const descriptor = toDescriptor(file);
    if (descriptor === undefined) {
      this.#target = toNativePath(file as FilePath, 'file');
      this.path = this.#target.toString();
      this.name = this.path;
    } else {
      this.#target = descriptor;
      this.name = `descriptor ${descriptor}`;
      for (const [name, value] of Object.entries({ create, permissions })) {
        if (value !== undefined) throw invalid(name, 'goes with a path, not with an open descriptor');
      }
    }
    this.isFcntl = kind !== undefined && checkOneOf(kind, ['flock', 'fcntl'], 'kind') === 'fcntl';
    if (range !== undefined && !this.isFcntl) throw invalid('range', "goes with kind 'fcntl' only");
    if (range !== undefined && (typeof range !== 'object' || range === null)) {
      throw invalid('range', `expected { start, length }, got ${describe(range)}`);
    }
    const bytes = range && ownCopy(range, 'range');
    if (bytes) checkNames(bytes, ['start', 'length'], 'range.');
    this.#start = checkOffset(bytes?.start, 'range.start');
    this.#length = checkOffset(bytes?.length, 'range.length');
    if (range !== undefined && BigInt(this.#start) + BigInt(this.#length) > maxOffset) {
      throw invalid('range', 'ends beyond 2^63 - 1 bytes');
    }
    const creates = create === undefined ? true : checkBoolean(create, 'create');
    this.#flags =
      (creates ? lockFlag.create : 0) |
      (this.isFcntl ? lockFlag.fcntl : 0) |
      (use === 'lockFile' ? lockFlag.lockFile : 0) |
      (permissions === undefined
        ? 0
        : lockFlag.permissions | (checkPermissions(permissions) << permissionBits));
  }

  /** Refuses what has no token of its own. */
  checkFenced(): void {
    if (typeof this.#target === 'number')
      throw invalid('fence', 'goes with a path, not with an open descriptor');
    if (this.isFcntl)
      throw invalid('fence', "goes with kind 'flock': a file has one token, whatever its ranges are");
    if (typeof this.#target !== 'string' && !isUtf8(this.#target))
      throw invalid('fence', 'goes with a path in UTF-8');
  }

  /** Of the file that keeps the token. */
  get fenceFile(): string {
    return `${this.path}${fenceSuffix}`;
  }

  /** The token of whoever was just given the lock; 0 if it cannot be had now, because somebody looks at it. */
  nextFence(mode: LockMode): Promise<number> {
    return new Promise((resolve, reject) => {
      native.nextFence(this.path as string, lockMode[mode], (token) => {
        if (typeof token === 'number') resolve(token);
        else reject(this.#errorOf(token));
      });
    });
  }

  /** As {@link nextFence}, and blocks this thread. */
  nextFenceSync(mode: LockMode): number {
    const token = native.nextFenceSync(this.path as string, lockMode[mode]);
    if (typeof token === 'number') return token;
    throw this.#errorOf(token);
  }

  /** Tells whether the path still names the file that is locked, if there is a path. */
  watchForLoss(lock: () => LockId | undefined): LossWatch | undefined {
    if (typeof this.#target === 'number') return undefined;
    return new LossWatch(this.#target, () => {
      const held = lock();
      return held && native.identityOf(held);
    });
  }

  /** By what name the system tells who holds the lock; undefined if it has none. */
  get pathOfFile(): NativePath | undefined {
    if (typeof this.#target !== 'number') return this.#target;
    return process.platform === 'linux' ? `/proc/self/fd/${this.#target}` : undefined;
  }

  /** True if asking the system about the path cannot block on a network. */
  get isKnownLocal(): boolean {
    return typeof this.#target !== 'number' && native.isKnownLocal(this.#target);
  }

  tryOnThisThread(mode: LockMode, { order, blocks }: Try): Attempt {
    const flags =
      this.#flagsFor(mode) | (order === 'atOnce' ? lockFlag.barge : 0) | (blocks ? lockFlag.blocks : 0);
    this.#claim();
    let attempt: Attempt = 'busy';
    try {
      attempt = this.#taken(native.tryLockOnThisThread(this.#target, flags, this.#start, this.#length));
    } catch (error) {
      throw this.#mapped(error);
    } finally {
      if (typeof attempt !== 'number') this.#disclaim();
    }
    return attempt;
  }

  /**
   * Blocks this thread for up to `timeout` milliseconds; 0 is one try.
   *
   * @throws `EDEADLK` if it would wait for a lock that this thread holds
   */
  waitSync(mode: LockMode, timeout: number): LockId | 'busy' {
    this.#claim();
    let lock: LockId | 'busy' = 'busy';
    try {
      const flags = this.#flagsFor(mode);
      lock = this.#taken(native.waitLockSync(this.#target, flags, this.#start, this.#length, timeout));
    } catch (error) {
      throw this.#mapped(error);
    } finally {
      if (lock === 'busy') this.#disclaim();
    }
    return lock;
  }

  /**
   * Starts one try (a timeout of 0), or a wait without end, on a helper thread. Calls `granted` with the lock, or
   * `otherwise` with the error, or with null if it is busy: as is what is granted to a wait after its timeout. The
   * ticket is for cancel().
   */
  start(
    mode: LockMode,
    timeout: number,
    granted: (lock: LockId) => void,
    otherwise: (error: Error | null) => void,
  ): Ticket {
    this.#claim();
    const answered: LockDone = (error, answer) => {
      if (answer === noLock.busy) {
        this.#disclaim();
        otherwise(error && this.#errorOf(error));
        return;
      }
      if (this.isFcntl) this.#taken(answer);
      granted(answer);
    };
    const flags = this.#flagsFor(mode);
    return timeout > 0
      ? native.waitLock(this.#target, flags, this.#start, this.#length, answered, timeout)
      : native.tryLock(this.#target, flags, this.#start, this.#length, answered);
  }

  /** True if nobody will be called any more. */
  cancel(ticket: Ticket): boolean {
    const cancelled = native.cancel(ticket);
    if (cancelled) this.#disclaim();
    return cancelled;
  }

  /** A file is removed first, and only if the path still names it. */
  release(lock: LockId, file: FileAtUnlock = fileAtUnlock.keep): void {
    this.#disclaim();
    try {
      native.unlock(lock, file);
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  /** As release(), but on another thread, and later, if it may block on a network. */
  releaseAsync(lock: LockId, file: FileAtUnlock): Promise<void> | undefined {
    try {
      const released = native.unlockAtOnce(lock, file);
      if (!released) return this.#releaseOnHelper(lock, file);
    } catch (error) {
      this.#disclaim();
      throw this.#mapped(error);
    }
    this.#disclaim();
    return undefined;
  }

  #releaseOnHelper(lock: LockId, file: FileAtUnlock): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish: Done = (error) => {
        this.#disclaim();
        if (error) reject(systemError(error, this.name));
        else resolve();
      };
      native.unlockOnHelper(lock, file, finish);
    });
  }

  /** The descriptor that has the lock, which is the caller's to close from now on. Not on Windows. */
  giveAway(lock: LockId): number {
    this.#disclaim();
    return native.giveAway(lock);
  }

  /** Changes the mode without waiting; false if that is not possible. */
  convert(lock: LockId, mode: LockMode): boolean {
    try {
      return native.convert(lock, lockMode[mode]);
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  #flagsFor(mode: LockMode): number {
    return this.#flags | (mode === 'exclusive' ? lockFlag.exclusive : 0);
  }

  /**
   * To the kernel, all locks through one descriptor are one lock: a second one would not exclude the first,
   * and releasing it would release both. So it is refused.
   */
  #claim(): void {
    if (typeof this.#target !== 'number') return;
    if (descriptors.has(this.#target)) throw invalid('file', `${this.name} is locked or waited for already`);
    descriptors.add(this.#target);
  }

  #disclaim(): void {
    if (typeof this.#target === 'number') descriptors.delete(this.#target);
  }

  /** Names what crossed, and warns if the lock is of another kind than was asked for. */
  #taken(answer: LockId | Busy): LockId | 'busy';
  #taken(answer: LockId | Busy | MightBlock): Attempt;
  #taken(answer: LockId | Busy | MightBlock): Attempt {
    if (answer === noLock.busy) return 'busy';
    if (answer === noLock.mightBlock) return 'mightBlock';
    if (this.isFcntl && !warned && !native.isFcntl(answer)) {
      warned = true;
      process.emitWarning('This kernel has no open file description locks; flock is used in their place', {
        type: 'HoldfastWarning',
        code: 'HOLDFAST_FLOCK_FOR_FCNTL',
      });
    }
    return answer;
  }

  /** What is thrown in the place of what the addon threw. */
  #mapped(error: unknown): unknown {
    return isNativeError(error) ? this.#errorOf(error) : error;
  }

  #errorOf(error: NativeError): Error {
    if (error.errno === constants.errno.EDEADLK) return deadlock(this.name);
    if (error.errno === constants.errno.EBADF && error.syscall === 'fcntl' && this.path === undefined) {
      const problem = `${this.name} is not open for what the lock asks for: writing if it is exclusive, else reading`;
      return invalid('file', problem);
    }
    return systemError(error, this.name);
  }
}
