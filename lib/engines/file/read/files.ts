/**
 * What there is of a chronicle on the disk.
 */
import { type BigIntStats, lstat as lstatOf } from 'node:fs';
import { promisify } from 'node:util';
import { isMissing, withIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import type { ChronicleFile, IgnoredReason } from '../../../chronicle/results.js';
import { takeSnapshot } from '../lines/chronicle-files.js';
import { foreignFiles, isCompressed, rotatedAt } from '../lines/rotated-files.js';
import { FilesInOrder } from './files-in-order.js';

const lstat = promisify(lstatOf);

/** The rotated files, the oldest first, and the one that is written; `ignored`: also what is not believed to be one. */
export async function filesOf(path: NativePath, ignored: boolean): Promise<ChronicleFile[]> {
  const files: ChronicleFile[] = [];
  const snapshot = await takeSnapshot(path, 'all', true);
  const open = new FilesInOrder(snapshot, { isComplete: true });
  try {
    let afterGap = false;
    for await (const each of open.each()) {
      if (!('gone' in each)) {
        const isCurrent = each.path === path;
        const facts = factsOf(each.path, await withIoErrors(each.file.stat({ bigint: true }), each.path));
        files.push({ ...facts, rotated: isCurrent ? undefined : facts.rotated, afterGap });
      }
      afterGap = 'gone' in each;
    }
  } finally {
    await open.close();
  }
  return ignored ? [...(await ignoredOf(path)), ...files].sort(inOrder) : files;
}

function factsOf(path: NativePath, { size, mtime }: BigIntStats): ChronicleFile {
  return {
    path: path.toString(),
    bytes: Number(size),
    modified: mtime,
    rotated: rotatedAt(Buffer.from(path)),
    compressed: isCompressed(Buffer.from(path)),
    afterGap: false,
    ignored: undefined,
  };
}

/** By their names, as the others are sorted; the one that is written is the last. */
function inOrder(a: ChronicleFile, b: ChronicleFile): number {
  if (a.rotated === undefined || b.rotated === undefined) return a.rotated === undefined ? 1 : -1;
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
}

async function ignoredOf(path: NativePath): Promise<ChronicleFile[]> {
  const found: ChronicleFile[] = [];
  for (const file of await foreignFiles(path)) {
    try {
      const stats = await withIoErrors(lstat(file, { bigint: true }), file);
      found.push({
        ...factsOf(file, stats),
        compressed: isCompressed(file),
        ignored: reasonFor(stats, file),
      });
    } catch (error) {
      if (!isMissing(error)) throw error; // removed meanwhile
    }
  }
  return found;
}

/** Why native code does not believe it: native/files/rotated_files.h. */
function reasonFor(stats: BigIntStats, path: Buffer): IgnoredReason {
  if (!stats.isFile()) return 'kind';
  if (stats.nlink !== 1n) return 'links';
  return isTimePossible(rotatedAt(path), path) ? 'owner' : 'time';
}

const oneDay = 24 * 60 * 60 * 1000;

function isTimePossible(time: Date, path: Buffer): boolean {
  if (Number.isNaN(time.getTime()) || time.getTime() > Date.now() + oneDay) return false;
  // Date takes the 30th of February for the 1st or 2nd of March.
  const stamp = time.toISOString().replace(/[-:]/g, '');
  return path.toString('latin1').replace(/\.gz$/, '').endsWith(stamp);
}
