/**
 * The ways to read the same events: one by one, in batches, all at once; and what each does with damage.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Chronicle,
  type ChronicleOptions,
  type CorruptLine,
  type Entry,
  type JsonObject,
  openChronicle,
  readChronicle,
} from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { toArray } from '../support/iterate.js';

async function chronicleOf(bytes: string | Buffer, options?: ChronicleOptions): Promise<Chronicle> {
  const file = join(temporaryDirectory(), 'chronicle');
  writeFileSync(file, bytes);
  const chronicle = await openChronicle(file, options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}

/** More than a chunk, with a damaged line now and then. */
const count = 5000;
const lines = Array.from({ length: count }, (_, number) =>
  number % 100 === 99
    ? `{"number":${number}\n`
    : `${JSON.stringify({ number, text: 'ü'.repeat(number % 90) })}\n`,
);
const numbers = lines.map((_, number) => number).filter((number) => number % 100 !== 99);
const damaged = count / 100;

function numbersOf(entries: readonly Entry<JsonObject>[]): unknown[] {
  return entries.map(({ event }) => event.number);
}

describe('one by one, in batches and all at once', () => {
  it.each([false, true])(
    'are the same events, and each damaged line is reported once (reverse: %s)',
    async (reverse) => {
      const damage: CorruptLine[] = [];
      const chronicle = await chronicleOf(lines.join(''), { onCorrupt: (line) => damage.push(line) });
      const oneByOne = await toArray(chronicle.read({ reverse }));
      expect(numbersOf(oneByOne)).toEqual(reverse ? [...numbers].reverse() : numbers);
      expect(damage.splice(0)).toHaveLength(damaged);
      expect((await toArray(chronicle.readBatches({ reverse }))).flat()).toEqual(oneByOne);
      expect(damage.splice(0)).toHaveLength(damaged);
      expect(await chronicle.toArray({ reverse })).toEqual(oneByOne);
      expect(damage.splice(0)).toHaveLength(damaged);
      if (reverse) return;
      expect(await readChronicle(chronicle.path, { onCorrupt: 'skip' })).toEqual(
        oneByOne.map(({ event }) => event),
      );
    },
  );

  it('a batch is bounded: it holds no more than a chunk of the file', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
    let batches = 0;
    for await (const batch of chronicle.readBatches()) {
      expect(batch.length).toBeGreaterThan(0);
      const [first, last] = [batch[0], batch.at(-1)];
      expect((last?.offset ?? 0) + (last?.length ?? 0) - (first?.offset ?? 0)).toBeLessThanOrEqual(
        256 * 1024,
      );
      batches++;
    }
    expect(batches).toBeGreaterThan(2);
  });

  it("'throw': a batch ends before the damaged line, so that what stands before it is not lost", async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'throw' });
    const seen: Entry<JsonObject>[] = [];
    const reading = async () => {
      for await (const batch of chronicle.readBatches()) seen.push(...batch);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'EIO', cause: { reason: 'json' } });
    expect(numbersOf(seen)).toEqual(numbers.slice(0, 99));
  });

  it('a range and a limit hold for all of them', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
    const all = await chronicle.toArray();
    const from = (all[10] as Entry<JsonObject>).offset;
    const to = (all[4000] as Entry<JsonObject>).offset;
    expect(await chronicle.toArray({ from, to })).toEqual(all.slice(10, 4000));
    for (const limit of [0, 1, 98, 99, 100, 3000]) {
      const expected = all.slice(10, 10 + limit);
      expect(await chronicle.toArray({ from, limit })).toEqual(expected);
      expect((await toArray(chronicle.readBatches({ from, limit }))).flat()).toEqual(expected);
      expect(await toArray(chronicle.read({ from, limit }))).toEqual(expected);
    }
  });
});
