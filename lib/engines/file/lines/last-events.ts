/**
 * Finding where the last events of a file begin.
 */
import type { ReadableFile } from './open-file.js';
import { scanBackwards } from './scanner.js';

/**
 * The offset of the `count`-th event from the end, counting back from `end`; `end` if `count` is 0. If there are fewer,
 * 0, and how many are missing.
 */
export async function offsetOfLast(
  file: ReadableFile,
  end: number,
  count: number,
  maxLineBytes: number,
): Promise<{ readonly offset: number; readonly missing: number }> {
  if (count === 0) return { offset: end, missing: 0 };
  let left = count;
  for await (const { entries } of scanBackwards(file, { from: 0, to: end, maxLineBytes })) {
    const first = entries[left - 1];
    if (first) return { offset: first.offset, missing: 0 };
    left -= entries.length;
  }
  return { offset: 0, missing: left };
}
