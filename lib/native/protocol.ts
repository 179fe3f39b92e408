/**
 * What crosses between TypeScript and C++: each number by its name, each message by its type. The names and numbers are
 * those of native/binding/protocol.cc, which the addon exports, and a test compares the two.
 */
import type { Durability } from '../base/durability.js';
import type { NativeError } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import type { NativePath } from '../base/paths.js';

/** A bound that there is not: of bytes, lines, files or time. */
export const unbounded = Number.POSITIVE_INFINITY;

/** The error of a call, or null; called once, on a later turn of the event loop. */
export type Done = (error: NativeError | null) => void;

// Locks

/** The number of a lock that is held: a positive integer. */
export type LockId = number & { readonly LockId: unique symbol };

/** The number of a call that waits for a lock. */
export type Ticket = number & { readonly Ticket: unique symbol };

/** What is to be locked: a path, or an open descriptor. */
export type NativeTarget = NativePath | number;

/** An offset in a file, in bytes. */
export type Offset = number | bigint;

/** In the place of a {@link LockId}. */
export const noLock = {
  /** Somebody else holds it. */
  busy: 0,
  /** Trying on this thread might block it. */
  mightBlock: -1,
} as const;

export type Busy = typeof noLock.busy;
export type MightBlock = typeof noLock.mightBlock;

/** The flags of a request for a lock. */
export const lockFlag = {
  exclusive: 1,
  /** Create the file if it is missing. */
  create: 2,
  fcntl: 4,
  /** Take the lock before those of this process that wait for it. */
  barge: 8,
} as const;

export const lockMode = { shared: 0, exclusive: 1 } as const satisfies Record<LockMode, number>;

/** What becomes of a file when its lock is released. */
export const fileAtUnlock = { keep: 0, remove: 1 } as const;

export type FileAtUnlock = (typeof fileAtUnlock)[keyof typeof fileAtUnlock];

export type LockDone = (error: NativeError | null, lock: LockId | Busy) => void;

// Files

/** How far a sync reaches. */
export const durabilityLevel = { none: 0, data: 1, full: 2 } as const satisfies Record<Durability, number>;

/** Which directory entries are made durable: that of the path, or those of the directories above it as well. */
export const syncedEntries = { own: 0, withAncestors: 1 } as const;

// The batch writer of a chronicle

/** What became of batches. */
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

/** The flags of a reply. */
export const writerFlag = { healed: 1, rotated: 2 } as const;

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
 * Settles the oldest `batches` batches. `written` of their lines are new, and stand from `start` to `end`, where the
 * file ends; `waited` (for the lock) and `synced` (the sync took) are nanoseconds. Deduplication remembers `knownIds`
 * in `knownBytes` of memory.
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

/** Numbers of bytes, lines and files may be {@link unbounded}. */
export interface WriterOptions {
  /** Milliseconds. */
  lockTimeout: number;
  durability: (typeof durabilityLevel)[Durability];
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
  /**
   * Appends whole lines.
   *
   * @param buffer The lines are its first `length` bytes.
   * @param lines How many they are.
   * @param conditions Of each: its first line, its number of lines, and where the file must end.
   */
  append(buffer: Buffer, length: number, lines: number, conditions: number[] | undefined): void;
  answer(duplicates: boolean[]): void;
  /** Blocks this thread until there is a reply, and settles it; false if none is to come. */
  settleNext(): boolean;
  /** Ends in a reply `closed`. To be called once. */
  close(): void;
}
