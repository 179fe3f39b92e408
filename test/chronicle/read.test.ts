/**
 * Readers: which lines they take, which they report and how, ranges, both directions, and bytes of every
 * kind.
 */
import { appendFileSync, type Stats, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type CorruptLine,
  type Entry,
  HoldfastError,
  type JsonObject,
  openChronicle,
  type ReadRange,
  readChronicle,
  tailChronicle,
} from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OpenFile } from '../../dist/lib/engines/file/lines/open-file.js';
import { chronicleOf, writeLongAgo } from '../support/chronicle-file.js';
import { descriptorsOf, temporaryDirectory } from '../support/files.js';
import { anyCharacter } from '../support/fuzz.js';
import { toArray } from '../support/iterate.js';

/** What the reader takes from the file at once; lines that cross this border are put together again. */
const chunkBytes = 1024 * 1024;

interface Reading {
  readonly entries: Entry<JsonObject>[];
  readonly damage: Omit<CorruptLine, 'path'>[];
}

/** What a reader of these bytes yields and reports. */
async function readingOf(bytes: string | Buffer, range?: ReadRange, maxLineBytes?: number): Promise<Reading> {
  const damage: Omit<CorruptLine, 'path'>[] = [];
  const onCorrupt = ({ path: _, ...line }: CorruptLine) => damage.push(line);
  const chronicle = await chronicleOf(bytes, { onCorrupt, ...(maxLineBytes && { maxLineBytes }) });
  return { entries: await toArray(chronicle.read(range)), damage };
}

/** Every kind of line. The text of an event is its number. */
const maxLineBytes = 100;
const pieces: [string | Buffer, Partial<CorruptLine> | 'event' | 'blank'][] = [
  ['\ufeff{"n":0}\n', 'event'],
  ['{"n":1}\r\n', 'event'],
  ['\n', 'blank'],
  ['\r\n', 'blank'],
  [' \t \n', 'blank'],
  ['  {"n": 2}  \n', 'event'],
  [Buffer.concat([Buffer.alloc(40), Buffer.from('\n')]), { reason: 'nul' }],
  [
    Buffer.concat([Buffer.from('{"n":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')]),
    { reason: 'utf8' },
  ],
  ['{"n":3\n', { reason: 'json' }],
  ['{"n":1}{"n":2}\n', { reason: 'json' }],
  ['\ufeff{"n":"a mark that is not at the beginning"}\n', { reason: 'json' }],
  ['[{"n":1}]\n', { reason: 'object' }],
  ['null\n', { reason: 'object' }],
  ['"text"\n', { reason: 'object' }],
  ['{"n":3,"text":"€ 😀"}\n', 'event'],
  [`{"n":"${'x'.repeat(maxLineBytes)}"}\n`, { reason: 'long' }],
  [`{"n":4,"text":"${'x'.repeat(maxLineBytes - 17)}"}\n`, 'event'],
  ['{"n":5}\n', 'event'],
  ['{"n":"torn', { reason: 'torn' }],
];
const everything = Buffer.concat(pieces.map(([piece]) => Buffer.from(piece)));

/** Where each piece stands. */
const places = (() => {
  let offset = 0;
  return pieces.map(([piece, kind]) => {
    const place = { kind, offset, length: Buffer.byteLength(piece) };
    offset += place.length;
    return place;
  });
})();
const damaged = places.flatMap(({ kind, offset, length }) =>
  typeof kind === 'object' ? [{ offset, length, reason: kind.reason }] : [],
);
const whole = places.filter(({ kind }) => kind === 'event');

describe('a file with damage of every kind', () => {
  it('yields each event at its place, and reports each damaged line once', async () => {
    const { entries, damage } = await readingOf(everything, {}, maxLineBytes);
    expect(entries.map(({ event }) => event.n)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(entries).toMatchObject(
      whole.map(({ offset, length }) => ({ offset, length, next: offset + length })),
    );
    expect(damage).toEqual(damaged);
  });

  it('is the same from its end', async () => {
    const { entries, damage } = await readingOf(everything, { reverse: true }, maxLineBytes);
    expect(entries.map(({ event }) => event.n)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(entries).toMatchObject(
      [...whole].reverse().map(({ offset, length }) => ({ offset, length, next: offset + length })),
    );
    expect(damage).toEqual([...damaged].reverse());
  });

  it('from every offset on: what begins there or behind, in both directions', async () => {
    const chronicle = await chronicleOf(everything, { onCorrupt: 'skip', maxLineBytes });
    for (let from = 0; from <= everything.length + 1; from++) {
      const expected = whole.filter(({ offset }) => offset >= from).map(({ offset }) => offset);
      const forwards = await toArray(chronicle.read({ from }));
      expect(forwards.map(({ offset }) => offset)).toEqual(expected);
      const backwards = await toArray(chronicle.read({ from, reverse: true }));
      expect(backwards.map(({ offset }) => offset)).toEqual(expected.reverse());
    }
  });

  it('up to every offset: what begins before it, in both directions', async () => {
    const chronicle = await chronicleOf(everything, { onCorrupt: 'skip', maxLineBytes });
    for (let to = 0; to <= everything.length + 1; to++) {
      const expected = whole.filter(({ offset }) => offset < to).map(({ offset }) => offset);
      const forwards = await toArray(chronicle.read({ to }));
      expect(forwards.map(({ offset }) => offset)).toEqual(expected);
      const backwards = await toArray(chronicle.read({ to, reverse: true }));
      expect(backwards.map(({ offset }) => offset)).toEqual(expected.reverse());
    }
  });

  it('at most `limit` events, and nothing reported behind the last of them', async () => {
    for (let limit = 0; limit <= whole.length + 1; limit++) {
      const forwards = await readingOf(everything, { limit }, maxLineBytes);
      expect(forwards.entries.map(({ event }) => event.n)).toEqual([0, 1, 2, 3, 4, 5].slice(0, limit));
      const end =
        forwards.entries.length < limit ? everything.length : (forwards.entries.at(-1)?.offset ?? 0);
      expect(forwards.damage).toEqual(damaged.filter(({ offset }) => offset < end));
      const backwards = await readingOf(everything, { limit, reverse: true }, maxLineBytes);
      expect(backwards.entries.map(({ event }) => event.n)).toEqual([5, 4, 3, 2, 1, 0].slice(0, limit));
    }
  });

  it('a range that is empty, or the wrong way round, holds nothing', async () => {
    for (const reverse of [false, true]) {
      for (const [from, to] of [
        [8, 8],
        [20, 10],
        [1e15, 2e15],
      ] as const) {
        expect(await readingOf(everything, { from, to, reverse }, maxLineBytes)).toEqual({
          entries: [],
          damage: [],
        });
      }
    }
  });

  it('reading goes on at the next of an entry', async () => {
    const chronicle = await chronicleOf(everything, { onCorrupt: 'skip', maxLineBytes });
    const seen: unknown[] = [];
    for (let from = 0; ; ) {
      const [entry] = await toArray(chronicle.read({ from, limit: 1 }));
      if (!entry) break;
      seen.push(entry.event.n);
      from = entry.next;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('tail: the last events in the order of the file', async () => {
    const chronicle = await chronicleOf(everything, { onCorrupt: 'skip', maxLineBytes });
    for (const count of [0, 1, 3, 6, 100]) {
      const expected = count === 0 ? [] : [0, 1, 2, 3, 4, 5].slice(-count);
      expect((await chronicle.tail(count)).map(({ event }) => event.n)).toEqual(expected);
    }
  });
});

describe('onCorrupt', () => {
  const damagedFile = '{"n":1}\nno JSON\n{"n":2}\n';

  it("'throw' ends the reading at the first damaged line, after the events before it", async () => {
    const chronicle = await chronicleOf(damagedFile, { onCorrupt: 'throw' });
    const seen: unknown[] = [];
    const reading = async () => {
      for await (const { event } of chronicle.read()) seen.push(event.n);
    };
    await expect(reading()).rejects.toMatchObject({
      name: 'HoldfastError',
      code: 'EIO',
      path: chronicle.path,
      cause: { offset: 8, length: 8, reason: 'json' },
    });
    expect(seen).toEqual([1]);
    await expect(tailChronicle(chronicle.path, 2, { onCorrupt: 'throw' })).rejects.toThrow(HoldfastError);
    // What need not be looked at is no reason to throw.
    expect(await tailChronicle(chronicle.path, 1, { onCorrupt: 'throw' })).toEqual([{ n: 2 }]);
  });

  it("'warn', the default, emits one process warning per line, with its place", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    onTestFinished(() => {
      process.off('warning', listen);
    });
    const { path } = await chronicleOf(damagedFile);
    expect(await readChronicle(path)).toEqual([{ n: 1 }, { n: 2 }]);
    // Warnings are emitted in the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toMatchObject([{ name: 'HoldfastWarning', code: 'HOLDFAST_CORRUPT_LINE' }]);
    expect(warnings[0]?.message).toContain(path);
    expect(warnings[0]?.message).toMatch(/offset 8, 8 bytes \(json\)/);
  });

  it('a function that throws ends the reading with what it throws', async () => {
    const own = new Error('enough');
    const chronicle = await chronicleOf(damagedFile, {
      onCorrupt: () => {
        throw own;
      },
    });
    await expect(toArray(chronicle.read())).rejects.toBe(own);
  });
});

describe('lines at the border of a chunk', () => {
  /** Lines of `length` bytes up to the border, then `middle`, which begins `before` bytes before it. */
  function around(before: number, middle: string): Buffer {
    const first = JSON.stringify({ n: 'first', fill: '' });
    const start = chunkBytes - before;
    const fill = 'x'.repeat(start - first.length - 1);
    return Buffer.from(`${JSON.stringify({ n: 'first', fill })}\n${middle}\n{"n":"last"}\n`);
  }

  it.each([0, 1, 2, 7, 14, 15, 16])('an event that begins %d bytes before it', async (before) => {
    // Characters of two, three and four bytes, so that the border falls between and into them.
    const bytes = around(before, '{"n":"ü€😀","m":1}');
    for (const reverse of [false, true]) {
      const { entries, damage } = await readingOf(bytes, { reverse });
      const expected = ['first', 'ü€😀', 'last'];
      expect(entries.map(({ event }) => event.n)).toEqual(reverse ? expected.reverse() : expected);
      expect(damage).toEqual([]);
    }
  });

  it.each([1, 2])('CRLF, of which the border leaves %d bytes on the near side', async (near) => {
    const middle = '{"n":2}\r';
    const bytes = around(middle.length - 2 + near, middle);
    for (const reverse of [false, true]) {
      const { entries, damage } = await readingOf(bytes, { reverse });
      expect(entries).toHaveLength(3);
      expect(damage).toEqual([]);
    }
  });

  it.each([2 * chunkBytes, 2 * chunkBytes + 1, 3 * chunkBytes - 1])('a line of %d bytes', async (length) => {
    const text = 'x'.repeat(length - '{"text":""}'.length);
    for (const reverse of [false, true]) {
      const { entries } = await readingOf(`{"n":1}\n{"text":"${text}"}\n{"n":2}\n`, { reverse });
      expect(entries.map((entry) => entry.length)).toEqual([8, length + 1, 8]);
    }
  });

  it('a line much longer than maxLineBytes is reported once, with its whole length', async () => {
    const long = `{"text":"${'x'.repeat(4 * chunkBytes)}"}\n`;
    for (const reverse of [false, true]) {
      const { entries, damage } = await readingOf(`{"n":1}\n${long}{"n":2}\n`, { reverse }, 1000);
      expect(entries).toHaveLength(2);
      expect(damage).toEqual([{ offset: 8, length: long.length, reason: 'long' }]);
    }
  });

  it('a mid-line offset in a line of several chunks starts at the next line', async () => {
    const long = `{"text":"${'x'.repeat(3 * chunkBytes)}"}\n`;
    const chronicle = await chronicleOf(`${long}{"n":2}\n`);
    for (const from of [1, chunkBytes, chunkBytes + 1, long.length - 1, long.length]) {
      expect(await toArray(chronicle.read({ from }))).toMatchObject([{ offset: long.length }]);
    }
    expect(await toArray(chronicle.read({ from: long.length + 1 }))).toEqual([]);
  });
});

describe('lines that are parsed together', () => {
  it('are each at its place, in a file of several chunks with lines of all lengths', async () => {
    const texts: string[] = [];
    let offset = 0;
    const expected: Omit<Entry<JsonObject>, 'position' | 'path'>[] = [];
    for (let n = 0; offset < 3.5 * chunkBytes; n++) {
      const event = { n, fill: (n % 50 === 7 ? 'ü€😀' : 'x').repeat((n * 7919) % 3000) };
      const text = `${JSON.stringify(event)}${n % 9 === 0 ? '\r' : ''}\n`;
      const length = Buffer.byteLength(text);
      texts.push(text);
      expected.push({ event, offset, length, next: offset + length });
      offset += length;
      if (n % 11 === 0) {
        texts.push('\n');
        offset += 1;
      }
    }
    const { entries, damage } = await readingOf(texts.join(''));
    expect(entries).toEqual(expected);
    expect(damage).toEqual([]);
    expect((await readingOf(texts.join(''), { reverse: true })).entries).toEqual(expected.reverse());
  });

  it('more of them than are parsed at once', async () => {
    const { entries } = await readingOf('{}\n'.repeat(30_000));
    expect(entries).toHaveLength(30_000);
    expect(entries.at(-1)).toEqual({ event: {}, offset: 3 * 29_999, length: 3, next: 90_000 });
  });

  it.each([
    [['{"a":[{}', '{}]}', '{},{}']],
    [['{"a":1', '"b":2}']],
    [['{"a":"', '"}', '{}', '{},{}']],
    [['{"a":[0', '0]}', '{},0,{}', '{}']],
  ])('no line of %j is an event because of the others', async (lines) => {
    const all = ['{"n":1}', ...lines, '{"n":2}'];
    const whole = all.filter((line) => /^{[^{}]*}$/.test(line) && line.split('"').length % 2 === 1);
    const { entries, damage } = await readingOf(`${all.join('\n')}\n`);
    expect(entries.map(({ event }) => JSON.stringify(event))).toEqual(whole);
    expect(damage).toHaveLength(all.length - whole.length);
  });
});

describe('a file that changes while it is read', () => {
  const line = (number: number) => `${JSON.stringify({ number, fill: 'x'.repeat(2000) })}\n`;
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => line(from + index)).join('');

  it('what is appended meanwhile is read too; a line half written is no damage when the rest comes', async () => {
    const { path } = await chronicleOf(lines(0, 200));
    const damage: CorruptLine[] = [];
    const chronicle = await openChronicle(path, { onCorrupt: (corrupt) => damage.push(corrupt) });
    const seen: unknown[] = [];
    for await (const { event } of chronicle.read()) {
      seen.push(event.number);
      if (event.number === 0) appendFileSync(path, lines(200, 400));
    }
    await chronicle.close();
    expect(seen).toEqual(Array.from({ length: 400 }, (_, number) => number));
    expect(damage).toEqual([]);
  });

  it('a line half written is no damage when the rest of it comes before the reader has looked for the end', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, '{"n":1}\n{"n":');
    // The reader has met the end of what it reads when it asks how long the file is: just then the writer
    // goes on.
    const stat = OpenFile.prototype.stat as () => Promise<Stats>;
    let calls = 0;
    onTestFinished(() => {
      OpenFile.prototype.stat = stat as OpenFile['stat'];
    });
    OpenFile.prototype.stat = function (this: OpenFile, ...options: never[]) {
      if (options.length === 0 && ++calls === 2) appendFileSync(file, '2}\n');
      return stat.apply(this, options as []);
    } as OpenFile['stat'];
    expect(await readChronicle(file, { onCorrupt: 'throw' })).toEqual([{ n: 1 }, { n: 2 }]);
    expect(calls).toBe(2);
  });

  it('is cut to nothing: the reading ends with what was read before, and one torn line at most', async () => {
    const damage: CorruptLine[] = [];
    const chronicle = await chronicleOf(lines(0, 400), { onCorrupt: (corrupt) => damage.push(corrupt) });
    const seen: unknown[] = [];
    for await (const { event } of chronicle.read()) {
      if (seen.push(event.number) === 1) truncateSync(chronicle.path, 0);
    }
    expect(seen.length).toBeLessThan(400);
    expect(seen).toEqual(Array.from(seen, (_, number) => number));
    expect(damage.filter(({ reason }) => reason !== 'torn')).toEqual([]);
    expect(damage.length).toBeLessThan(2);
  });

  it('is cut to nothing while it is read backwards: what is gone is no damage', async () => {
    const damage: CorruptLine[] = [];
    const chronicle = await chronicleOf(lines(0, 400), { onCorrupt: (corrupt) => damage.push(corrupt) });
    const seen: unknown[] = [];
    for await (const { event } of chronicle.read({ reverse: true })) {
      if (seen.push(event.number) === 1) truncateSync(chronicle.path, 0);
    }
    expect(seen.length).toBeLessThan(400);
    expect(seen).toEqual(Array.from(seen, (_, index) => 399 - index));
    expect(damage).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('a reader that stops early closes it (seen in /proc)', async () => {
    const chronicle = await chronicleOf(lines(0, 400));
    const before = descriptorsOf(chronicle.path);
    const reading = chronicle.read();
    await reading.next();
    expect(descriptorsOf(chronicle.path)).toBe(before + 1);
    await reading.return();
    expect(descriptorsOf(chronicle.path)).toBe(before);
  });
});

describe('bytes of any kind', () => {
  /** Bytes that look like a chronicle's just enough to reach every branch. */
  const anyPiece = fc.oneof(
    fc.constant('\n'),
    fc.constant('\r\n'),
    fc.constant('{"a":1}\n'),
    fc.constant('{"a":'),
    fc.constantFrom('{"a":[{}\n', '{}]}\n', '{},{}\n'),
    fc.constant('\ufeff'),
    fc.constant('\0\0'),
    fc.json().map((json) => `${json}\n`),
    fc.string({ unit: anyCharacter }),
    fc.uint8Array({ maxLength: 20 }),
    fc.integer({ min: 1, max: 60 }).map((count) => 'x'.repeat(count)),
    fc.integer({ min: -3, max: 3 }).map((count) => `{"a":"${'x'.repeat(chunkBytes + count)}"}\n`),
  );
  const anyBytes = fc
    .array(anyPiece, { maxLength: 12 })
    .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part as string))));

  it('forwards is backwards reversed, and every byte is of an event, damaged or blank', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    await fc.assert(
      fc.asyncProperty(anyBytes, fc.constantFrom(50, 8 * 1024 * 1024), async (bytes, longest) => {
        writeLongAgo(file, bytes);
        const damage: CorruptLine[] = [];
        const chronicle = await openChronicle(file, {
          onCorrupt: (line) => damage.push(line),
          maxLineBytes: longest,
        });
        try {
          const forwards = await toArray(chronicle.read());
          const damagedForwards = damage.splice(0);
          const backwards = await toArray(chronicle.read({ reverse: true }));
          expect(backwards.reverse()).toEqual(forwards);
          expect(damage.reverse()).toEqual(damagedForwards);

          let at = 0;
          const skipBlank = (to: number) => {
            const text = bytes.toString('latin1', at, to);
            expect(text).toMatch(at === 0 ? /^(\u00ef\u00bb\u00bf)?[ \t\r\n]*$/ : /^[ \t\r\n]*$/);
            at = to;
          };
          for (const { offset, length } of [...forwards, ...damagedForwards].sort(
            (a, b) => a.offset - b.offset,
          )) {
            skipBlank(offset);
            at += length;
          }
          const textOf = ({ offset, length }: Entry<JsonObject>) =>
            bytes.toString('utf8', offset, offset + length).replace(/^\ufeff/, '');
          expect(forwards.map(({ event }) => event)).toEqual(
            forwards.map((entry) => JSON.parse(textOf(entry))),
          );
          skipBlank(bytes.length);
        } finally {
          await chronicle.close();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('an append after them is read back, and changes none of them', async () => {
    const directory = temporaryDirectory();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        const file = join(directory, `${number++}`);
        writeFileSync(file, bytes);
        const chronicle = await openChronicle(file, { onCorrupt: 'skip', dedupe: false, durability: 'none' });
        const { offset } = await chronicle.append({ eventId: 'next' });
        expect((await chronicle.tail(1))[0]).toMatchObject({ offset, event: { eventId: 'next' } });
        await chronicle.close();
        const torn = bytes.length > 0 && bytes.at(-1) !== 0x0a;
        expect(offset).toBe(bytes.length + (torn ? 1 : 0));
      }),
      { numRuns: 100 },
    );
  });
});
