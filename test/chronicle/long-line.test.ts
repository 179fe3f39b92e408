/**
 * C11: a line of 10 GB costs its reader no memory: it is passed over, reported once, and what follows is
 * read.
 */
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CorruptLine } from 'holdfast';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

interface Answer {
  readonly events: number;
  readonly damage: CorruptLine[];
  readonly last: object;
  readonly peakBytes: number;
}

/**
 * More than an int counts. Ten gigabytes, more than 32 bits count (`LONG_LINE_GB=10`), pass as well, but take a minute on
 * a busy machine.
 */
const gigabytes = Number(process.env.LONG_LINE_GB ?? 2.2);

// The second is shorter than a string may be.
it.each([gigabytes, 0.4])(
  'C11: a line of %d GB with a hole takes a few megabytes of memory, in both directions',
  async (size) => {
    const directory = temporaryDirectory();
    const [small, large] = [join(directory, 'small'), join(directory, 'large')];
    for (const file of [small, large]) {
      writeFileSync(file, '{"n":1}\n{"text":"');
      // A hole, which takes no space on the disk.
      if (file === large) truncateSync(file, size * 1e9);
      appendFileSync(file, '"}\n{"n":2}\n');
    }
    const usual = await new Program('read-memory', small).next<Answer>();
    expect(usual).toMatchObject({ events: 3, damage: [], last: { n: 2 } });
    const { events, damage, last, peakBytes } = await new Program('read-memory', large).next<Answer>();
    expect({ events, last }).toEqual({ events: 2, last: { n: 2 } });
    expect(damage).toMatchObject([{ offset: 8, length: size * 1e9 - 8 + 3, reason: 'long' }]);
    expect(peakBytes - usual.peakBytes).toBeLessThan(12 * 1024 * 1024);
  },
);
