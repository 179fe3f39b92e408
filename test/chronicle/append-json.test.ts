/**
 * Events that are JSON already: their text is kept, and they get the ids that the same events get as objects.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { type Chronicle, type ChronicleOptions, openChronicle } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { memory, temporaryDirectory } from '../support/files.js';
import { seeded } from '../support/fuzz.js';

async function newChronicle(options?: ChronicleOptions): Promise<Chronicle> {
  const chronicle = await openChronicle(join(temporaryDirectory(memory), 'chronicle'), options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}

function textOf({ path }: Chronicle): string {
  return readFileSync(path, 'utf8');
}

function idOf(event: object): string {
  return createHash('sha256')
    .update(canonicalize(event) as string)
    .digest('hex');
}

describe('appendJson', () => {
  it('keeps the text, and adds the id of the same event as an object', async () => {
    const chronicle = await newChronicle();
    const texts = [
      '{"b":1,"a":2.50}',
      '{ "b" : 1e3, "a" : [ "\\u0041", 1.0 ] }',
      '{}',
      '{ }',
      '{"a":{"a":1} }',
    ];
    for (const text of texts) {
      const id = idOf(JSON.parse(text));
      const duplicate = text === '{ }';
      expect(await chronicle.appendJson(text)).toMatchObject({ eventId: id, duplicate });
      const rest = Object.keys(JSON.parse(text)).length === 0 ? '' : ',';
      if (!duplicate) expect(textOf(chronicle)).toContain(`${text.slice(0, -1)}${rest}"eventId":"${id}"}\n`);
    }
    expect((await chronicle.toArray()).map(({ event: { eventId: _, ...event } }) => event)).toEqual(
      texts.filter((text) => text !== '{ }').map((text) => JSON.parse(text)),
    );
  });

  it('is the duplicate of the same event as an object, and the other way round', async () => {
    const chronicle = await newChronicle();
    await chronicle.append({ b: 'ü', a: [1, null], __proto__: null, 10: 'x', 9: 'y' });
    expect(await chronicle.appendJson('{"a" : [1, null], "b": "\\u00fc", "10":"x","9":"y"}')).toMatchObject({
      duplicate: true,
      offset: 0,
    });
    await chronicle.appendJson('{"c":1}');
    expect(await chronicle.append({ c: 1 })).toMatchObject({ duplicate: true });
  });

  it('keeps numbers with all their digits if the event carries an id', async () => {
    const chronicle = await newChronicle();
    const text =
      '{"eventId":"a","n":12345678901234567890,"x":0.1000000000000000055511151231257827,"y":1e400}';
    expect(await chronicle.appendJson(text)).toMatchObject({ eventId: 'a', duplicate: false });
    expect(textOf(chronicle)).toBe(`${text}\n`);
  });

  it.each([
    ['9007199254740993'],
    ['0.10000000000000000001'],
    ['1e400'],
    ['1e-400'],
    ['-1.00000000000000000001'],
    [`1${'0'.repeat(400)}`],
  ])(
    'refuses %s if the id has to be computed: two events that differ would get one id (C5)',
    async (number) => {
      const chronicle = await newChronicle();
      await expect(chronicle.appendJson(`{"n":${number}}`)).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'json',
      });
      expect(textOf(chronicle)).toBe('');
    },
  );

  it.each([['9007199254740993'], ['0.10000000000000000001'], ['-1.00000000000000000001']])(
    'but takes %s where nothing is deduplicated',
    async (number) => {
      const chronicle = await newChronicle({ dedupe: false });
      for (let times = 0; times < 2; times++) await chronicle.appendJson(`{"n":${number}}`);
      expect(textOf(chronicle).split(`{"n":${number},"eventId":"`)).toHaveLength(3);
    },
  );

  it.each([
    ['1.0', '1'],
    ['-0.0', '0'],
    ['10e-1', '1'],
    ['1E+2', '100'],
    ['0.0000001', '1e-7'],
    ['100000000000000000000000', '1e23'],
    [`1${'0'.repeat(300)}`, '1e300'],
    ['0e999', '0'],
    ['1.50e1', '15'],
  ])('takes %s, whose value a double holds, for %s', async (number, same) => {
    const chronicle = await newChronicle();
    const { eventId } = await chronicle.appendJson(`{"n":${number}}`);
    expect(eventId).toBe(idOf(JSON.parse(`{"n":${same}}`)));
    expect(textOf(chronicle)).toContain(`{"n":${number},`);
  });

  it('takes line breaks and the white space around out, and writes one line', async () => {
    const chronicle = await newChronicle();
    const event = { a: [1, { b: 'x  \\n y' }], c: null };
    const pretty = ` \r\n${JSON.stringify(event, null, 2).replaceAll('\n', '\r\n')}\n\t`;
    const { eventId } = await chronicle.appendJson(pretty);
    expect(eventId).toBe(idOf(event));
    expect(textOf(chronicle).split('\n')).toHaveLength(2);
    expect(textOf(chronicle)).not.toContain('\r');
    expect((await chronicle.toArray())[0]?.event).toEqual({ ...event, eventId });
  });

  it('takes the last of a name that is there twice, as JSON.parse does', async () => {
    const chronicle = await newChronicle();
    const text = '{"b":1,"a":1,"\\u0061":2,"b":0}';
    expect(await chronicle.appendJson(text)).toMatchObject({ eventId: idOf({ a: 2, b: 0 }) });
    const many = `{${Array.from({ length: 300 }, (_, n) => `"k${n % 150}":${n}`).join(',')}}`;
    expect(await chronicle.appendJson(many)).toMatchObject({ eventId: idOf(JSON.parse(many)) });
    const carried = '{"eventId":"one","eventId":"two"}';
    expect(await chronicle.appendJson(carried)).toMatchObject({ eventId: 'two', duplicate: false });
    expect(await chronicle.append({ eventId: 'two' })).toMatchObject({ duplicate: true });
    expect(await chronicle.append({ eventId: 'one' })).toMatchObject({ duplicate: false });
    expect(textOf(chronicle)).toContain(`${carried}\n`);
  });

  it('keeps an id however its JSON is written', async () => {
    const chronicle = await newChronicle();
    const text = '{ "\\u0065ventId" : "a\\u0062" }';
    expect(await chronicle.appendJson(text)).toMatchObject({ eventId: 'ab' });
    expect(textOf(chronicle)).toBe(`${text}\n`);
    expect(await chronicle.append({ eventId: 'ab' })).toMatchObject({ duplicate: true, offset: 0 });
  });

  it('writes no id with computeId: false', async () => {
    const chronicle = await newChronicle({ computeId: false });
    expect(await chronicle.appendJson('{"n":9007199254740993}')).toMatchObject({ eventId: undefined });
    expect(textOf(chronicle)).toBe('{"n":9007199254740993}\n');
  });

  it.each([
    ['no string', { a: 1 }, 'json'],
    ['a Buffer', Buffer.from('{}'), 'json'],
    ['nothing', '', 'json'],
    ['no JSON', '{"a":1', 'json'],
    ['two events', '{"a":1}\n{"a":2}', 'json'],
    ['a line break in a string', '{"a":"x\ny"}', 'json'],
    ['a byte order mark', '\ufeff{}', 'json'],
    ['an array', '[1]', 'json'],
    ['a string', '"a"', 'json'],
    ['null', 'null', 'json'],
    ['an id with a lone surrogate', '{"eventId":"\ud800"}', 'json.eventId'],
    ['an id with an escaped lone surrogate', '{"eventId":"\\ud800"}', 'json.eventId'],
    ['an id that is no string', '{"eventId":7}', 'json.eventId'],
    ['an empty id', '{"eventId":""}', 'json.eventId'],
    ['more than maxLineBytes', `{"eventId":"a","b":"${'x'.repeat(1000)}"}`, 'json'],
    ['more than maxLineBytes with its id', `{"b":"${'x'.repeat(180)}"}`, 'json'],
    ['what is nested too deep for an id', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'json'],
  ])('EVALIDATION, and nothing is written: %s', async (_, json, field) => {
    const chronicle = await newChronicle({ maxLineBytes: String(json).length > 100_000 ? 1e6 : 250 });
    const error = await chronicle.appendJson(json as string).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'EVALIDATION', field });
    expect(error.message).not.toContain('xxx');
    expect(textOf(chronicle)).toBe('');
  });

  it('asks the schema, with the id', async () => {
    const schema = z.object({ n: z.number(), eventId: z.string() });
    const chronicle = await newChronicle({ schema });
    await chronicle.appendJson('{"n":1.0}');
    await expect(chronicle.appendJson('{"n":"1"}')).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'json.n',
    });
    expect(textOf(chronicle)).toMatch(/^\{"n":1\.0,"eventId":"[0-9a-f]{64}"\}\n$/);
  });

  it('takes ifEnd', async () => {
    const chronicle = await newChronicle();
    await chronicle.appendJson('{"eventId":"a"}', { ifEnd: 0 });
    await expect(chronicle.appendJson('{"eventId":"b"}', { ifEnd: 0 })).rejects.toMatchObject({
      code: 'ECONFLICT',
      end: 16,
    });
  });

  it('gets the ids of objects, whatever they hold', async () => {
    const chronicle = await newChronicle({ dedupe: { window: 1_000_000 } });
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.jsonValue()).filter((event) => !Object.hasOwn(event, 'eventId')),
        fc.nat(4),
        async (event, spaces) => {
          const text = JSON.stringify(event, null, spaces);
          const { eventId } = await chronicle.append(JSON.parse(text));
          expect(await chronicle.appendJson(text)).toMatchObject({ eventId, duplicate: true });
        },
      ),
      seeded('append-json', 300),
    );
  });
});

describe('appendManyJson', () => {
  it('appends all of them next to each other, or none', async () => {
    const chronicle = await newChronicle();
    const results = await chronicle.appendManyJson(['{"eventId":"a","n":1.0}', '{"eventId":"b"}']);
    expect(results).toMatchObject([{ eventId: 'a' }, { eventId: 'b' }]);
    expect(textOf(chronicle)).toBe('{"eventId":"a","n":1.0}\n{"eventId":"b"}\n');
    await expect(chronicle.appendManyJson(['{"eventId":"c"}', 'x'])).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'jsons[1]',
    });
    await expect(chronicle.appendManyJson('{}' as never)).rejects.toMatchObject({ field: 'jsons' });
    expect(await chronicle.appendManyJson([])).toEqual([]);
    expect(await chronicle.toArray()).toHaveLength(2);
  });
});
