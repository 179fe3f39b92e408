/**
 * A new file that is to take the place of another one: a temporary file, `.<name>.<random>.tmp`, beside it. Each step
 * is one hand-over to a helper thread of the native code (native/files/replacement.h), none of which takes a thread of
 * libuv's pool for as long as a disk takes.
 */
import { atExit } from '../base/at-exit.js';
import type { Durability } from '../base/durability.js';
import { irregular, type NativeError, systemError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import { callNative } from '../native/call.js';
import {
  durabilityLevel,
  type ReplacementBegun,
  type ReplacementEnd,
  type ReplacementId,
  replacedFile,
  replacementOutcome,
  syncedEntries,
} from '../native/protocol.js';

export interface NewFileOptions {
  /** The permissions of a file that did not exist before, which the umask still narrows. */
  readonly mode: number;
  /**
   * What is replaced, and what the new file has its rights from: owner, group, permissions and ACL, as far as this user
   * may give them. Nobody gains access by that: what cannot be given leaves the new file with less. set-user-ID,
   * set-group-ID and sticky bits are never passed on.
   *
   * `named`: what the path names, if anything. `given`: the chronicle that is open as `file`, and no other one; what
   * rotation has noted on it goes along. `rightsAlone`: the rights are those of `file`, and what is replaced is
   * whatever the path names.
   */
  readonly old:
    | { readonly kind: 'named' }
    | { readonly kind: 'given' | 'rightsAlone'; readonly file: Descriptor };
  /** What messages call the file. Default: its path. */
  readonly calledIn?: NativePath;
}

/** An open file. */
interface Descriptor {
  readonly fd: number;
}

/** How {@link NewFile.replace} ended, unless it failed. */
export interface Replaced {
  readonly isReplaced: boolean;
  /** The error of a sync after the renaming. */
  readonly unsynced?: Error;
}

/** In bytes: they are copied for the helper thread, so that the caller may change them. */
const maxBytesAtOnce = 1024 * 1024;

export class NewFile {
  /** Whether there was no old file. */
  readonly isNew: boolean;
  readonly #id: ReplacementId;
  readonly #target: NativePath;
  readonly #calledIn: NativePath;
  #isOver = false;

  private constructor(id: ReplacementId, target: NativePath, calledIn: NativePath, isNew: boolean) {
    this.#id = id;
    this.#target = target;
    this.#calledIn = calledIn;
    this.isNew = isNew;
  }

  /**
   * Makes one beside `target`, no link, for its place. To be ended by {@link replace} or {@link discard}; at the exit
   * of this thread it is removed. What a process has left that was killed in the middle is removed before. Rejects with
   * errors of the system, as all of its methods do.
   */
  static async beside(
    target: NativePath,
    { mode, old, calledIn = target }: NewFileOptions,
  ): Promise<NewFile> {
    atExit('remove temporary files', native.removeTemporaries);
    const key = target.toString('latin1');
    const begun = performance.now();
    const isSearchDue = begun >= (nextSearch.get(key) ?? 0);
    const descriptor = old.kind === 'named' ? undefined : old.file.fd;
    const kind = replacedFile[old.kind];
    let id: ReplacementId | undefined;
    const { isNew, names } = await callNative<ReplacementBegun>(calledIn, (done, fail) => {
      id = native.beginReplacement(target, kind, descriptor, mode, Number(isSearchDue), (answer) =>
        'errno' in answer ? fail(answer) : done(answer),
      );
    }).catch((error) => {
      throw error.syscall === 'open' ? describedIrregular(error, target) : error;
    });
    if (isSearchDue) noteSearch(key, begun, names);
    return new NewFile(id as ReplacementId, target, calledIn, isNew);
  }

  /** Appends bytes. They may be changed again when it has resolved. */
  async write(bytes: Uint8Array): Promise<void> {
    const { buffer, byteOffset, byteLength } = bytes;
    for (let at = 0; at < byteLength; at += maxBytesAtOnce) {
      const piece = Buffer.from(buffer, byteOffset + at, Math.min(maxBytesAtOnce, byteLength - at));
      await callNative<void>(this.#calledIn, (done, fail) =>
        native.writeReplacement(this.#id, piece, (error) => (error ? fail(error) : done())),
      );
    }
  }

  /** Makes durable what was written so far. */
  async sync(durability: Durability): Promise<void> {
    if (durability === 'none') return;
    await callNative<void>(this.#calledIn, (done, fail) =>
      native.syncReplacement(this.#id, durabilityLevel[durability], (error) =>
        error ? fail(error) : done(),
      ),
    );
  }

  /**
   * Gives it its place, if the path still names the old file, or none where there was none; with `insist` in any case.
   * If it does not, nothing is replaced, and unless the old one was given the new file has the rights of the one that
   * is there now: {@link sync} it, and call this again.
   *
   * @param entries which directory entries are made durable
   */
  async replace(entries: keyof typeof syncedEntries | undefined, insist: boolean): Promise<Replaced> {
    const level = entries && syncedEntries[entries];
    const answer = await callNative<ReplacementEnd | (NativeError & Partial<ReplacementEnd>)>(
      this.#target,
      (done) => native.finishReplacement(this.#id, level, Number(insist), done),
    );
    const error = 'errno' in answer ? systemError(answer, this.#target.toString()) : undefined;
    this.#isOver = answer.outcome === replacementOutcome.replaced;
    if (this.#isOver) return { isReplaced: true, ...(error && { unsynced: error }) };
    if (error) throw error;
    return { isReplaced: false };
  }

  /** Removes it, unless it has its place. Never rejects: the error that led here is the one to report. */
  async discard(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await callNative<void>(this.#target, (done) => native.discardReplacement(this.#id, () => done())).catch(
      () => {},
    );
  }
}

function describedIrregular(error: NodeJS.ErrnoException, target: NativePath): NodeJS.ErrnoException {
  if (error.code !== 'EISDIR' && error.code !== 'EINVAL') return error;
  return irregular({ isDirectory: () => error.code === 'EISDIR' }, target.toString());
}

/** By target: when a large directory may be searched again, as {@link performance.now} has it. */
const nextSearch = new Map<string, number>();

/** No more than a fiftieth of the time is spent on searching a directory with so many names. */
const large = 100;
const pauseFactor = 50;

const maxRemembered = 1000;

function noteSearch(key: string, begun: number, names: number): void {
  if (names < large) return;
  if (nextSearch.size >= maxRemembered) nextSearch.clear();
  const now = performance.now();
  nextSearch.set(key, now + (now - begun) * pauseFactor);
}
