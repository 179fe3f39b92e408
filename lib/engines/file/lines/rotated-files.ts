/**
 * The files that rotation has left beside a chronicle: `<path>.<time in UTC>`, as in
 * `orders.ndjson.20261124T215247.123Z`. Their names sort in order of time. Nobody writes to them any more.
 *
 * In a directory that others can write to, a name does not prove that we made a file. Native code decides which
 * are believed, for readers and writers alike: native/files/rotated_files.h.
 */
import type { FileHandle } from 'node:fs/promises';
import { ioError, isMissing, systemError } from '../../../base/errors.js';
import { followLinks, type NativePath } from '../../../base/paths.js';
import { reportForeign } from '../../../chronicle/housekeeping.js';
import { native } from '../../../native/addon.js';

/**
 * The paths of the rotated files of the chronicle `path`, the oldest first; only those that are believed. They
 * are beside what a link leads to.
 *
 * @param current The chronicle's own file, open. A rotation may happen while its files are read: whoever reads
 *   this file after the rotated ones gives it here, and then it is not among them. Default: what the path names
 *   while they are listed.
 */
export async function rotatedFiles(path: NativePath, current?: FileHandle): Promise<Buffer[]> {
  try {
    const target = await followLinks(path);
    const { believed, foreign } = await new Promise<{ believed: Buffer[]; foreign: Buffer[] }>(
      (resolve, reject) => {
        native.rotatedFiles(target, current?.fd, (found) => {
          if ('errno' in found) reject(systemError(found, target.toString()));
          else resolve({ believed: [...found.believed], foreign: [...found.foreign] });
        });
      },
    );
    for (const file of foreign) reportForeign(path.toString(), file.toString());
    return believed;
  } catch (error) {
    if (isMissing(error)) return [];
    throw ioError(error, path);
  }
}
