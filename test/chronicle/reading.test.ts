/**
 * The ways to read the same events: one by one, in batches, all at once; and what each does with damage.
 */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import {
  type CorruptLine,
  type Entry,
  type JsonObject,
  openChronicle,
  readChronicle,
  type Where,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { chronicleOf, writeLongAgo } from '../support/chronicle-file.js';
import { damagedFile } from '../support/damaged-files.js';
import { descriptorsOf, temporaryDirectory } from '../support/files.js';
import { seeded } from '../support/fuzz.js';
import { toArray } from '../support/iterate.js';

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
        128 * 1024,
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

describe('a file that is replaced while it is read', () => {
  it('is read to its end: what is renamed over it is another file', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
    const seen: unknown[] = [];
    for await (const { event } of chronicle.read()) {
      if (seen.push(event.number) > 1) continue;
      writeFileSync(`${chronicle.path}.new`, '{"number":"new"}\n');
      renameSync(`${chronicle.path}.new`, chronicle.path);
    }
    expect(seen).toEqual(numbers);
    expect(numbersOf(await chronicle.toArray())).toEqual(['new']);
  });

  it('emptied and written again in place, it yields whole lines of the one or the other', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
    const others = lines.map(
      (_, number) => `${JSON.stringify({ other: number, text: '{"a":1}'.repeat(9) })}\n`,
    );
    const whole = new Set([...lines, ...others]);
    let events = 0;
    const broken: string[] = [];
    for await (const { event } of chronicle.read()) {
      events++;
      const { eventId: _, ...written } = event;
      const line = `${JSON.stringify(written)}\n`;
      if (!whole.has(line)) broken.push(line);
      if (events === 1) writeFileSync(chronicle.path, others.join(''));
    }
    expect(broken).toEqual([]);
    expect(events).toBeGreaterThan(1000);
  });
});

describe('read(): what holds for an async generator holds for it', () => {
  const few = '{"n":1}\n{"n":2}\n{"n":3}\n';

  it('calls that do not wait for each other are answered in their order', async () => {
    const reading = (await chronicleOf(few)).read();
    const results = await Promise.all(Array.from({ length: 5 }, () => reading.next()));
    expect(results.map(({ value }) => value?.event.n)).toEqual([1, 2, 3, undefined, undefined]);
    expect(results.map(({ done }) => done)).toEqual([false, false, false, true, true]);
  });

  it('return() ends it, also in the middle of a batch and before the first call', async () => {
    const chronicle = await chronicleOf(few);
    for (const taken of [0, 1]) {
      const reading = chronicle.read();
      for (let i = 0; i < taken; i++) await reading.next();
      expect(await reading.return()).toEqual({ value: undefined, done: true });
      expect(await reading.next()).toEqual({ value: undefined, done: true });
    }
  });

  it('throw() ends it with the error', async () => {
    const reading = (await chronicleOf(few)).read();
    await reading.next();
    const own = new Error('enough');
    await expect(reading.throw(own)).rejects.toBe(own);
    expect((await reading.next()).done).toBe(true);
  });

  it('an error comes once, and then it is done', async () => {
    const reading = (await chronicleOf(few)).read({ from: -1 });
    await expect(reading.next()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'from' });
    expect((await reading.next()).done).toBe(true);
  });
});

describe('stream()', () => {
  it('carries the entries through a pipeline, however slow its end is', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
    const seen: unknown[] = [];
    const slow = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write({ event }: Entry<JsonObject>, _, callback) {
        seen.push(event.number);
        setImmediate(callback);
      },
    });
    await pipeline(chronicle.stream(), slow);
    expect(seen).toEqual(numbers);
  });

  it('what damage throws destroys it, after what stands before', async () => {
    const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'throw' });
    const seen: unknown[] = [];
    const reading = async () => {
      for await (const { event } of chronicle.stream()) seen.push(event.number);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'EIO', cause: { reason: 'json' } });
    expect(seen).toEqual(numbers.slice(0, seen.length));
  });

  it.skipIf(process.platform !== 'linux')(
    'closes the file when it is destroyed (seen in /proc)',
    async () => {
      const chronicle = await chronicleOf(lines.join(''), { onCorrupt: 'skip' });
      const before = descriptorsOf(chronicle.path);
      const stream = chronicle.stream();
      await once(stream, 'readable');
      expect(descriptorsOf(chronicle.path)).toBe(before + 1);
      stream.destroy();
      await once(stream, 'close');
      expect(descriptorsOf(chronicle.path)).toBe(before);
    },
  );
});

describe('find(): the event with an id', () => {
  /** Every way to write the same id. */
  const spellings = (id: string) => [
    JSON.stringify(id),
    `"${[...id].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
    `"${[...id].map((character) => `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`).join('')}"`,
    JSON.stringify(id).replaceAll('/', '\\/'),
  ];

  it.each(['plain', 'a/b', 'größe', '"quoted"', 'back\\slash', 'new\nline', '\u0001'])(
    'finds %j however it is written',
    async (id) => {
      for (const spelling of spellings(id)) {
        for (const [before, after] of [
          ['', ''],
          [' ', ' '],
          ['\t', '\r'],
        ]) {
          const text = `{"eventId"${before}:${after}${spelling}${before},"n":1}`;
          const chronicle = await chronicleOf(`${lines.join('')}{"eventId":"x","n":0}\n${text}\n${text}\n`);
          const offset = Buffer.byteLength(lines.join('')) + 22;
          expect(await chronicle.find(id)).toEqual({
            event: { eventId: id, n: 1 },
            offset,
            length: Buffer.byteLength(text) + 1,
            next: offset + Buffer.byteLength(text) + 1,
          });
        }
      }
    },
  );

  it('an id that stands elsewhere, or deeper, or in a damaged line, is not the id', async () => {
    const chronicle = await chronicleOf(
      '{"text":"wanted"}\n{"in":{"eventId":"wanted"}}\n{"eventId":"wanted"\n{"eventId":"unwanted"}\n{"eventId":["wanted"]}\n',
      { onCorrupt: 'throw' },
    );
    expect(await chronicle.find('wanted')).toBeUndefined();
    const { offset } = await chronicle.append({ eventId: 'wanted' });
    expect(await chronicle.find('wanted')).toMatchObject({ offset });
  });

  it('looks under idKey', async () => {
    const chronicle = await chronicleOf('{"eventId":"a"}\n{"key":"a"}\n', { idKey: 'key' });
    expect(await chronicle.find('a')).toMatchObject({ event: { key: 'a' } });
  });

  it('EVALIDATION for what can be no id', async () => {
    const chronicle = await chronicleOf('');
    for (const bad of ['', undefined, null, 7, {}]) {
      await expect(chronicle.find(bad as string)).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'eventId',
      });
    }
  });
});

describe('read({ where })', () => {
  it('selects as a filter behind the reader would, and reports the same damage, whatever the file holds', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const value = fc.constantFrom<string | number | boolean | null>(
      'X',
      'a/b',
      'ü',
      '',
      '\\',
      17,
      0,
      -2.5,
      true,
      false,
      null,
    );
    const spelled = fc.tuple(value, fc.nat(3)).map(([value, spelling]) => {
      if (typeof value === 'number')
        return [`${value}`, `${value}.0`, `${value}e0`, `${value * 10}e-1`][spelling]?.replace(
          /^(-?\d+\.\d+)\.0$/,
          '$1',
        );
      if (typeof value !== 'string' || spelling === 0) return JSON.stringify(value);
      if (spelling === 1) return JSON.stringify(value).replaceAll('/', '\\/');
      return `"${[...value].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
    });
    const key = fc.constantFrom('type', 'other', 'in');
    const space = fc.constantFrom('', '', ' ', '\t');
    const property = fc
      .tuple(key, space, spelled, space)
      .map(([key, before, value, after]) => `"${key}"${before}:${after}${value}`);
    const line = fc.oneof(
      {
        arbitrary: fc.array(property, { maxLength: 3 }).map((properties) => `{${properties.join(',')}}`),
        weight: 6,
      },
      { arbitrary: property.map((property) => `{"in":{${property}},"list":[1,{${property}}]}`), weight: 2 },
      { arbitrary: property.map((property) => `{${property}`), weight: 1 },
      {
        arbitrary: fc.constantFrom(
          '{"a":1}{"b":2}',
          '{"a":01}',
          '{"a":"\t"}',
          '[1]',
          '',
          'X',
          '{"a":"\\x"}',
          '{"a":1,}',
        ),
        weight: 1,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 20 }),
        damagedFile,
        fc.dictionary(key, value, { maxKeys: 2 }),
        fc.boolean(),
        async (lines, rest, where, reverse) => {
          writeLongAgo(file, Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), rest]));
          const damage: CorruptLine[] = [];
          const chronicle = await openChronicle(file, { onCorrupt: (line) => damage.push(line) });
          try {
            const all = await chronicle.toArray({ reverse });
            const allDamage = damage.splice(0);
            const expected = all.filter(({ event }) =>
              Object.entries(where).every(
                ([key, value]) => Object.hasOwn(event, key) && event[key] === value,
              ),
            );
            expect(await chronicle.toArray({ reverse, where })).toEqual(expected);
            expect(damage).toEqual(allDamage);
            const silent = await openChronicle(file, { onCorrupt: 'skip' });
            expect(await silent.toArray({ reverse, where })).toEqual(expected);
            expect(await silent.toArray({ reverse, where, limit: 2 })).toEqual(expected.slice(0, 2));
            await silent.close();
          } finally {
            await chronicle.close();
          }
        },
      ),
      seeded('where', 500),
    );
  });

  it('EVALIDATION names what is wrong in it', async () => {
    const chronicle = await chronicleOf('');
    for (const [where, field] of [
      [7, 'where'],
      [null, 'where'],
      [false, 'where'],
      ['', 'where'],
      [[], 'where'],
      [{ type: undefined }, 'where.type'],
      [{ type: {} }, 'where.type'],
      [{ type: Number.NaN }, 'where.type'],
    ] as const) {
      const range = { where: where as unknown as Where };
      await expect(chronicle.toArray(range)).rejects.toMatchObject({ code: 'EVALIDATION', field });
    }
  });
});
