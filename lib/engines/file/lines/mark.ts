/**
 * Telling by a few bytes whether a file still has, up to some offset, what was read there.
 *
 * A file that was truncated can have been written again past that offset, so its size says nothing. The last
 * bytes before the offset do: most lines end with a computed id, which is in these bytes as a whole
 * (`,"eventId":"<64 digits>"}` and the newline are 79 bytes), and no other event has the same. Without such
 * ids, a file with the same 96 bytes at the same offset counts as the same.
 */
import { type ReadableFile, readAt } from './open-file.js';

export interface Mark {
  /** The offset just past the bytes. */
  readonly end: number;
  /** At most 96 bytes. Empty if they are not known, or at the beginning of the file. */
  readonly bytes: Buffer;
}

const maxMarkBytes = 96;

/** The mark at the end of `bytes`, which were read from the file and end at the offset `end`. */
export function markOf(bytes: Buffer, end: number): Mark {
  return { end, bytes: Buffer.from(bytes.subarray(-maxMarkBytes)) };
}

/** The mark at the offset `end`, read from the file. */
export async function markAt(file: ReadableFile, end: number): Promise<Mark> {
  const length = Math.min(end, maxMarkBytes);
  return { end, bytes: await readAt(file, end - length, Buffer.allocUnsafe(length)) };
}

/** False if the file was truncated before the mark, whatever was written since. */
export async function hasMark(file: ReadableFile, { end, bytes }: Mark): Promise<boolean> {
  if (bytes.length === 0) return (await file.stat()).size >= end;
  return (await readAt(file, end - bytes.length, Buffer.allocUnsafe(bytes.length))).equals(bytes);
}
