/**
 * C5: within its window, an id is written once. Here within one process; see
 * deduplication-across-processes.test.ts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChronicleOptions, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';

/** Appends events with these one-letter ids one after the other; upper case where one was written. */
async function appendLetters(letters: string, options: ChronicleOptions, file?: string): Promise<string> {
  const path = file ?? join(temporaryDirectory(), 'chronicle');
  const chronicle = await openChronicle(path, options);
  let written = '';
  for (const eventId of letters.toLowerCase()) {
    const { duplicate } = await chronicle.append({ eventId });
    written += duplicate ? eventId : eventId.toUpperCase();
  }
  await chronicle.close();
  return written;
}

/** What stands in the file that {@link appendLetters} made. */
function lettersIn(file: string): string {
  return eventsOf(file)
    .map(({ eventId }) => eventId)
    .join('');
}

const windows: [string, ChronicleOptions, string][] = [
  ['by default', {}, 'ABCabDc'],
  ["'consecutive': the last event only", { dedupe: 'consecutive' }, 'AaBAaaBbA'],
  ['{ window: 1 } is the same as consecutive', { dedupe: { window: 1 } }, 'AaBAaaBbA'],
  // The duplicates take no place in the window: behind ABCaD it holds B, C and D.
  ['{ window: 3 }: the last three events', { dedupe: { window: 3 } }, 'ABCaDAcBdC'],
  ['false: every event is written', { dedupe: false }, 'AAABA'],
];

describe('C5: an id is written once within the window', () => {
  it.each(windows)('%s', async (_, options, expected) => {
    expect(await appendLetters(expected, options)).toBe(expected);
  });

  it.each(windows)(
    '%s, when every append is made by a chronicle that was just opened',
    async (_, options, expected) => {
      const file = join(temporaryDirectory(), 'chronicle');
      let written = '';
      for (const letter of expected) written += await appendLetters(letter, options, file);
      expect(written).toBe(expected);
      expect(lettersIn(file)).toBe(expected.replace(/[a-z]/g, '').toLowerCase());
    },
  );

  it.each(windows)('%s, within one appendMany', async (_, options, expected) => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, options);
    const results = await chronicle.appendMany([...expected.toLowerCase()].map((eventId) => ({ eventId })));
    await chronicle.close();
    const letters = results.map(({ duplicate, eventId = '' }) =>
      duplicate ? eventId : eventId.toUpperCase(),
    );
    expect(letters.join('')).toBe(expected);
    expect(lettersIn(file)).toBe(expected.replace(/[a-z]/g, '').toLowerCase());
  });

  it('the default window is ten thousand events', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, Array.from({ length: 10_001 }, (_, n) => `{"eventId":"${n}"}\n`).join(''));
    const chronicle = await openChronicle(file);
    expect(await chronicle.append({ eventId: '1' })).toMatchObject({ duplicate: true });
    expect(await chronicle.append({ eventId: '0' })).toMatchObject({ duplicate: false });
    expect(await chronicle.append({ eventId: '1' })).toMatchObject({ duplicate: false });
    await chronicle.close();
  });

  it('only events count: other lines take no place in the window', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, '{"eventId":"a"}\nno JSON\n\n[1]\n{"eventId":"b"}\nno JSON\n\n');
    const chronicle = await openChronicle(file, { dedupe: { window: 2 } });
    expect(await chronicle.append({ eventId: 'a' })).toEqual({
      offset: 0,
      next: 16,
      eventId: 'a',
      duplicate: true,
    });
    await chronicle.close();
  });

  it('events without id take a place in the window', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'), {
      dedupe: { window: 2 },
      computeId: false,
    });
    await chronicle.append({ eventId: 'a' });
    await chronicle.append({});
    await chronicle.append({});
    expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: false });
    await chronicle.close();
  });
});

describe("C5: a duplicate's offset is that of the first copy", () => {
  it('in the file, in the same appendMany, and among callers at once', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'));
    const first = await chronicle.append({ eventId: 'ü' });
    const [again, second, secondAgain] = await chronicle.appendMany([
      { eventId: 'ü' },
      { eventId: 'second' },
      { eventId: 'second' },
    ]);
    expect(first).toEqual({ offset: 0, next: 17, eventId: 'ü', duplicate: false });
    expect(again).toEqual({ offset: 0, next: 17, eventId: 'ü', duplicate: true });
    // The ü takes two bytes.
    expect(second).toEqual({ offset: 17, next: 38, eventId: 'second', duplicate: false });
    expect(secondAgain).toEqual({ ...second, duplicate: true });
    const results = await Promise.all(['x', 'x', 'x'].map((eventId) => chronicle.append({ eventId })));
    expect(results.map(({ offset }) => offset)).toEqual([38, 38, 38]);
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    await chronicle.close();
  });

  it('where an id left the window and was written again, that of the copy in the window', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'), { dedupe: 'consecutive' });
    const offsets: number[] = [];
    for (const eventId of 'abaa') offsets.push((await chronicle.append({ eventId })).offset);
    expect(offsets).toEqual([0, 16, 32, 32]);
    await chronicle.close();
  });
});

describe('C5: a damaged line that has the id of an event is no event', () => {
  const damaged = '{"eventId":"a","order":{"n":1}';

  it('and the event is written, once', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, damaged);
    for (let opened = 0; opened < 3; opened++) {
      const chronicle = await openChronicle(file);
      for (let n = 0; n < 2; n++) {
        const duplicate = opened + n > 0;
        expect(await chronicle.append({ eventId: 'a' })).toMatchObject({
          offset: damaged.length + 1,
          duplicate,
        });
      }
      await chronicle.close();
    }
  });

  it('also where several callers send it at once', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, `${damaged}\n{"eventId":"z"}\n`);
    const chronicle = await openChronicle(file);
    const sent = ['q', 'a', 'a', 'z', 'z', 'a'];
    const results = await Promise.all(sent.map((eventId) => chronicle.append({ eventId })));
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, false, true, true, true, true]);
    await chronicle.close();
  });
});
