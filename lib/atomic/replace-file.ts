/**
 * Replacing a file whole: a temporary file beside it, sync, rename, sync of the directory. Whoever opens the
 * path sees the old file or the new one, also after a crash at any moment.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { throwIfAborted } from '../base/abort.js';
import type { Durability } from '../base/durability.js';
import { irregular, isMissing, notReplaced, replacementUnsynced, withIoErrors } from '../base/errors.js';
import { followLinksToWrite, type NativePath } from '../base/paths.js';
import { namedFileId, stillNames } from '../lock/named-file.js';
import { copyRights, copySuccession, replaceName, syncFile } from './sync.js';
import { forgetTemporary, makeTemporary } from './temporary-file.js';

/** The new file, while it is being written. */
export interface NewFile {
  /** Appends bytes. They may be changed again when it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes durable what was written so far, so that there is less to do at the end. */
  sync(): Promise<void>;
}

/** What is asked of the file that is replaced. */
type OldFile = Pick<FileHandle, 'fd' | 'close'> & Parameters<typeof stillNames>[1];

export interface Replacement {
  /** The permissions of a file that did not exist before, which the umask still narrows. */
  readonly mode: number;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
  /**
   * The file that is replaced, and no other one: see {@link replacedMeanwhile}. It is a chronicle with the same events,
   * so it stays the successor of the file that was before it. Default: whatever is there.
   */
  readonly old?: OldFile;
}

/** Thrown, and nothing is replaced, if the path does not name the file any more that was to be replaced. */
export const replacedMeanwhile = Symbol('the file was replaced meanwhile');

/** How often the rights are taken anew, if others keep replacing the file. */
const maxRounds = 3;

/**
 * Replaces what `path` names, or names through symbolic links, with a file that `fill` writes. The new file
 * has the rights of the old one, as {@link copyRights} gives them.
 *
 * Every failure before the rename leaves the old file as it was and removes the temporary one. What `fill`
 * throws is thrown unchanged, and so is the reason of an abort.
 *
 * @throws `EIO` if the file system fails a call; with `outcomeUnknown` if the new file is in place but the
 *   sync of its directory failed, so that the old one may come back after a power loss.
 */
export async function replaceFile(
  path: NativePath,
  { mode, durability, signal, old: given }: Replacement,
  fill: (file: NewFile) => Promise<void>,
): Promise<void> {
  const io = <T>(call: Promise<T>) => withIoErrors(call, path);
  const target = await io(followLinksToWrite(path));
  let old: OldFile | undefined = given ?? (await io(openOld(target)));
  const isNew = old === undefined;
  let unsynced: Error | undefined;
  try {
    throwIfAborted(signal);
    // Until it has its owner, nobody else can open it.
    const { path: temporary, file } = await io(makeTemporary(target, old ? 0o600 : mode));
    try {
      if (old) await io(copyRights(old, file, path));
      if (given) await io(copySuccession(given, file, path));
      const sync = () => io(syncFile(file, durability, path));
      await fill({ write: (bytes) => io(file.writeFile(bytes)), sync });
      throwIfAborted(signal);
      await sync();
      for (let round = 0; !(await io(isNamed(target, old))) && round < maxRounds; round++) {
        if (given) throw replacedMeanwhile;
        await old?.close();
        old = undefined; // if it cannot be opened
        old = await io(openOld(target));
        if (old) await io(copyRights(old, file, path));
        await sync();
      }
      throwIfAborted(signal);
      // Some file systems of Windows replace no file that is open.
      if (old !== given) await old?.close();
      // If the file existed, whoever made it has synced the directories above.
      const entries = durability === 'none' ? undefined : isNew ? 'withAncestors' : 'own';
      unsynced = await replaceName(temporary, target, entries).catch((error) => {
        throw notReplaced(error, path.toString());
      });
    } catch (error) {
      await file.close().catch(() => {}); // the first error is the one to report
      await unlink(temporary).catch(() => {});
      throw error;
    } finally {
      forgetTemporary(temporary);
    }
    // Not before: while it is open, nobody takes it for abandoned.
    await file.close().catch((error) => {
      unsynced ??= error;
    });
  } finally {
    if (old !== given) await old?.close();
  }
  if (unsynced) throw replacementUnsynced(unsynced, path.toString());
}

/** Of Linux, and not among node:fs's constants: a descriptor that tells which file it is, and no more. */
const O_PATH = 0o10000000;

/**
 * The file whose rights the new one gets, not through a link; undefined if there is none yet. Throws for
 * anything but a regular file, which must not be replaced by one.
 */
async function openOld(path: NativePath): Promise<FileHandle | undefined> {
  // O_NONBLOCK: opening a FIFO must not wait for its other end.
  const flags = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  let file: FileHandle | undefined;
  try {
    // Before it is opened, because opening a device may do something, and Windows does not open a directory.
    const stats = await stat(path);
    if (!stats.isFile()) throw irregular(stats, path.toString());
    file = await open(path, constants.O_RDONLY | flags).catch((error) => {
      if (error.code !== 'EACCES' || process.platform !== 'linux') throw error;
      return open(path, O_PATH | flags);
    });
    if ((await file.stat()).isFile()) return file;
    throw irregular(await file.stat(), path.toString());
  } catch (error) {
    await file?.close();
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether the path names this file, or none where there is none. */
async function isNamed(path: NativePath, file: OldFile | undefined): Promise<boolean> {
  if (file) return stillNames(path, file, { followLink: false });
  return (await namedFileId(path, { followLink: false })) === undefined;
}
