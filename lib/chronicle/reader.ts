/**
 * Reading lines from a chronicle's file, forwards and backwards, without a lock and in bounded memory.
 */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { refused, systemError } from '../errors.js';
import type { NativePath } from '../native.js';
import type { Line } from './line.js';

const chunkBytes = 256 * 1024;
const newline = 0x0a;

/** Opens the file for reading; what is no regular file is refused, as it is for appending. The caller closes it. */
export async function openForReading(path: NativePath): Promise<FileHandle> {
  const name = path.toString();
  try {
    // O_NONBLOCK, which Windows has not: opening a FIFO must not wait for its other end.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    if (stats.isFile()) return file;
    await file.close();
    throw systemError(stats.isDirectory() ? isDirectory : notRegular, name);
  } catch (error) {
    throw refused(error as Error, name);
  }
}

const isDirectory = {
  errno: osConstants.errno.EISDIR,
  syscall: 'read',
  text: 'illegal operation on a directory',
};
const notRegular = { errno: osConstants.errno.EINVAL, syscall: 'open', text: 'not a regular file' };

/** The same lines; what the file system refuses meanwhile (a directory, a bad sector) is `EIO`. */
export async function* refusing<T>(lines: AsyncGenerator<T>, path: NativePath): AsyncGenerator<T> {
  try {
    yield* lines;
  } catch (error) {
    throw refused(error as Error, path.toString());
  }
}

/** Reads up to `length` bytes at `offset`; fewer only where the file ends before. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** The first beginning of a line at or after `offset`. */
async function lineStart(file: FileHandle, offset: number): Promise<number> {
  if (offset === 0) return 0;
  for (let at = offset - 1; ; at += chunkBytes) {
    const chunk = await readAt(file, at, chunkBytes);
    const index = chunk.indexOf(newline);
    if (index !== -1) return at + index + 1;
    if (chunk.length < chunkBytes) return at + chunk.length;
  }
}

/** The lines that begin at or after `from` and before `to`, the last one first. Costs what is taken from it, not what the file holds. */
export async function* readBackwards(
  file: FileHandle,
  from: number,
  to: number,
  maxLineBytes: number,
): AsyncGenerator<Line[]> {
  const { size } = await file.stat();
  const first = await lineStart(file, from);
  // The lines that begin before `to` end where the first line begins that does not.
  let at = to >= size ? size : await lineStart(file, to);

  // The line that is being collected, from its end to its beginning.
  let lineEnd = at;
  let complete = at > first && (await readAt(file, at - 1, 1))[0] === newline;
  let length = 0;
  let pieces: Buffer[] = [];
  const collect = (piece: Buffer) => {
    length += piece.length;
    if (length > maxLineBytes) pieces = [];
    else pieces.push(piece);
  };
  const take = (offset: number): Line => {
    const bytes = length > maxLineBytes ? undefined : Buffer.concat(pieces.reverse());
    const line: Line = { bytes, offset, length: lineEnd - offset, complete };
    lineEnd = offset;
    complete = true; // what ends where another line begins has a newline
    length = 0;
    pieces = [];
    return line;
  };

  if (complete) at -= 1;
  while (at > first) {
    const begin = Math.max(first, at - chunkBytes);
    const chunk = await readAt(file, begin, at - begin);
    if (chunk.length < at - begin) return; // truncated under our eyes; what was here is gone
    const lines: Line[] = [];
    let end = chunk.length;
    while (end > 0) {
      const index = chunk.lastIndexOf(newline, end - 1);
      if (index === -1) break;
      collect(chunk.subarray(index + 1, end));
      lines.push(take(begin + index + 1));
      end = index;
    }
    collect(chunk.subarray(0, end));
    at = begin;
    if (lines.length > 0) yield lines;
  }
  if (lineEnd > first) yield [take(first)];
}
