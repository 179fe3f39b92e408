/**
 * One subject, the border, which is written down once: what crosses between TypeScript and C++, each number by its name, each message by its type. The names and
 * numbers are those of native/binding/protocol.cc, which the addon exports, and a test compares the two.
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

/** What tells one file from another, whatever their paths. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

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
  /** This thread blocks for it, and so takes what its own waits were granted and have not received. */
  blocks: 16,
  /** The bits from {@link permissionBits} on are the permissions of a file that is made. */
  permissions: 32,
  /** The file is there for its lock alone, and removed with it: no directory, and nothing behind a link. */
  lockFile: 64,
} as const;

export const permissionBits = 7;

export const lockMode = { shared: 0, exclusive: 1 } as const satisfies Record<LockMode, number>;

/** What becomes of a file when its lock is released. */
export const fileAtUnlock = { keep: 0, remove: 1 } as const;

export type FileAtUnlock = (typeof fileAtUnlock)[keyof typeof fileAtUnlock];

/** Beside a lock file: what the name of the file ends in that has its fencing token. */
export const fenceSuffix = '.fence';

export type LockDone = (error: NativeError | null, lock: LockId | Busy) => void;

/** Of each file that was asked for, the processes that hold its lock. */
export type FoundHolders = readonly (readonly RawHolder[])[];

export interface RawHolder {
  readonly pid: number;
  readonly mode: (typeof lockMode)[LockMode];
  readonly command: string;
}

// Files

/** How far a sync reaches. */
export const durabilityLevel = { none: 0, data: 1, full: 2 } as const satisfies Record<Durability, number>;

/**
 * Which directory entries are made durable: that of the path, or those of the directories above it as well.
 */
export const syncedEntries = { own: 0, withAncestors: 1 } as const;

/** The number of a file that is being replaced: a positive integer. */
export type ReplacementId = number & { readonly ReplacementId: unique symbol };

/** Where the rights of a new file come from, and what may be replaced: see `Old` in native/files/replacement.h. */
export const replacedFile = { named: 0, given: 1, rightsAlone: 2 } as const;

export interface ReplacementBegun {
  /** There is no old file. */
  readonly isNew: boolean;
  /** How many names of the directory were looked at. */
  readonly names: number;
}

/** What became of a replacement; see `Outcome` in native/files/replacement.h. */
export const replacementOutcome = { failed: 0, changed: 1, replaced: 2 } as const;

export interface ReplacementEnd {
  readonly outcome: (typeof replacementOutcome)[keyof typeof replacementOutcome];
}

/** The rotated files of a chronicle. */
export interface RotatedFiles {
  /** The oldest first. */
  readonly believed: readonly Buffer[];
  /** Believed too, and compressed with gzip. */
  readonly compressed: readonly Buffer[];
  /** Called like rotated files, but not believed; only the first of many. */
  readonly foreign: readonly Buffer[];
}

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
  /** Not written, because the outcome of an earlier batch is unknown. */
  poisoned: 5,
  /** The file is closed. */
  closed: 6,
  /** Not written; `refusal` says why. */
  refused: 7,
  /** Not written: the lock of the fence was given to somebody else later. */
  fenced: 8,
} as const;

/** Whether a writer gives events links. */
export const chainMode = {
  off: 0,
  on: 1,
  /** The first event begins a new chain, whatever there is of an old one. */
  restart: 2,
} as const;

export type ChainMode = (typeof chainMode)[keyof typeof chainMode];

/** Why a file is not gone on with. */
export const refusal = {
  none: 0,
  /** And the writer keeps no chain. */
  isChained: 1,
  /** Its last event has no link, and the writer keeps a chain. */
  isNotChained: 2,
  /** Its last link is not that of its last event. */
  isBroken: 3,
  /** Its last event has no id under the writer's key. */
  otherIdKey: 4,
} as const;

export type Refusal = Exclude<(typeof refusal)[keyof typeof refusal], typeof refusal.none>;

/** What became of a line. */
export const lineFate = {
  written: 0,
  /** Not written: an earlier line of the same commit has its id. */
  duplicateInGroup: 1,
  /** Not written: an event with its id is in the file, or in a rotated one. */
  duplicateInFile: 2,
  /** Not written: its condition is not met. */
  conflict: 3,
} as const;

/** What housekeeping could not do. */
export const problemKind = {
  /** A rotation that is due. */
  rotation: 0,
  /** The removal of rotated files. The error is that of the first one. */
  removal: 1,
  /** Believing that a file is a rotated one, though it is called so. */
  foreign: 2,
} as const;

export interface RawProblem {
  readonly kind: (typeof problemKind)[keyof typeof problemKind];
  readonly error: NativeError;
  /** How many files. */
  readonly count: number;
}

/** The fields of {@link RawReply.figures}. */
export const replyFigure = {
  status: 0,
  batches: 1,
  lines: 2,
  written: 3,
  duplicates: 4,
  bytes: 5,
  end: 6,
  healed: 7,
  rotated: 8,
  knownIds: 9,
  knownBytes: 10,
  waitedNs: 11,
  syncedNs: 12,
  refusal: 13,
} as const;

/** Lines that are written only if the file ends at `end` by then. */
export interface Condition {
  /** The first of them, counted in its batch. */
  readonly first: number;
  readonly count: number;
  readonly end: number;
}

/** Lines that are written only if the lock on the file `lock` was given to nobody after this token. */
export interface WriterFence {
  readonly lock: string;
  readonly token: number;
}

/** What lines ask for. */
export interface Demands {
  /** In order, without overlap. */
  readonly conditions: readonly Condition[] | undefined;
  /** Of all of them. */
  readonly fence: WriterFence | undefined;
}

/** A line that may be a duplicate of the line `text`, which is in the file at `offset`. */
export interface Question {
  readonly line: number;
  readonly offset: number;
  readonly text: Buffer;
}

/** A reply of the writer, as it crosses: one object for each writer, which is filled anew for each reply. */
export interface RawReply {
  readonly figures: Float64Array;
  readonly offsets: Float64Array;
  readonly nexts: Float64Array;
  readonly fates: Uint8Array;
  readonly details:
    | {
        readonly error?: NativeError;
        readonly questions?: readonly Question[];
        readonly rotatedPaths?: { readonly [line: number]: string };
        /** Whatever the status. */
        readonly problems?: readonly RawProblem[];
      }
    | undefined;
}

/** The oldest `batches` batches are committed. Lines are numbered through all of them. */
export interface CommitReply {
  readonly status: typeof writerStatus.committed;
  readonly batches: number;
  /** How many lines were written. */
  readonly written: number;
  /** How many lines were not, because their events were there. */
  readonly duplicates: number;
  /** How many bytes were written. */
  readonly bytes: number;
  /** Where the file ends. */
  readonly end: number;
  /** Whether a torn tail was closed. */
  readonly healed: boolean;
  readonly rotated: boolean;
  /** What deduplication remembers. */
  readonly knownIds: number;
  /** In how much memory, in bytes. */
  readonly knownBytes: number;
  /** For the lock. */
  readonly waitedNs: number;
  /** How long the sync took; 0: there was none. */
  readonly syncedNs: number;
  /** Where the event of each line is. Filled anew for the next reply. */
  readonly offsets: Float64Array;
  /** Where its file goes on after that. Filled anew for the next reply. */
  readonly nexts: Float64Array;
  /** What became of each line; undefined: all were written. Filled anew for the next reply. */
  readonly fates: Uint8Array | undefined;
  /** Of lines whose event is in a rotated file: the path of that file. */
  readonly rotatedPaths: { readonly [line: number]: string } | undefined;
}

/** Nothing of the oldest `batches` batches is acknowledged. */
export type FailureReply = { readonly batches: number } & (
  | {
      readonly status:
        | typeof writerStatus.failed
        | typeof writerStatus.unknown
        | typeof writerStatus.poisoned;
      readonly error: NativeError;
    }
  | { readonly status: typeof writerStatus.refused; readonly refusal: Refusal }
  | { readonly status: typeof writerStatus.fenced }
);

/** Nothing of the oldest `batches` batches was written. */
export interface LockTimeoutReply {
  readonly status: typeof writerStatus.lockTimeout;
  readonly batches: number;
  readonly waitedNs: number;
}

export type WriterReply =
  | CommitReply
  | FailureReply
  | LockTimeoutReply
  | { readonly status: typeof writerStatus.ask; readonly questions: readonly Question[] }
  | { readonly status: typeof writerStatus.closed };

/** Numbers of bytes, lines and files may be {@link unbounded}. */
export interface WriterOptions {
  /** Milliseconds. */
  lockTimeout: number;
  durability: (typeof durabilityLevel)[Durability];
  idKey: string;
  /** How many of the last events are remembered for deduplication; 0: none. */
  window: number;
  maxLineBytes: number;
  rotation: {
    /** Bytes; 0: no rotation by size. */
    maxBytes: number;
    /** Milliseconds; 0: no rotation by age. */
    maxAge: number;
    /** How many rotated files are kept. */
    keep: number;
  };
  /** Unless it is off, each line has room for a link. */
  chain: ChainMode;
}

export interface Writer {
  /** Creates and opens the file: a batch of its own. */
  open(): void;
  /**
   * Whole lines: the first `length` bytes of the buffer, `lines` of them.
   */
  append(buffer: Buffer, length: number, lines: number, demands: Demands | undefined): void;
  /**
   * As `append`, for a thread that would block for the reply: it is returned, if the commit can be made on this thread,
   * which is so when nothing else is under way and there is nobody to wait for. Else it comes as after `append`.
   */
  appendOnThisThread(
    buffer: Buffer,
    length: number,
    lines: number,
    demands: Demands | undefined,
  ): RawReply | undefined;
  /** Of each question of the last reply `ask`, whether the line is a duplicate. */
  answer(duplicates: boolean[]): void;
  /**
   * Blocks this thread until there is a reply, and settles it; false if none is to come. With `lockWait`, the writer waits
   * for the lock no longer than so many milliseconds from now on, in all; then it only tries.
   */
  settleNext(lockWait?: number): boolean;
  /** Ends in a reply `closed`. To be called once. */
  close(): void;
}

/** A reply by names. Its arrays are those that crossed. */
export function unpackReply({ figures, offsets, nexts, fates, details }: RawReply): WriterReply {
  const status = figures[replyFigure.status] as number as WriterReply['status'];
  const batches = figures[replyFigure.batches] as number;
  switch (status) {
    case writerStatus.ask:
      return { status, questions: details?.questions ?? [] };
    case writerStatus.committed:
      return {
        status,
        batches,
        written: figures[replyFigure.written] as number,
        duplicates: figures[replyFigure.duplicates] as number,
        bytes: figures[replyFigure.bytes] as number,
        end: figures[replyFigure.end] as number,
        healed: (figures[replyFigure.healed] as number) !== 0,
        rotated: (figures[replyFigure.rotated] as number) !== 0,
        knownIds: figures[replyFigure.knownIds] as number,
        knownBytes: figures[replyFigure.knownBytes] as number,
        waitedNs: figures[replyFigure.waitedNs] as number,
        syncedNs: figures[replyFigure.syncedNs] as number,
        offsets,
        nexts,
        fates:
          (figures[replyFigure.written] as number) < (figures[replyFigure.lines] as number)
            ? fates
            : undefined,
        rotatedPaths: details?.rotatedPaths,
      };
    case writerStatus.lockTimeout:
      return { status, batches, waitedNs: figures[replyFigure.waitedNs] as number };
    case writerStatus.refused:
      return { status, batches, refusal: figures[replyFigure.refusal] as Refusal };
    case writerStatus.fenced:
      return { status, batches };
    case writerStatus.closed:
      return { status };
    default:
      return { status, batches, error: details?.error as NativeError };
  }
}
