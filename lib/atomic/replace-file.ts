/**
 * Replacing a file whole: a temporary file beside it, sync, rename, sync of the directory. Whoever opens the
 * path sees the old file or the new one, also after a crash at any moment.
 */
import { throwIfAborted } from '../base/abort.js';
import type { Durability } from '../base/durability.js';
import { notReplaced, replacementUnsynced, withIoErrors } from '../base/errors.js';
import { followLinksToWrite, type NativePath } from '../base/paths.js';
import { NewFile } from './new-file.js';

/** The new file, while it is being written. */
export interface FileToFill {
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
  /**
   * The file that is replaced, and no other one: see {@link replacedMeanwhile}. It is a chronicle with the same events,
   * so it stays the successor of the file that was before it. Default: whatever is there.
   */
  readonly old?: { readonly fd: number };
}

/** Thrown, and nothing is replaced, if the path does not name the file any more that was to be replaced. */
export const replacedMeanwhile = Symbol('the file was replaced meanwhile');

/** How often the rights are taken anew, if others keep replacing the file. */
const maxRounds = 3;

/**
 * Replaces what `path` names, or names through symbolic links, with a file that `fill` writes. The new file
 * has the rights of the old one, as {@link NewFile} gives them.
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
  fill: (file: FileToFill) => Promise<void>,
): Promise<void> {
  const io = <T>(call: Promise<T>) => withIoErrors(call, path);
  const target = await io(followLinksToWrite(path));
  throwIfAborted(signal);
  const old = given ? ({ kind: 'given', file: given } as const) : ({ kind: 'named' } as const);
  const file = await io(NewFile.beside(target, { mode, old, calledIn: path }));
  try {
    throwIfAborted(signal);
    const sync = () => io(file.sync(durability));
    await fill({ write: (bytes) => io(file.write(bytes)), sync });
    // If the file existed, whoever made it has synced the directories above.
    const entries = durability === 'none' ? undefined : file.isNew ? 'withAncestors' : 'own';
    for (let round = 0; ; round++) {
      throwIfAborted(signal);
      await sync();
      throwIfAborted(signal);
      const replaced = await file.replace(entries, round === maxRounds).catch((error) => {
        throw notReplaced(error, path.toString());
      });
      if (replaced.isReplaced) {
        if (replaced.unsynced) throw replacementUnsynced(replaced.unsynced, path.toString());
        return;
      }
      if (given) throw replacedMeanwhile;
    }
  } finally {
    await file.discard();
  }
}
