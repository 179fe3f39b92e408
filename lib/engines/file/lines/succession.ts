/**
 * Which file of a chronicle came before which, as rotation has noted it on the newer one: native/files/succession.h. So
 * readers see that files between two have been removed, or that nothing was lost with one that is gone.
 */
import { native } from '../../../native/addon.js';
import { callNative } from '../../../native/call.js';
import type { ChronicleFile } from './chronicle-files.js';
import { OpenFile } from './open-file.js';
import type { FileSource, LinePlace } from './position.js';

/** The file before one, as that has noted it. */
export interface Succession {
  /** In bytes, when it was rotated. */
  readonly size: number;
  readonly inode: string;
  /** Of its first line, as that of a {@link FileSource}; and then of some files before it, the last one first. */
  readonly fingerprints: readonly string[];
}

const form = /^1-(\d{1,16})-(\d{1,20})-([0-9a-f]{12}(?:-[0-9a-f]{12})*)$/;

/** Undefined where there is no note: the first file, one that was compressed, or a file system that keeps none. */
export async function successionOf({
  file,
  path,
}: Pick<ChronicleFile, 'file' | 'path'>): Promise<Succession | undefined> {
  if (!(file instanceof OpenFile)) return undefined;
  const note = await callNative<string>(path, (done) => native.successionOf(file.fd, done));
  const [, size, inode = '', fingerprints = ''] = form.exec(note) ?? [];
  return size === undefined
    ? undefined
    : { size: Number(size), inode, fingerprints: fingerprints.split('-') };
}

/** Whether a file with this note comes directly after another one; undefined if nothing tells. */
export function comesAfter(
  noted: Succession | undefined,
  before: FileSource | undefined,
): boolean | undefined {
  if (!noted || before?.fingerprint === undefined) return undefined;
  return noted.fingerprints[0] === before.fingerprint;
}

/** As {@link comesAfter}, of two files that are both older than the one with this note. */
export function comesAfterIn(
  noted: Succession | undefined,
  next: FileSource,
  before: FileSource | undefined,
): boolean | undefined {
  const { fingerprints = [] } = noted ?? {};
  const index = fingerprints.lastIndexOf(next.fingerprint ?? '');
  const expected = index === -1 ? undefined : fingerprints[index + 1];
  // Several files may begin alike; then the first line does not tell which is meant.
  const isSure = fingerprints.indexOf(next.fingerprint ?? '') === index;
  if (expected === undefined || before?.fingerprint === undefined || !isSure) return undefined;
  return expected === before.fingerprint;
}

/** Whether the event at a place was the last one of the file before. */
export function wasLastAt({ size, fingerprints }: Succession, { file, offset, length }: LinePlace): boolean {
  const newline = 1;
  return fingerprints[0] === file && offset + length + newline >= size;
}
