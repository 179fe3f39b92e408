/**
 * What is to be locked, checked: a file by its path or by an open descriptor, and with fcntl a range of its bytes.
 */
import type { FileHandle } from 'node:fs/promises';
import { checkBoolean, checkOneOf, describe, type FilePath, toNativePath } from '../base/arguments.js';
import { invalid, isNativeError, systemError } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import { lockFlags, type NativeError, type NativeTarget, native } from '../native/addon.js';

/** A path (string, Buffer, `file:` URL), or an open descriptor or FileHandle, which stays its owner's to close. */
export type Lockable = FilePath | number | FileHandle;

/** The bytes of a file that a lock covers. */
export interface LockRange {
  /** In bytes, from 0 to 2^63 - 1. Default: 0. */
  start?: number | bigint;
  /** In bytes; 0 reaches to the end of the file, wherever that will be. Default: 0. */
  length?: number | bigint;
}

export interface TargetOptions {
  /**
   * `'flock'` locks the whole file. `'fcntl'` locks a range of bytes, by open file description locks; the file must be
   * writable for an exclusive one. On Linux the two do not see each other. Default: `'flock'`.
   */
  kind?: 'flock' | 'fcntl';
  /** Only with `'fcntl'`. Default: the whole file. */
  range?: LockRange;
  /** Create the file where it is missing. Directories are never created. Default: true. */
  create?: boolean;
}

const largestOffset = 2n ** 63n - 1n;

/** The descriptors that are locked, or waited for, through this module. */
const descriptors = new Set<number>();

let warned = false;

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

  constructor(file: Lockable, { kind, range, create }: TargetOptions) {
    const descriptor = toDescriptor(file);
    if (descriptor === undefined) {
      this.#target = toNativePath(file as FilePath, 'file');
      this.path = this.#target.toString();
      this.name = this.path;
    } else {
      this.#target = descriptor;
      this.name = `descriptor ${descriptor}`;
      if (create !== undefined) throw invalid('create', 'goes with a path, not with an open descriptor');
    }
    this.isFcntl = kind !== undefined && checkOneOf(kind, ['flock', 'fcntl'], 'kind') === 'fcntl';
    if (range !== undefined && !this.isFcntl) throw invalid('range', "goes with kind 'fcntl' only");
    if (range !== undefined && (typeof range !== 'object' || range === null)) {
      throw invalid('range', `expected { start, length }, got ${describe(range)}`);
    }
    this.#start = checkOffset(range?.start, 'range.start');
    this.#length = checkOffset(range?.length, 'range.length');
    if (range !== undefined && BigInt(this.#start) + BigInt(this.#length) > largestOffset) {
      throw invalid('range', 'ends beyond 2^63 - 1 bytes');
    }
    const creates = create === undefined ? true : checkBoolean(create, 'create');
    this.#flags = (creates ? lockFlags.create : 0) | (this.isFcntl ? lockFlags.fcntl : 0);
  }

  /** True where asking the system about the path cannot block on a network. */
  get isKnownLocal(): boolean {
    return typeof this.#target !== 'number' && native.isKnownLocal(this.#target);
  }

  /** The lock's number, 0: busy, undefined: the attempt might block this thread and must be made on another one. */
  tryHere(mode: LockMode, barge: boolean): number | undefined {
    if (typeof this.#target === 'number') return undefined;
    const flags = this.#flagsFor(mode) | (barge ? lockFlags.barge : 0);
    return this.#taken(
      this.#mapped(() => native.tryLockHere(this.#target, flags, this.#start, this.#length)),
    );
  }

  /** The lock's number, 0: busy until the deadline. A timeout of 0 is one try. */
  waitSync(mode: LockMode, timeout: number): number {
    this.#claim();
    let number = 0;
    try {
      const flags = this.#flagsFor(mode);
      number = this.#mapped(() =>
        native.waitLockSync(this.#target, flags, this.#start, this.#length, timeout),
      );
    } finally {
      if (number === 0) this.#disclaim();
    }
    return this.#taken(number) ?? 0;
  }

  /** Starts one try, or a wait without end; `done` gets the lock's number, or 0 for busy. The ticket is for cancel(). */
  start(mode: LockMode, wait: boolean, done: (error: Error | null, number: number) => void): number {
    this.#claim();
    const begin = wait ? native.waitLock : native.tryLock;
    return begin(this.#target, this.#flagsFor(mode), this.#start, this.#length, (error, number) => {
      if (number === 0) this.#disclaim();
      done(error && systemError(error, this.name), this.#taken(number) ?? 0);
    });
  }

  /** True where `done` will not be called any more. */
  cancel(ticket: number): boolean {
    const cancelled = native.cancel(ticket);
    if (cancelled) this.#disclaim();
    return cancelled;
  }

  /** With `remove`, removes the file first, where the path still names it. */
  release(number: number, remove = false): void {
    this.#disclaim();
    this.#mapped(() => native.unlock(number, remove));
  }

  /** As release(), but where that may block on a network, on another thread. */
  releaseElsewhere(number: number, remove: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error: NativeError | null) => {
        this.#disclaim();
        if (error) reject(systemError(error, this.name));
        else resolve();
      };
      if (!native.unlockElsewhere(number, remove, finish)) {
        this.release(number, remove);
        resolve();
      }
    });
  }

  /** Changes the mode without waiting; false where that is not possible. */
  convert(number: number, mode: LockMode): boolean {
    return this.#mapped(() => native.convert(number, mode === 'exclusive'));
  }

  #flagsFor(mode: LockMode): number {
    return this.#flags | (mode === 'exclusive' ? lockFlags.exclusive : 0);
  }

  /**
   * To the kernel, all locks through one descriptor are one lock: a second one would not exclude the first, and
   * releasing it would release both. So it is refused.
   */
  #claim(): void {
    if (typeof this.#target !== 'number') return;
    if (descriptors.has(this.#target)) throw invalid('file', `${this.name} is locked or waited for already`);
    descriptors.add(this.#target);
  }

  #disclaim(): void {
    if (typeof this.#target === 'number') descriptors.delete(this.#target);
  }

  #taken(number: number | undefined): number | undefined {
    if (number && this.isFcntl && !warned && !native.isFcntl(number)) {
      warned = true;
      process.emitWarning('This kernel has no open file description locks; flock is used in their place', {
        type: 'HoldfastWarning',
        code: 'HOLDFAST_FLOCK_FOR_FCNTL',
      });
    }
    return number;
  }

  #mapped<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw isNativeError(error) ? systemError(error, this.name) : error;
    }
  }
}

function toDescriptor(file: Lockable): number | undefined {
  if (typeof file === 'number') {
    if (!Number.isInteger(file) || file < 0 || file > 2 ** 31 - 1) {
      throw invalid('file', `expected a path or an open descriptor, got ${file}`);
    }
    return file;
  }
  if (typeof file === 'object' && file !== null && 'fd' in file) {
    if (file.fd < 0) throw invalid('file', 'the FileHandle is closed');
    return file.fd;
  }
  return undefined;
}

function checkOffset(value: unknown, field: string): number | bigint {
  if (value === undefined) return 0;
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || (value as number | bigint) < 0 || (value as number | bigint) > largestOffset) {
    const shown = typeof value === 'bigint' ? `${value}n` : describe(value);
    throw invalid(field, `expected a whole number of bytes from 0 to 2^63 - 1, got ${shown}`);
  }
  return value as number | bigint;
}
