/**
 * Replacing a file whole: a temporary file beside it, sync, rename, sync of the directory. Whoever opens the
 * path sees the old file or the new one, also after a crash at any moment.
 */
import { randomBytes } from 'node:crypto';
import { constants, type Stats, unlinkSync } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { throwIfAborted } from '../base/abort.js';
import { atExit } from '../base/at-exit.js';
import type { Durability } from '../base/durability.js';
import { irregular, isMissing, notReplaced, replacementUnsynced, withIoErrors } from '../base/errors.js';
import { baseOf, directoryOf, followLinks, type NativePath } from '../base/paths.js';
import { replaceName, syncDirectory, syncFile } from './sync.js';

/** The new file, while it is being written. */
export interface NewFile {
  /** Appends bytes. They may be changed again when it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes durable what was written so far, so that there is less to do at the end. */
  sync(): Promise<void>;
}

export interface Replacement {
  /** The permissions of a file that did not exist before, which the umask still narrows. */
  readonly mode: number;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
}

/**
 * Replaces what `path` names, or names through symbolic links, with a file that `fill` writes. The new file
 * has the mode and the owner of the old one.
 *
 * Every failure before the rename leaves the old file as it was and removes the temporary one. What `fill`
 * throws is thrown unchanged, and so is the reason of an abort.
 *
 * @throws `EIO` if the file system fails a call; with `outcomeUnknown` if the new file is in place but the
 *   sync of its directory failed, so that the old one may come back after a power loss.
 */
export async function replaceFile(
  path: NativePath,
  { mode, durability, signal }: Replacement,
  fill: (file: NewFile) => Promise<void>,
): Promise<void> {
  const io = <T>(call: Promise<T>) => withIoErrors(call, path);
  const target = await io(followLinks(path));
  const old = await io(statOf(target));
  const temporary = temporaryName(target);
  throwIfAborted(signal);
  // Exclusive, and never through a link: in a directory that others can write to, nobody can plant this file.
  // Until it has its owner, nobody else can open it.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const file = await io(open(temporary, flags, old ? 0o600 : mode));
  removeAtExit(temporary);
  try {
    try {
      if (old) await io(keepOwnerAndMode(file, old));
      const sync = () => io(syncFile(file, durability, path));
      await fill({ write: (bytes) => io(file.writeFile(bytes)), sync });
      throwIfAborted(signal);
      await sync();
    } finally {
      await io(file.close());
    }
    throwIfAborted(signal);
    await replaceName(temporary, target).catch((error) => {
      throw notReplaced(error, path.toString());
    });
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  } finally {
    temporaries.delete(temporary);
  }
  if (durability === 'none') return;
  try {
    // If the file existed, whoever made it has synced the directories above.
    await syncDirectory(target, old ? 'own' : 'withAncestors');
  } catch (error) {
    throw replacementUnsynced(error as Error, path.toString());
  }
}

/**
 * Undefined if there is no file yet. Throws for anything but a regular file, which must not be replaced by
 * one.
 */
async function statOf(path: NativePath): Promise<Stats | undefined> {
  let stats: Stats;
  try {
    stats = await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  if (stats.isFile()) return stats;
  throw irregular(stats, path.toString());
}

/** `.<name>.<random>.tmp` in the directory of `path`; a long name is shortened. */
function temporaryName(path: NativePath): Buffer {
  const name = baseOf(path);
  const random = randomBytes(12).toString('hex');
  // Nearly every file system takes names of 255 bytes. A UTF-8 character is not cut in two.
  let end = Math.min(name.length, 200);
  while (end < name.length && ((name[end] ?? 0) & 0xc0) === 0x80) end--;
  return Buffer.concat([
    directoryOf(path),
    Buffer.from('.'),
    name.subarray(0, end),
    Buffer.from(`.${random}.tmp`),
  ]);
}

/**
 * Gives `file` the owner, group and mode of the old file, as far as this user may: perhaps the group alone,
 * or neither. Nobody gains access by that. If the group could not be kept, the new one gets only the
 * permissions that everybody has (as Vim does it); set-user-ID and set-group-ID are dropped with the owner or
 * group they were meant for.
 */
export async function keepOwnerAndMode(file: FileHandle, old: Stats): Promise<void> {
  const now = await file.stat();
  let mode = old.mode & 0o7777;
  let { uid, gid } = now;
  if (uid !== old.uid && (await isChanged(file.chown(old.uid, old.gid)))) ({ uid, gid } = old);
  if (gid !== old.gid && (await isChanged(file.chown(uid, old.gid)))) gid = old.gid;
  if (uid !== old.uid) mode &= ~0o4000;
  if (gid !== old.gid) mode = (mode & ~0o2070) | (mode & ((mode & 0o007) << 3) & 0o070);
  await file.chmod(mode).catch(async (error) => {
    // Where a file system has modes that nobody can change (WSL, SMB, some of FUSE), it may be right already.
    if (!isRefusal(error) || ((await file.stat()).mode & 0o7777) !== mode) throw error;
  });
}

/** True if this user may not do it, or the file system has no such thing. */
function isRefusal(error: unknown): boolean {
  return ['EPERM', 'EINVAL', 'ENOSYS', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function isChanged(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}

/**
 * Of this thread, on purpose: each thread removes its own at its exit. Only SIGKILL and a crash leave one.
 */
const temporaries = new Set<Buffer>();

function removeAtExit(temporary: Buffer): void {
  temporaries.add(temporary);
  atExit('remove temporary files', removeTemporaries);
}

function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      unlinkSync(path);
    } catch {
      // It is gone, or cannot be removed: nothing is left to be done.
    }
  }
}
