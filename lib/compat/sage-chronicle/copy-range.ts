/**
 * Copying a part of a file.
 */
import { type ReadableFile, readAt } from '../../engines/file/lines/open-file.js';

const chunkBytes = 1024 * 1024;

/**
 * Hands the bytes from `from` to `to` to `write`, in pieces that are overwritten when it has resolved. Fewer if
 * the file ends before.
 *
 * @returns how many there were
 */
export async function copyRange(
  file: ReadableFile,
  from: number,
  to: number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, to - from));
  let at = from;
  while (at < to) {
    const bytes = await readAt(file, at, buffer.subarray(0, to - at));
    if (bytes.length === 0) break;
    await write(bytes);
    at += bytes.length;
  }
  return at - from;
}
