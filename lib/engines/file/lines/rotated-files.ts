/**
 * The files that rotation has left beside a chronicle: `<path>.<time in UTC>`, as in
 * `orders.ndjson.20261124T215247.123Z`. Their names sort in order of time. Nobody writes to them any more.
 */
import { readdir } from 'node:fs/promises';
import { ioError, isMissing } from '../../../base/errors.js';
import { baseOf, directoryOf, followLinks, type NativePath } from '../../../base/paths.js';

const time = /^\.\d{8}T\d{6}\.\d{3}Z$/;

/**
 * The paths of the rotated files of the chronicle `path`, the oldest first. They are beside what a link leads
 * to.
 */
export async function rotatedFiles(path: NativePath): Promise<Buffer[]> {
  const target = await followLinks(path);
  const directory = directoryOf(target);
  const base = baseOf(target);
  let names: Buffer[];
  try {
    names = await readdir(directory, { encoding: 'buffer' });
  } catch (error) {
    if (isMissing(error)) return [];
    throw ioError(error, path);
  }
  return names
    .filter(
      (name) => name.subarray(0, base.length).equals(base) && time.test(name.toString('latin1', base.length)),
    )
    .sort(Buffer.compare)
    .map((name) => Buffer.concat([directory, name]));
}
