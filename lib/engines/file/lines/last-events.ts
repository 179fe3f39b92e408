/**
 * Finding where the last events of a file begin.
 */
import type { FileHandle } from 'node:fs/promises';
import { scanBackwards } from './scanner.js';

/**
 * The offset of the `count`-th event from the end, counting back from `end`; `end` if `count` is 0, 0 if
 * there are fewer.
 */
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
