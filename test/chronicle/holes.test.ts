/**
 * C11: a hole, which a power loss or a careless truncate(1) leaves, holds no newline however large it is. An
 * append does not read it again and again.
 */
import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { type ChronicleOptions, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';

const gigabyte = 2 ** 30;

/** How many bytes this process has read by now. */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

async function append(file: string, options: ChronicleOptions, ...ids: string[]) {
  await using chronicle = await openChronicle(file, { onCorrupt: 'skip', ...options });
  const before = bytesRead();
  const results = await chronicle.appendMany(ids.map((eventId) => ({ eventId })));
  return { read: bytesRead() - before, duplicates: results.map(({ duplicate }) => duplicate) };
}

describe.skipIf(process.platform !== 'linux')('C11: a hole of gigabytes', () => {
  describe.each<[string, ChronicleOptions]>([
    ['the default window', {}],
    ["dedupe: 'all'", { dedupe: 'all' }],
    ['a chain', { chain: true }],
    ['rotation', { rotate: { maxBytes: 100 * gigabyte } }],
  ])('with %s', (_, options) => {
    it.each<[string, number, string]>([
      ['at the end', 1, ''],
      ['at the end, larger', 4, ''],
      ['in front of a newline', 1, '\n'],
      ['in the last line', 1, 'x"}\n'],
    ])('%s (%d GiB) is not read by an append, and events before it are known', async (__, size, after) => {
      const file = newFile();
      await append(file, options, 'a', 'b');
      truncateSync(file, statSync(file).size + size * gigabyte);
      appendFileSync(file, after);
      const { read, duplicates } = await append(file, options, 'b', 'c', 'a');
      expect(duplicates).toEqual([true, false, true]);
      // The line is read until it is longer than lines may be, by each of those who go over it.
      expect(read).toBeLessThan(100 * 2 ** 20);
      expect((await append(file, options, 'c')).duplicates).toEqual([true]);
    });
  });
});
