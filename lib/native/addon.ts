/**
 * The typed loader of the addon. See native/binding for what each function does, and protocol.ts for what
 * crosses.
 */
import type { NativeError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import { loadAddon } from './load.js';
import type {
  Busy,
  Done,
  FileAtUnlock,
  FileIdentity,
  FoundHolders,
  LockDone,
  LockId,
  MightBlock,
  NativeTarget,
  Offset,
  RawReply,
  ReplacementBegun,
  ReplacementEnd,
  ReplacementId,
  RotatedFiles,
  Ticket,
  Writer,
  WriterOptions,
} from './protocol.js';

interface Native {
  tryLockOnThisThread(
    target: NativeTarget,
    flags: number,
    start: Offset,
    length: Offset,
  ): LockId | Busy | MightBlock;
  tryLock(target: NativeTarget, flags: number, start: Offset, length: Offset, done: LockDone): Ticket;
  /** Waits until it is cancelled. A grant that comes more than `timeout` milliseconds later is `busy`. */
  waitLock(
    target: NativeTarget,
    flags: number,
    start: Offset,
    length: Offset,
    done: LockDone,
    timeout: number,
  ): Ticket;
  /** Blocks this thread for up to `timeout` milliseconds. Throws EDEADLK if it holds the lock itself. */
  waitLockSync(
    target: NativeTarget,
    flags: number,
    start: Offset,
    length: Offset,
    timeout: number,
  ): LockId | Busy;
  /** True if `done` will not be called any more. */
  cancel(ticket: Ticket): boolean;
  /** False if the mode cannot be had without waiting. */
  convert(lock: LockId, mode: number): boolean;
  /** False if flock had to stand in. */
  isFcntl(lock: LockId): boolean;
  /** The descriptor that has the lock, which is the caller's to close from now on. -1 on Windows. */
  giveAway(lock: LockId): number;
  /** The file that is locked; undefined if the lock is not held. */
  identityOf(lock: LockId): FileIdentity | undefined;
  isKnownLocal(path: NativePath): boolean;
  /** What {@link findHolders} knows the file by. */
  identifyForHolders(path: NativePath, done: (file: string | NativeError) => void): void;
  identifyForHoldersSync(path: NativePath): string | NativeError;
  /** Of each file, as many as are found in so many milliseconds. */
  findHolders(
    files: readonly string[],
    milliseconds: number,
    done: (found: FoundHolders | NativeError) => void,
  ): void;
  findHoldersSync(files: readonly string[], milliseconds: number): FoundHolders;
  unlock(lock: LockId, file: FileAtUnlock): void;
  /** False if that may block, and the lock is still held. */
  unlockAtOnce(lock: LockId, file: FileAtUnlock): boolean;
  unlockOnHelper(lock: LockId, file: FileAtUnlock, done: Done): void;
  /** The fencing token of whoever was just given the lock on `path`; 0: to be asked for again. */
  nextFence(path: NativePath, mode: number, done: (token: number | NativeError) => void): void;
  nextFenceSync(path: NativePath, mode: number): number | NativeError;
  sync(descriptor: number, durability: number, done: Done): void;
  /** Calls back when nobody reads any more what is written to a pipe or a socket. Not on Windows. */
  awaitReaderGone(descriptor: number, done: Done): void;
  /** Owner, group, permissions and ACL of one open file for another. */
  copyRights(from: number, to: number, done: Done): void;
  syncDirectory(path: NativePath, entries: number, done: Done): void;
  /** Those of the chronicle at `path`, whose file is open as `descriptor`, or is what the path names now. */
  rotatedFiles(
    path: NativePath,
    descriptor: number | undefined,
    done: (found: RotatedFiles | NativeError) => void,
  ): void;
  /** What rotation has noted on an open file: which one came before it. Empty if there is no note. */
  successionOf(descriptor: number, done: (note: string) => void): void;
  /** Of the file `descriptor` at `path`, whose lock is held: a second name that a rotation has left. */
  removeAlias(path: NativePath, descriptor: number, done: Done): void;
  /**
   * Makes the new file that is to replace what `path` names. `old` is one of `replacedFile`, `descriptor` that of the
   * old file, unless it is what the path names; `search`: 1 to look for what killed processes have left.
   */
  beginReplacement(
    path: NativePath,
    old: number,
    descriptor: number | undefined,
    permissions: number,
    search: number,
    done: (begun: ReplacementBegun | NativeError) => void,
  ): ReplacementId;
  /** At the end of the new file. The bytes are copied. */
  writeReplacement(replacement: ReplacementId, bytes: Buffer, done: Done): void;
  syncReplacement(replacement: ReplacementId, durability: number, done: Done): void;
  /** Gives the new file its place; `entries` as that of `syncDirectory`, or none. `insist`: 1 whatever is there. */
  finishReplacement(
    replacement: ReplacementId,
    entries: number | undefined,
    insist: number,
    done: (answer: ReplacementEnd | (NativeError & Partial<ReplacementEnd>)) => void,
  ): void;
  /** Removes the new file. */
  discardReplacement(replacement: ReplacementId, done: Done): void;
  /** At the exit of the thread: the new files of all its replacements. */
  removeTemporaries(): void;
  /**
   * Whole lines as the text of one JSON array, with `separator` as an element between them and 0 for those
   * that are blank, longer than `maxLineBytes` or not in ASCII; and the offsets of their newlines. Undefined
   * if the last one is not whole, or if `ends` cannot take them all. See native/read/line_array.h.
   */
  lineArray(lines: Buffer, separator: string, maxLineBytes: number, ends: Uint32Array): string | undefined;
  /**
   * The SHA-256 of the canonical form (RFC 8785) of an event's JSON, as lowercase hexadecimal digits; undefined if
   * that is not plain. If it is, it also has neither half surrogate pairs nor characters that a line must not have.
   * See native/event/plain_json.h.
   */
  idOfPlainJson(json: string): string | undefined;
  Writer: new (path: NativePath, options: WriterOptions, settle: (reply: RawReply) => void) => Writer;
  /** The tables of protocol.ts, as the native code has them. */
  readonly protocol: { readonly [table: string]: unknown };
}

export const native = loadAddon() as Native;
