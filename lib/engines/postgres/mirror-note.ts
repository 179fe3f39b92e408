/**
 * The file `<path>.mirror`, beside a mirror whose offsets are not those of its chronicle: because the chronicle had lost
 * its first events when it was mirrored, or lost some before they were. It says how far apart they are. Without it they
 * are the same. It has the rights of the mirror, is replaced whole, and is there before the first line that it is about.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { NewFile } from '../../atomic/new-file.js';
import type { Durability } from '../../base/durability.js';
import { invalid, isMissing } from '../../base/errors.js';
import { type NativePath, withSuffix } from '../../base/paths.js';
import { isObject } from '../../event/line.js';
import { checkOwner } from '../file/upkeep/damaged-file.js';

export interface MirrorNote {
  /** What tells the chronicle from others: the fingerprint of its first line. */
  readonly file: string;
  /** From this offset of the mirror on, */
  readonly at: number;
  /** the lines are those from this offset of the chronicle on. In bytes. */
  readonly offset: number;
}

/** Far more than a note has, in bytes. */
const maxBytes = 4096;

function notePathOf(path: NativePath): NativePath {
  return withSuffix(path, '.mirror');
}

/**
 * Undefined if there is none.
 *
 * @param file the mirror
 * @throws errors of the system, where somebody else has put one there too; `EVALIDATION` for one that is damaged
 */
export async function readNote(path: NativePath, file: FileHandle): Promise<MirrorNote | undefined> {
  const notePath = notePathOf(path);
  let opened: FileHandle | undefined;
  try {
    const flags = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    opened = await open(notePath, constants.O_RDONLY | flags);
    checkOwner(await opened.stat(), await file.stat(), notePath);
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return parse(buffer.toString('utf8', 0, bytesRead), notePath);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  } finally {
    await opened?.close();
  }
}

function parse(text: string, path: NativePath): MirrorNote {
  let note: unknown;
  try {
    note = JSON.parse(text);
  } catch {
    // It is none.
  }
  const isOffset = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!isObject(note) || typeof note.file !== 'string' || !isOffset(note.at) || !isOffset(note.offset)) {
    throw invalid('path', `'${path}' is no note of a mirror: move it away with its mirror, and mirror anew`);
  }
  return { file: note.file, at: note.at as number, offset: note.offset as number };
}

/** Durably, but for `durability: 'none'`. Follows no link, which somebody may have put there. */
export async function writeNote(
  path: NativePath,
  mirror: FileHandle,
  note: MirrorNote,
  durability: Durability,
): Promise<void> {
  const notePath = notePathOf(path);
  const file = await NewFile.beside(notePath, { mode: 0o600, old: { kind: 'rightsAlone', file: mirror } });
  try {
    await file.write(Buffer.from(`${JSON.stringify(note)}\n`));
    await file.sync(durability);
    const replaced = await file.replace(durability === 'none' ? undefined : 'own', true);
    if (replaced.unsynced) throw replaced.unsynced;
  } finally {
    await file.discard();
  }
}
