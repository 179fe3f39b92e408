/**
 * The files of a chronicle that readers see, in the order of their events: those that rotation has left, compressed or
 * not, and the one that is written. Others may rotate, remove and compress them meanwhile.
 */
import { setTimeout } from 'node:timers/promises';
import { gapIn, isIrregular, isMissing, withIoErrors } from '../../../base/errors.js';
import { type NativePath, withSuffix } from '../../../base/paths.js';
import type { WhichFiles } from '../../../chronicle/call-options.js';
import { fileId, namedFileId } from '../../../lock/named-file.js';
import { GzipFile } from './gzip-file.js';
import { type OpenFile, openForReading, type ReadableFile } from './open-file.js';
import { FileSource } from './position.js';
import { gzipSuffix, isCompressed, rotatedFiles, rotatedName } from './rotated-files.js';

/** A file that is open for reading. */
export interface ChronicleFile {
  readonly path: NativePath;
  readonly file: ReadableFile;
  readonly source: FileSource;
}

/** What there was at one moment. */
export interface Snapshot {
  /** The file that is written; undefined if there is none. */
  readonly current: (ChronicleFile & { readonly id: string }) | undefined;
  /** The paths of the rotated files before it, the oldest first. */
  readonly rotated: readonly Buffer[];
}

const maxTries = 20;
const patience = 3;
const pause = 5;

/**
 * Opens the file that is written, and lists the files before it. Others may rotate in between: then that is done anew.
 *
 * @throws `EGAP` if others rotate and remove files faster than they can be opened, again and again; `EIO` with ENOENT if there is no file at all, unless `mayBeMissing`
 */
export async function takeSnapshot(
  path: NativePath,
  which: WhichFiles,
  mayBeMissing = false,
): Promise<Snapshot> {
  let newestAtFirst: string | undefined;
  for (let tries = 0; ; tries++) {
    let current: (ChronicleFile & { readonly file: OpenFile; readonly id: string }) | undefined;
    let missing: unknown;
    try {
      const file = await openForReading(path);
      const id = fileId(await withIoErrors(file.stat({ bigint: true }), path));
      current = { path, file, id, source: new FileSource(path) };
    } catch (error) {
      if (!isMissing(error)) throw error;
      missing = error;
    }
    let rotated: Buffer[] = [];
    try {
      rotated = which === 'all' || !current ? await rotatedFiles(path, current?.file) : [];
      if (current) {
        // Listed after it was opened, and it was not rotated meanwhile: so all files before it are there.
        if (which === 'current' || (await withIoErrors(namedFileId(path), path)) === current.id)
          return { current, rotated };
      }
    } catch (error) {
      await current?.file.close();
      throw error;
    }
    if (current) {
      await current.file.close();
      newestAtFirst ??= nameOfLast(rotated);
      // Others rotate faster than this looks: then what there was until the last rotated file. A repair replaces the
      // file too: then that is all that there was at the beginning only where a rotation has come after it.
      const unbroken = tries < patience ? undefined : await listUnbroken(path);
      const hasAll = unbroken !== undefined && nameOfLast(unbroken) > newestAtFirst;
      const last = hasAll ? unbroken.pop() : undefined;
      const opened = last && (await openRotated(last));
      if (!unbroken || typeof opened !== 'object') {
        if (tries < maxTries) continue;
        // And remove what they rotate, before it can be opened.
        throw gapIn(path.toString(), { after: undefined, files: [], next: undefined });
      }
      rotated = unbroken;
      const { ino, dev } = await withIoErrors(opened.file.stat({ bigint: true }), opened.path);
      return { current: { ...opened, id: fileId({ ino, dev }) }, rotated };
    }
    if (rotated.length > 0 && tries < maxTries) {
      // A rotation is between two renames, or its writer was killed there.
      await setTimeout(pause);
      continue;
    }
    if (which === 'current') rotated = [];
    if (rotated.length === 0 && !mayBeMissing) throw missing;
    return { current, rotated };
  }
}

/**
 * The rotated files up to some moment, without one missing. A list leaves out the file that the path named when it was
 * begun, though that may have been rotated, and the next one too, before the list was done. The next list has it.
 */
async function listUnbroken(path: NativePath): Promise<Buffer[] | undefined> {
  const rotated = await rotatedFiles(path);
  const names = new Set(rotated.map((name) => rotatedName(name).toString('latin1')));
  const last = nameOfLast(rotated);
  const again = (await rotatedFiles(path)).map((name) => rotatedName(name).toString('latin1'));
  return again.every((name) => name > last || names.has(name)) ? rotated : undefined;
}

/** The name that the last of them was rotated to; empty where there is none. */
function nameOfLast(rotated: readonly Buffer[]): string {
  const last = rotated.at(-1);
  return last ? rotatedName(last).toString('latin1') : '';
}

/** Opens a rotated file, unless it was removed, or is not ours: a directory, say. */
export async function openRotated(path: Buffer): Promise<ChronicleFile | 'removed' | 'not ours'> {
  try {
    const file = await openForReading(path);
    return { path, file: isCompressed(path) ? new GzipFile(file) : file, source: new FileSource(path) };
  } catch (error) {
    // gzip(1) removes a file when its own is whole.
    if (isMissing(error))
      return isCompressed(path) ? 'removed' : openRotated(withSuffix(path, gzipSuffix) as Buffer);
    if (isIrregular(error)) return 'not ours';
    throw error;
  }
}
