/**
 * The files that rotation has left beside a chronicle: `<path>.<time in UTC>`, as in
 * `orders.ndjson.20261124T215247.123Z`. Their names sort in order of time. Nobody writes to them any more.
 *
 * In a directory that others can write to, a name does not prove that we made a file. Native code decides which
 * are believed, for readers and writers alike: native/files/rotated_files.h.
 */
import { ioError, isMissing } from '../../../base/errors.js';
import { followLinks, type NativePath } from '../../../base/paths.js';
import { reportForeign } from '../../../chronicle/housekeeping.js';
import { native } from '../../../native/addon.js';
import { callNative } from '../../../native/call.js';
import type { RotatedFiles } from '../../../native/protocol.js';

/** Of a rotated file that its owner has compressed. */
export const gzipSuffix = '.gz';

/**
 * The paths of the rotated files of the chronicle `path`, the oldest first; only those that are believed. They
 * are beside what a link leads to. Those that were compressed with gzip, as `<path>.<time in UTC>.gz`, are among them;
 * while both are there, the compressed one is not finished.
 *
 * @param current The chronicle's own file, open. A rotation may happen while its files are read: whoever reads
 *   this file after the rotated ones gives it here, and then it is not among them. Default: what the path names
 *   while they are listed.
 */
export async function rotatedFiles(path: NativePath, current?: { readonly fd: number }): Promise<Buffer[]> {
  try {
    const target = await followLinks(path);
    // A list may lack a name that was changed while it was made: as when gzip(1) has finished. The next list has it. It
    // takes less time than to ask the directory before and after whether anything has changed.
    const listed = [...(await list(target, current)), ...(await list(target, current))];
    return listed
      .sort(Buffer.compare)
      .filter((name, index, all) => !all[index - 1]?.equals(name))
      .filter((name, index, all) => !isCompressedCopy(name, all[index - 1]));
  } catch (error) {
    if (isMissing(error)) return [];
    throw ioError(error, path);
  }
}

async function list(path: NativePath, current: { readonly fd: number } | undefined): Promise<Buffer[]> {
  const { believed, compressed, foreign } = await listAll(path, current);
  for (const file of foreign) reportForeign(path.toString(), file.toString());
  return [...believed, ...compressed];
}

function listAll(path: NativePath, current: { readonly fd: number } | undefined): Promise<RotatedFiles> {
  return callNative<RotatedFiles>(path, (done, fail) => {
    native.rotatedFiles(path, current?.fd, (found) => ('errno' in found ? fail(found) : done(found)));
  });
}

/** The paths of what is called like a rotated file, but is not believed to be one; at most 100 of them. */
export async function foreignFiles(path: NativePath): Promise<readonly Buffer[]> {
  try {
    return (await listAll(await followLinks(path), undefined)).foreign;
  } catch (error) {
    if (isMissing(error)) return [];
    throw ioError(error, path);
  }
}

export function isCompressed(path: Buffer): boolean {
  return path.subarray(-gzipSuffix.length).toString('latin1') === gzipSuffix;
}

/** The path of a rotated file as it was before it was compressed. */
export function rotatedName(path: Buffer): Buffer {
  return isCompressed(path) ? path.subarray(0, -gzipSuffix.length) : path;
}

/** When a file was rotated, as its name says. */
export function rotatedAt(path: Buffer): Date {
  const [, year, month, day, hour, minute, rest] =
    /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/.exec(rotatedName(path).toString('latin1')) ?? [];
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${rest}Z`);
}

/** Whether it is that of the file before it, which is sorted just before its longer name. */
function isCompressedCopy(name: Buffer, before: Buffer | undefined): boolean {
  return (
    before !== undefined && name.length > before.length && name.subarray(0, before.length).equals(before)
  );
}
