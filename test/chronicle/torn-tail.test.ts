/**
 * C3: a complete line is never changed. What a writer left that died in the middle of a line costs that line,
 * and never the next record.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { appendEvent, type CorruptLine, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { fileWith } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { toArray } from '../support/iterate.js';
import { eventsOf, linesOf } from '../support/lines.js';

const whole = '{"eventId":"one","text":"whole"}\n';

/** A file with these bytes. */
function fileOf(...parts: (string | Buffer)[]): string {
  return fileWith(Buffer.concat(parts.map((part) => Buffer.from(part))));
}

const tails: [string, string | Buffer][] = [
  ['one byte', '{'],
  ['a record without its last byte', '{"eventId":"two","text":"torn"'],
  ['half a character', Buffer.from('{"text":"ü').subarray(0, -1)],
  ['NUL bytes', Buffer.alloc(4096)],
  ['JSON that is no object', '17'],
  ['a record longer than a chunk', `{"text":"${'x'.repeat(300_000)}`],
  ['a carriage return', '\r'],
];

describe('C3: a torn tail costs its own line and never the next record', () => {
  it.each(tails)('%s', async (_, tail) => {
    const file = fileOf(whole, tail);
    const before = readFileSync(file, 'latin1');
    const { offset } = await appendEvent(file, { eventId: 'next' });
    expect(readFileSync(file, 'latin1')).toBe(`${before}\n{"eventId":"next"}\n`);
    expect(offset).toBe(before.length + 1);
  });

  it('as the only thing in the file', async () => {
    const file = fileOf('{"torn');
    await appendEvent(file, { eventId: 'next' });
    expect(readFileSync(file, 'utf8')).toBe('{"torn\n{"eventId":"next"}\n');
  });

  it('left behind an open chronicle', async () => {
    const file = fileOf(whole);
    const chronicle = await openChronicle(file);
    for (const number of [1, 2, 3]) {
      await chronicle.append({ eventId: `${number}` });
      writeFileSync(file, `{"torn":${number}`, { flag: 'a' });
    }
    await chronicle.append({ eventId: '4' });
    await chronicle.close();
    expect(linesOf(file).map(({ text }) => text)).toEqual([
      whole.trimEnd(),
      '{"eventId":"1"}',
      '{"torn":1',
      '{"eventId":"2"}',
      '{"torn":2',
      '{"eventId":"3"}',
      '{"torn":3',
      '{"eventId":"4"}',
    ]);
  });

  it('is reported by readers as one line, torn before the next append and no JSON after it', async () => {
    const file = fileOf(whole, '{"torn');
    const reported: CorruptLine[] = [];
    const chronicle = await openChronicle(file, { onCorrupt: (line) => reported.push(line) });
    const ids = async () => (await toArray(chronicle.read())).map(({ event }) => event.eventId);
    expect(await ids()).toEqual(['one']);
    await chronicle.append({ eventId: 'next' });
    expect(await ids()).toEqual(['one', 'next']);
    expect(reported).toEqual([
      { path: file, offset: whole.length, length: 6, reason: 'torn' },
      { path: file, offset: whole.length, length: 7, reason: 'json' },
    ]);
    await chronicle.close();
  });

  it('is closed once, whichever of several processes comes first', async () => {
    const file = fileOf(whole, '{"torn');
    const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file)));
    await Promise.all(processes.map((process, index) => process.append({ eventId: `${index}` })));
    const texts = linesOf(file).map(({ text }) => text);
    expect(texts.slice(0, 2)).toEqual([whole.trimEnd(), '{"torn']);
    expect(texts.slice(2).sort()).toEqual(['{"eventId":"0"}', '{"eventId":"1"}', '{"eventId":"2"}']);
  });
});

describe('C3: a last line without newline that is a whole JSON object', () => {
  const unfinished = '{"eventId":"two","text":"whole, without newline"}';

  it('counts as an event and is closed by the next append', async () => {
    const file = fileOf(whole, unfinished);
    const chronicle = await openChronicle(file);
    const [last] = await chronicle.tail(1);
    expect(last).toEqual({
      event: JSON.parse(unfinished),
      offset: whole.length,
      length: unfinished.length,
      next: whole.length + unfinished.length,
    });
    await chronicle.append({ eventId: 'three' });
    await chronicle.close();
    expect(readFileSync(file, 'utf8')).toBe(`${whole}${unfinished}\n{"eventId":"three"}\n`);
  });

  it('counts for deduplication', async () => {
    const file = fileOf(whole, unfinished);
    const result = await appendEvent(file, { eventId: 'two' });
    const end = whole.length + unfinished.length;
    expect(result).toEqual({ offset: whole.length, next: end, eventId: 'two', duplicate: true });
    // Nothing had to be written, so nothing was.
    expect(readFileSync(file, 'utf8')).toBe(whole + unfinished);
  });
});

describe('C3: a complete line is never changed', () => {
  const lines = Buffer.concat([
    Buffer.from('\ufeff{"eventId":"bom"}\r\n\n{"eventId":"crlf"}\r\n'),
    Buffer.from([0x7b, 0xff, 0xfe, 0x0a]),
    Buffer.alloc(100),
    Buffer.from('\nno JSON\n[1,2]\n   \n{ "spaces" : "kept" }\n'),
  ]);

  it('whatever is in it', async () => {
    const file = fileOf(lines);
    const chronicle = await openChronicle(file, { onCorrupt: 'skip' });
    await chronicle.append({ eventId: 'crlf' });
    await chronicle.append({ eventId: 'next' });
    await chronicle.close();
    expect(readFileSync(file, 'latin1')).toBe(`${lines.toString('latin1')}{"eventId":"next"}\n`);
  });

  it('also where several processes append', async () => {
    const file = fileOf(whole.repeat(2000));
    const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file)));
    await Promise.all(processes.map((process, index) => process.flood(`${index}`, 4, 10, [10, 1000])));
    expect(readFileSync(file, 'utf8').startsWith(whole.repeat(2000))).toBe(true);
    expect(eventsOf(file)).toHaveLength(2000 + 120);
  });
});

describe('C3: a torn tail of megabytes', () => {
  it.each([
    ['of a long event', 'x'],
    ['of NUL bytes', '\0'],
  ])('%s is closed like any other', async (_, fill) => {
    const tail = fill.repeat(3_000_000);
    const file = fileOf(whole, tail);
    const chronicle = await openChronicle(file, { onCorrupt: 'skip' });
    expect(await chronicle.append({ eventId: 'one' })).toMatchObject({ offset: 0, duplicate: true });
    expect(await chronicle.append({ eventId: 'two' })).toMatchObject({
      offset: whole.length + tail.length + 1,
    });
    await chronicle.close();
  });
});
