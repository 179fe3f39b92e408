/**
 * What there is of a chronicle on the disk.
 */
import { stat } from 'node:fs/promises';
import { isMissing, withIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import type { ChronicleFile } from '../../../chronicle/results.js';
import { isCompressed, rotatedAt, rotatedFiles } from '../lines/rotated-files.js';

/** The rotated files, the oldest first, and the one that is written. */
export async function filesOf(path: NativePath): Promise<ChronicleFile[]> {
  const files: ChronicleFile[] = [];
  for (const rotated of await rotatedFiles(path)) {
    const compressed = isCompressed(rotated);
    const file = await factsOf(rotated, { rotated: rotatedAt(rotated), compressed });
    if (file) files.push(file);
  }
  const current = await factsOf(path, { rotated: undefined, compressed: false });
  return current ? [...files, current] : files;
}

/** Undefined if it was removed, or is no file. */
async function factsOf(
  path: NativePath,
  known: Pick<ChronicleFile, 'rotated' | 'compressed'>,
): Promise<ChronicleFile | undefined> {
  try {
    const { size, mtime, isFile } = await withIoErrors(stat(path).then(facts), path);
    return isFile ? { path: path.toString(), bytes: size, modified: mtime, ...known } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function facts(stats: { size: number; mtime: Date; isFile(): boolean }) {
  return { size: stats.size, mtime: stats.mtime, isFile: stats.isFile() };
}
