/**
 * C5, where the first place at which an id seems to be holds no event with it: a line that a power loss has
 * left torn, or a rotated file that was removed. A copy that comes later counts, in whichever file it is.
 */
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';

const event = (eventId: string) => ({ eventId });
const line = (eventId: string) => `${JSON.stringify(event(eventId))}\n`;
/** What native code takes for an event with this id, and JSON.parse does not. */
const torn = (eventId: string) => `{"eventId":"${eventId}","n":${'\0'.repeat(40)}}\n`;
const stamp = (n: number) => `20240101T00000${n}.000Z`;

/** How many events in all files have this id. */
function copies(file: string, id: string): number {
  return readdirSync(dirname(file))
    .filter((name) => !name.endsWith('.ids'))
    .flatMap((name) => readFileSync(join(dirname(file), name), 'utf8').split('\n'))
    .filter((text) => text === JSON.stringify(event(id))).length;
}

describe.each([
  { dedupe: 'all' as const, rotate: { maxBytes: 1000 } },
  { dedupe: { window: 50 }, rotate: { maxBytes: 1000 } },
])('C5: a copy that comes later, with %o', (options) => {
  async function send(file: string, ...ids: string[]): Promise<boolean[]> {
    await using chronicle = await openChronicle(file, options);
    const results = await chronicle.appendMany(ids.map(event));
    return results.map(({ duplicate }) => duplicate);
  }

  it.each([
    ['a torn line that was rotated away', [torn('X')], ''],
    ['a torn line in the file itself', [], torn('X')],
    ['two torn lines, in two rotated files', [torn('X') + line('a'), torn('X') + line('b')], ''],
    ['torn lines in a rotated file and after it', [line('a') + torn('X')], line('b') + torn('X')],
    ['the rest of a line that was rotated away unfinished', [torn('X').slice(0, -1)], ''],
  ])('%s: the event is written once, whatever the number of restarts', async (_, rotated, current) => {
    const file = newFile();
    for (const [n, content] of rotated.entries()) writeFileSync(`${file}.${stamp(n)}`, content);
    writeFileSync(file, current);
    expect(await send(file, 'X')).toEqual([false]);
    for (let restart = 0; restart < 4; restart++)
      expect(await send(file, 'X', `${restart}`, 'X')).toEqual([true, false, true]);
    expect(copies(file, 'X')).toBe(1);
  });

  it.each([
    ['the first', 1],
    ['the first two', 2],
  ])(
    '%s rotated files are removed while the chronicle is open: the copy in the file itself counts',
    async (_, gone) => {
      const file = newFile();
      const names = [0, 1].map((n) => `${file}.${stamp(n)}`);
      for (const name of names) writeFileSync(name, line('X') + line('other'));
      writeFileSync(file, line('X'));
      await using chronicle = await openChronicle(file, options);
      await chronicle.append(event('new'));
      for (const name of names.slice(0, gone)) rmSync(name);
      expect((await chronicle.append(event('X'))).duplicate).toBe(true);
      expect((await chronicle.append(event('new'))).duplicate).toBe(true);
      expect(copies(file, 'X')).toBe(3 - gone);
    },
  );

  it('a torn line in a rotated file, with its next file removed, does not hide the copy after that', async () => {
    const file = newFile();
    const names = [0, 1].map((n) => `${file}.${stamp(n)}`);
    writeFileSync(names[0] as string, torn('X'));
    writeFileSync(names[1] as string, line('X'));
    writeFileSync(file, line('X') + line('y'));
    await using chronicle = await openChronicle(file, options);
    await chronicle.append(event('new'));
    rmSync(names[1] as string);
    expect((await chronicle.append(event('X'))).duplicate).toBe(true);
    expect(copies(file, 'X')).toBe(1);
  });

  it('an id that is in every file is remembered as long as one of them is there', async () => {
    const file = newFile();
    const names = [0, 1, 2, 3].map((n) => `${file}.${stamp(n)}`);
    for (const name of names) writeFileSync(name, line('X') + line('x') + line('X'));
    writeFileSync(file, '');
    for (const name of names) {
      expect(await send(file, 'X', 'x')).toEqual([true, true]);
      rmSync(name);
    }
    expect(await send(file, 'X', 'x')).toEqual([false, false]);
  });

  it('others append the event without looking, and the torn first one goes: it is found', async () => {
    const file = newFile();
    writeFileSync(file, torn('X'));
    await using chronicle = await openChronicle(file, options);
    await chronicle.append(event('new'));
    appendFileSync(file, line('X'));
    expect((await chronicle.append(event('X'))).duplicate).toBe(true);
    renameSync(file, `${file}.${stamp(0)}`);
    expect((await chronicle.append(event('X'))).duplicate).toBe(true);
    expect(copies(file, 'X')).toBe(1);
  });
});
