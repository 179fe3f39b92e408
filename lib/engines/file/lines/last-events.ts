/**
 * Where the last events of a file begin.
 */
import type { FileHandle } from 'node:fs/promises';
import { scanBackwards } from './scanner.js';

/** The offset of the last but `count` - 1 event that begins before `end`; `end` for none of them, 0 where there are fewer. */
export async function offsetOfLast(
  file: FileHandle,
  end: number,
  count: number,
  maxLineBytes: number,
): Promise<number> {
  if (count === 0) return end;
  let left = count;
  for await (const { entries } of scanBackwards(file, { from: 0, to: end, maxLineBytes })) {
    const first = entries[left - 1];
    if (first) return first.offset;
    left -= entries.length;
  }
  return 0;
}
