/**
 * C5, where the file of ids remembers a place for an id at which its event is not: as where a careless program has
 * changed the chronicle in place, between the bytes by which the file of ids tells that it is still the same.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { filesOf } from '../support/lines.js';

const event = (n: number) => ({ eventId: `event-${String(n).padStart(3, '0')}`, fill: 'x'.repeat(100) });
const line = (n: number) => `${JSON.stringify(event(n))}\n`;
const length = line(0).length;
const count = 300;

/** A chronicle of so many events in as many files, closed, with its files of ids; and the events of each file. */
async function chronicleIn(files: number) {
  const file = newFile();
  const perFile = count / files;
  const options = { dedupe: 'all' as const, rotate: { maxBytes: perFile * length } };
  const chronicle = await openChronicle(file, options);
  for (let first = 0; first < count; first += perFile)
    await chronicle.appendMany(Array.from({ length: perFile }, (_, n) => event(first + n)));
  await chronicle.close();
  expect(filesOf(file)).toHaveLength(files);
  return { file, options, perFile };
}

/** Writes over what is there, as no writer of a chronicle does; time, size and inode tell nothing of it. */
function write(file: string, at: number, text: string): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, text, at * length);
  closeSync(descriptor);
}

const blank = `${' '.repeat(length - 1)}\n`;
const torn = (n: number) => `${line(n).slice(0, -2)}#\n`;

describe.each([
  ['the current file', 1, 0],
  ['a rotated file', 3, 1],
  ['the oldest of two rotated files', 3, 0],
])('C5: a wrong place in %s', (_, files, index) => {
  const [one, other] = [40, 60];

  it.each<[what: string, change: (file: string, first: number) => void, gone: number[]]>([
    [
      'two events have changed places',
      (file, first) => {
        write(file, one, line(first + other));
        write(file, other, line(first + one));
      },
      [],
    ],
    [
      'an event has moved to a later place, and its own is blank',
      (file, first) => {
        write(file, one, blank);
        write(file, other, line(first + one));
      },
      [other],
    ],
    [
      'an event has moved to an earlier place, and its own is damaged',
      (file, first) => {
        write(file, other, torn(first + other));
        write(file, one, line(first + other));
      },
      [one],
    ],
    [
      'an event is gone, and another one is there twice',
      (file, first) => write(file, one, line(first + other)),
      [one],
    ],
    ['an event is damaged', (file, first) => write(file, one, torn(first + one)), [one]],
    [
      'an event begins later in its line',
      (file, first) => write(file, one, `  ${line(first + one).replace('xx', '')}`),
      [],
    ],
  ])('%s: what is there is known, and what is gone is written once', async (what, change, gone) => {
    const { file, options, perFile } = await chronicleIn(files);
    const changed = filesOf(file)[index] as string;
    const ids = readFileSync(`${changed}.ids`);
    change(changed, index * perFile);
    const expected = [one, other].map((at) => !gone.includes(at));
    const send = async () => {
      await using chronicle = await openChronicle(file, options);
      const results = [];
      for (const at of [one, other]) results.push(await chronicle.append(event(index * perFile + at)));
      // All others are known where they were.
      const rest = await chronicle.appendMany(Array.from({ length: count }, (_, n) => event(n)));
      expect(rest.every(({ duplicate }) => duplicate)).toBe(true);
      return results.map(({ duplicate }) => duplicate);
    };
    expect(await send()).toEqual(expected);
    // It was believed, and may have been rotated since.
    expect(
      readFileSync(`${filesOf(file)[index]}.ids`)
        .subarray(0, ids.length)
        .equals(ids),
    ).toBe(true);
    for (let restart = 0; restart < 2; restart++) expect(await send()).toEqual([true, true]);
    const lines = filesOf(file).flatMap((each) => readFileSync(each, 'utf8').split('\n'));
    const copies = (at: number) =>
      lines.filter(
        (text) =>
          text.replaceAll(/[ x]/g, '') ===
          line(index * perFile + at)
            .trim()
            .replaceAll('x', ''),
      );
    expect(copies(one)).toHaveLength(1);
    expect(copies(other)).toHaveLength(what.endsWith('twice') ? 2 : 1);
  });
});
