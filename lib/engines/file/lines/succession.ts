/**
 * Which file of a chronicle came before which, as rotation has noted it on the newer one: native/files/succession.h. So
 * readers see that files between two have been removed, or that nothing was lost with one that is gone.
 */
import { native } from '../../../native/addon.js';
import type { ChronicleFile } from './chronicle-files.js';
import { OpenFile } from './open-file.js';
import type { FileSource, LinePlace } from './position.js';

/** The file before one, as that has noted it. */
export interface Succession {
  /** In bytes, when it was rotated. */
  readonly size: number;
  /** Of its first line, as that of a {@link FileSource}. */
  readonly fingerprint: string;
  readonly inode: string;
}

const form = /^1-(\d{1,16})-([0-9a-f]{12})-(\d{1,20})$/;

/** Undefined where there is no note: the first file, one that was compressed, or a file system that keeps none. */
export async function successionOf({ file }: Pick<ChronicleFile, 'file'>): Promise<Succession | undefined> {
  if (!(file instanceof OpenFile)) return undefined;
  const note = await new Promise<string>((resolve) => native.successionOf(file.fd, resolve));
  const [, size, fingerprint = '', inode = ''] = form.exec(note) ?? [];
  return size === undefined ? undefined : { size: Number(size), fingerprint, inode };
}

/** Whether a file with this note comes directly after another one; undefined if nothing tells. */
export function comesAfter(
  noted: Succession | undefined,
  before: FileSource | undefined,
): boolean | undefined {
  if (!noted || before?.fingerprint === undefined) return undefined;
  return noted.fingerprint === before.fingerprint;
}

/** Whether the event at a place was the last one of the file before. */
export function wasLastAt({ size, fingerprint }: Succession, { file, offset, length }: LinePlace): boolean {
  const newline = 1;
  return fingerprint === file && offset + length + newline >= size;
}
