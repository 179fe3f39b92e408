/**
 * The typed loader of the addon. See native/addon.cc for what each function does.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A system call that failed. `errno` is positive, as in C; `text` is the system's description of it. */
export interface NativeError {
  errno: number;
  syscall: string;
  text: string;
}

/** A path as the system takes it: absolute, without NUL. */
export type NativePath = string | Buffer;

/** A place in a file, in bytes. */
type Offset = number | bigint;

type LockDone = (error: NativeError | null, lock: number) => void;

export interface CommitResult {
  status: 'committed' | 'behind' | 'reload' | 'lockTimeout' | 'failed' | 'unknown';
  /** Device and inode of the file, as `dev:ino`. */
  file: string;
  /** Where the first byte of the batch stands. */
  start: number;
  /** The end of the file, after the batch. */
  end: number;
  /** Whether a torn tail was closed before the batch. */
  healed: boolean;
  /** Milliseconds waited for the lock. */
  waited: number;
  /** What others wrote between `seenEnd` and this batch. */
  foreign?: Buffer;
  error?: NativeError;
}

export interface Writer {
  open(done: (result: CommitResult) => void): void;
  commit(
    data: string,
    ids: string,
    idsExact: boolean,
    file: string | undefined,
    seenEnd: number,
    mustSync: boolean,
    done: (result: CommitResult) => void,
  ): void;
  close(): void;
}

/** What is to be locked: a path, or an open descriptor. */
export type NativeTarget = NativePath | number;

/** The bits of a request for a lock. */
export const lockFlags = { exclusive: 1, create: 2, fcntl: 4, barge: 8 } as const;

/** How far a sync reaches; the native code takes the index. */
export const durabilities = ['none', 'data', 'full'] as const;

interface Native {
  tryLockHere(target: NativeTarget, flags: number, start: Offset, length: Offset): number | undefined;
  tryLock(target: NativeTarget, flags: number, start: Offset, length: Offset, done: LockDone): number;
  waitLock(target: NativeTarget, flags: number, start: Offset, length: Offset, done: LockDone): number;
  waitLockSync(target: NativeTarget, flags: number, start: Offset, length: Offset, timeout: number): number;
  cancel(ticket: number): boolean;
  convert(lock: number, exclusive: boolean): boolean;
  isFcntl(lock: number): boolean;
  isKnownLocal(path: NativePath): boolean;
  unlockElsewhere(lock: number, remove: boolean, done: (error: NativeError | null) => void): boolean;
  unlock(lock: number, remove: boolean): void;
  sync(descriptor: number, durability: number, done: (error: NativeError | null) => void): void;
  syncDirectory(path: NativePath, ancestors: boolean, done: (error: NativeError | null) => void): void;
  rename(from: NativePath, to: NativePath, done: (error: NativeError | null) => void): void;
  Writer: new (path: NativePath, lockTimeout: number, durability: number) => Writer;
}

/** The package's root, from dist/lib/native.js. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const native: Native = load();

function load(): Native {
  try {
    const find = createRequire(import.meta.url)('node-gyp-build') as (root: string) => Native;
    return find(root);
  } catch (cause) {
    // The paths in it are quoted as both POSIX shells and cmd take them.
    const command = `npm install --no-save node-addon-api node-gyp && npx node-gyp rebuild -C "${root}"`;
    throw new Error(
      `holdfast has no binary that loads on this machine (${process.platform} ${process.arch}, Node-API of ` +
        `${process.release?.name ?? 'node'} ${process.version}). With a C++ compiler, make and python3, build it: ${command}`,
      { cause },
    );
  }
}
