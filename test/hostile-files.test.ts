/**
 * Hostile files: paths that lead somewhere else, and what somebody else has put where our files go. Every
 * call is settled, and nothing is written where it must not be. For hostile arguments: `npm run prove`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { memory, temporaryDirectory } from './support/files.js';
import { linesOf } from './support/lines.js';
import { calls, findingOf } from './support/public-calls.js';

/** What stands at a path in place of a file. */
const obstacles: Record<string, (path: string) => void> = {
  'a directory': (path) => mkdirSync(path),
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a device': (path) => symlinkSync('/dev/full', path),
  'a loop of links': (path) => symlinkSync(path, path),
  'a link into nowhere': (path) => symlinkSync(`${path}/../missing/missing`, path),
};

const places: Record<string, (directory: string) => string> = {
  'with a NUL': (directory) => join(directory, 'a\0b'),
  'too long a name': (directory) => join(directory, 'x'.repeat(300)),
  'too long a path': (directory) => join(directory, 'x/'.repeat(3000)),
  'under a file': (directory) => {
    writeFileSync(join(directory, 'file'), '');
    return join(directory, 'file', 'below');
  },
  ...Object.fromEntries(
    Object.entries(obstacles).map(([what, make]) => [
      what,
      (directory: string) => {
        make(join(directory, 'there'));
        return join(directory, 'there');
      },
    ]),
  ),
};

describe.skipIf(process.platform === 'win32')('S2: hostile files', () => {
  it('paths that lead nowhere or to no file: every call is settled, with a code where it fails', async () => {
    const found: string[] = [];
    for (const [what, place] of Object.entries(places)) {
      for (const [name, call] of Object.entries(calls)) {
        const path = place(temporaryDirectory(memory));
        const given = { timeout: 0, lockTimeout: 0, create: true };
        const finding = await findingOf(() => call(path as never, given as never, { a: 1 } as never));
        if (finding) found.push(`${name}, ${what}: ${finding}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('something else in the place of the file of ids is neither followed nor believed', async () => {
    const planted: Record<string, (path: string, victim: string) => void> = {
      ...obstacles,
      'a link to the file of another': (path, victim) => symlinkSync(victim, path),
      'a link to a file that is to be made': (path, victim) => symlinkSync(`${victim}.new`, path),
      garbage: (path) => writeFileSync(path, 'garbage '.repeat(10_000)),
      'a terabyte of nothing': (path) => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 40);
      },
    };
    for (const [what, plant] of Object.entries(planted)) {
      const directory = temporaryDirectory(memory);
      const [file, victim] = [join(directory, 'chronicle'), join(directory, 'victim')];
      writeFileSync(victim, 'precious');
      plant(`${file}.ids`, victim);
      for (let time = 0; time < 2; time++) {
        const chronicle = await openChronicle(file, { dedupe: 'all' });
        const results = await chronicle.appendMany([{ eventId: 'a' }, { eventId: 'b' }]);
        expect(
          results.map(({ duplicate }) => duplicate),
          what,
        ).toEqual([time > 0, time > 0]);
        await chronicle.close();
      }
      expect(linesOf(file), what).toHaveLength(2);
      expect(readFileSync(victim, 'utf8'), what).toBe('precious');
      expect(() => readFileSync(`${victim}.new`), what).toThrow('ENOENT');
    }
  });
});
