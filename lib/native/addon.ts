/**
 * The typed loader of the addon. See native/binding/addon.cc for what each function does.
 */
import type { NativeError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import { loadAddon } from './load.js';

export type { NativeError, NativePath };

/** A place in a file, in bytes. */
type Offset = number | bigint;

type LockDone = (error: NativeError | null, lock: number) => void;

/** What became of batches; the native code gives the index. */
export const writerStatus = {
  /** Some lines may be in the file already: look at `questions`, and call `answer`. Settles nothing. */
  ask: 0,
  committed: 1,
  lockTimeout: 2,
  failed: 3,
  /** Written, but the sync failed, or a failed write could not be cut off again. */
  unknown: 4,
  /** Not written, because the outcome of a batch before is unknown. */
  poisoned: 5,
  /** The file is closed. */
  closed: 6,
} as const;

/** The bits of a reply's flags. */
export const writerFlags = { healed: 1, rotated: 2 } as const;

export interface WriterDetails {
  /** Device and inode of the file, as `dev:ino`. */
  file: string;
  error?: NativeError;
  /** Lines (numbered through all batches of the reply) that may be copies of the line `text` at `offset`. */
  questions: { line: number; offset: number; text: Buffer }[];
  /** Lines that were not written, and where the first copy stands: in the rotated file `path`, or in the file itself. */
  duplicates: { line: number; offset: number; path?: string }[];
  /** The first lines of the conditions that were not met. */
  conflicts: number[];
}

/**
 * Settles the oldest `batches` batches. `written` of their lines are new, and stand from `start` to `end`, where the file ends; `waited` (for
 * the lock) and `synced` (the sync took) are nanoseconds. Deduplication remembers `knownIds` in `knownBytes` of memory.
 */
export type WriterReply = (
  status: number,
  batches: number,
  written: number,
  start: number,
  end: number,
  waited: number,
  synced: number,
  flags: number,
  knownIds: number,
  knownBytes: number,
  details: WriterDetails | undefined,
) => void;

/** `Infinity` stands for "no bound". */
export interface WriterOptions {
  /** Milliseconds. */
  lockTimeout: number;
  /** An index of {@link durabilities}. */
  durability: number;
  idKey: string;
  /** How many of the last events are remembered for deduplication; 0: none. */
  window: number;
  maxLineBytes: number;
  /** Bytes; 0: no rotation by size. */
  rotateBytes: number;
  /** Milliseconds; 0: no rotation by age. */
  rotateAge: number;
  /** How many rotated files are kept. */
  keep: number;
}

export interface Writer {
  /** Creates and opens the file: a batch of its own. */
  open(): void;
  /** Whole lines, which are the first `length` bytes of the buffer, how many, and of each condition its first line, its number of lines and the end of the file. */
  append(buffer: Buffer, length: number, lines: number, conditions: number[] | undefined): void;
  answer(duplicates: boolean[]): void;
  /** Blocks this thread until there is a reply, and settles it; false where none is to come. */
  settleNext(): boolean;
  /** Ends in a reply `closed`. To be called once. */
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
  /**
   * Whole lines as the text of one JSON array, with `separator` as an element between them and 0 for those that are blank,
   * longer than `maxLineBytes` or not in ASCII; and where their newlines stand. Undefined where the last one is not whole,
   * or where there are more than `ends` can take. See native/read/line_array.h.
   */
  lineArray(lines: Buffer, separator: string, maxLineBytes: number, ends: Uint32Array): string | undefined;
  Writer: new (path: NativePath, options: WriterOptions, settle: WriterReply) => Writer;
}

export const native = loadAddon() as Native;
