/**
 * Paths as the system has them: on POSIX a name is bytes, and need not be UTF-8.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { isAbsolute, sep } from 'node:path';
import { systemError } from './errors.js';

/** A path as the system takes it: absolute, without NUL. */
export type NativePath = string | Buffer;

/** The directory of an absolute path, with its separator. */
export function directoryOf(path: NativePath): Buffer {
  const bytes = Buffer.from(path);
  return bytes.subarray(0, bytes.lastIndexOf(sep) + 1);
}

/** The last part of an absolute path. */
export function baseOf(path: NativePath): Buffer {
  const bytes = Buffer.from(path);
  return bytes.subarray(bytes.lastIndexOf(sep) + 1);
}

/** A path in the same directory: the name with `suffix` appended. */
export function withSuffix(path: NativePath, suffix: string): NativePath {
  return typeof path === 'string' ? path + suffix : Buffer.concat([path, Buffer.from(suffix)]);
}

/**
 * The path that `path` leads to if its last part is a symbolic link, whether a file exists there or not;
 * otherwise `path` itself. Links among its directories stay.
 *
 * @param check Called with each link before it is followed; what it throws is thrown.
 */
export async function followLinks(
  path: NativePath,
  check?: (link: NativePath) => Promise<void>,
): Promise<NativePath> {
  let at = path;
  for (let links = 0; links < maxLinks; links++) {
    let link: Buffer;
    try {
      link = await readlink(at, { encoding: 'buffer' });
    } catch {
      return at; // no link, or not readable; then opening it will fail
    }
    await check?.(at);
    at = targetOf(at, link);
  }
  throw systemError(tooManyLinks, path.toString());
}

/**
 * As {@link followLinks}; but root does not follow the links of others: whoever puts one where root writes would
 * choose which file of the system that is. (Linux does the same for everybody in sticky directories;
 * fs.protected_symlinks in proc_sys_fs(5).)
 */
export function followLinksToWrite(path: NativePath): Promise<NativePath> {
  return followLinks(path, async (link) => {
    if (process.geteuid?.() === 0) refuseForeign(link, await lstat(link));
  });
}

/** As {@link followLinksToWrite}, and blocks the thread. */
export function followLinksToWriteSync(path: NativePath): NativePath {
  let at = path;
  for (let links = 0; links < maxLinks; links++) {
    let link: Buffer;
    try {
      link = readlinkSync(at, { encoding: 'buffer' });
    } catch {
      return at;
    }
    if (process.geteuid?.() === 0) refuseForeign(at, lstatSync(at));
    at = targetOf(at, link);
  }
  throw systemError(tooManyLinks, path.toString());
}

/** As many as Linux follows (path_resolution(7)). */
const maxLinks = 40;

/** What a link that is read as `content` names. */
function targetOf(link: NativePath, content: Buffer): Buffer {
  return isAbsolute(content.toString()) ? content : Buffer.concat([directoryOf(link), content]);
}

function refuseForeign(link: NativePath, { uid }: { readonly uid: number }): void {
  if (uid !== 0) throw systemError(foreignLink, link.toString());
}

const foreignLink = {
  errno: constants.errno.EACCES,
  syscall: 'open',
  text: 'a link of another user is not followed by root',
};

const tooManyLinks = {
  errno: constants.errno.ELOOP,
  syscall: 'open',
  text: 'too many symbolic links encountered',
};
