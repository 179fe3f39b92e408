/**
 * Schemas: what they refuse is not appended, and is damage where it stands in a file; what they take is left
 * as it is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendEvent,
  type ChronicleOptions,
  type CorruptLine,
  type JsonObject,
  openChronicle,
  readChronicle,
  repairChronicle,
  type Schema,
  type SchemaResult,
  tailChronicle,
} from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { temporaryDirectory } from '../support/files.js';
import { toArray } from '../support/iterate.js';

const order = z.object({
  type: z.literal('order'),
  number: z.number(),
  items: z.array(z.object({ name: z.string() })).optional(),
});

/** A validator that does not answer at once, but when it is told to. */
function slowSchema(): Schema<JsonObject> & { readonly answer: (() => void)[] } {
  const answer: (() => void)[] = [];
  return {
    answer,
    '~standard': {
      version: 1,
      validate: (value) =>
        new Promise<SchemaResult>((resolve) => {
          const bad = (value as JsonObject).bad === true;
          answer.push(() => resolve(bad ? { issues: [{ message: 'is bad', path: [{ key: 'bad' }] }] } : {}));
        }),
    },
  };
}

function newFile(content?: string): string {
  const file = join(temporaryDirectory(), 'chronicle');
  if (content !== undefined) writeFileSync(file, content);
  return file;
}

async function opened(file: string, options: ChronicleOptions) {
  const chronicle = await openChronicle(file, options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}

describe('on append', () => {
  it('an event that the schema refuses is EVALIDATION with the path of the field, and nothing is written', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file, { schema: order });
    onTestFinished(() => chronicle.close());
    const bad = { type: 'order', number: '17' } as unknown as z.input<typeof order>;
    await expect(chronicle.append(bad)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event.number' });
    const good = { type: 'order' as const, number: 17 };
    const deep = { ...good, items: [{ name: 'a' }, { name: 2 as unknown as string }] };
    await expect(chronicle.appendMany([good, deep])).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'events[1].items[1].name',
    });
    expect(() => chronicle.appendSync(bad)).toThrow(/event\.number/);
    expect(readFileSync(file, 'utf8')).toBe('');
    await chronicle.append(good);
    chronicle.appendSync({ ...good, number: 18 });
    expect((await chronicle.toArray()).map(({ event }) => event.number)).toEqual([17, 18]);
  });

  it('the functions check it too, and make no file for what is refused', async () => {
    const file = newFile();
    await expect(appendEvent(file, { type: 'no order' }, { schema: order })).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'event.type',
    });
    expect(existsSync(file)).toBe(false);
    await appendEvent(file, { type: 'order', number: 1 }, { schema: order });
    const slow = slowSchema();
    const appending = appendEvent(file, { bad: true }, { schema: slow });
    for (const answer of slow.answer) answer();
    await expect(appending).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event.bad' });
    expect(await readChronicle(file, { schema: order })).toMatchObject([{ number: 1 }]);
  });

  it('what is written is the event, not what the schema makes of it', async () => {
    const chronicle = await opened(newFile(), { schema: z.object({ number: z.number().transform(String) }) });
    await chronicle.append({ number: 1, more: 'kept' });
    const [entry] = await chronicle.toArray();
    expect(entry?.event).toEqual({ number: 1, more: 'kept', eventId: expect.any(String) });
  });

  it('it is seen as it will stand in the file, with its id', async () => {
    const seen: unknown[] = [];
    const schema: Schema = {
      '~standard': {
        version: 1,
        validate: (value) => {
          seen.push(value);
          return {};
        },
      },
    };
    const chronicle = await opened(newFile(), { schema });
    const { eventId } = await chronicle.append({ at: new Date(0), missing: undefined });
    expect(seen).toEqual([{ at: '1970-01-01T00:00:00.000Z', eventId }]);
  });

  it('a validator that answers later is waited for; events keep the order of their calls', async () => {
    const schema = slowSchema();
    const chronicle = await opened(newFile(), { schema });
    const appends = [{ n: 1 }, { n: 2, bad: true }, { n: 3 }].map((event) => chronicle.append(event));
    let flushed = false;
    const flushing = chronicle.flush().then(() => {
      flushed = true;
    });
    const settled = Promise.allSettled(appends);
    for (const answer of [...schema.answer].reverse()) {
      expect(flushed).toBe(false);
      answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(appends[1]).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event.bad' });
    await flushing;
    const lines = readFileSync(chronicle.path, 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).n)).toEqual([1, 3]);
  });

  it('close() waits for it, and refuses what comes later', async () => {
    const schema = slowSchema();
    const chronicle = await openChronicle(newFile(), { schema });
    const appending = chronicle.append({ n: 1 });
    const closing = chronicle.close();
    await expect(chronicle.append({ n: 2 })).rejects.toMatchObject({ code: 'ECLOSED' });
    for (const answer of schema.answer) answer();
    await closing;
    expect((await appending).offset).toBe(0);
  });

  it('appendSync cannot wait for it: EVALIDATION', async () => {
    const chronicle = await opened(newFile(), { schema: slowSchema() });
    expect(() => chronicle.appendSync({ n: 1 })).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'schema' }),
    );
    expect(readFileSync(chronicle.path, 'utf8')).toBe('');
  });
});

describe('on reading', () => {
  const content = [
    '{"type":"order","number":1}',
    '{"type":"order","number":"2"}',
    'no JSON',
    '{"type":"order","number":3}',
    '{"type":"other"}',
  ].map((line) => `${line}\n`);
  const damage = [
    { offset: 28, length: 30, reason: 'schema' },
    { offset: 58, length: 8, reason: 'json' },
    { offset: 94, length: 17, reason: 'schema' },
  ];

  it.each([false, true])(
    'an event that the schema refuses is damage, in its place (reverse: %s)',
    async (reverse) => {
      const reported: CorruptLine[] = [];
      const onCorrupt = (line: CorruptLine) => reported.push(line);
      const chronicle = await opened(newFile(content.join('')), { schema: order, onCorrupt });
      const inOrder = <T>(values: T[]) => (reverse ? [...values].reverse() : values);
      expect((await chronicle.toArray({ reverse })).map(({ event }) => event.number)).toEqual(
        inOrder([1, 3]),
      );
      expect(reported.splice(0)).toMatchObject(inOrder(damage));
      // Also where lines need not be parsed for what is looked for.
      expect(await toArray(chronicle.read({ reverse, where: { type: 'none' } }))).toEqual([]);
      expect(reported).toMatchObject(inOrder(damage));
    },
  );

  it("'throw' throws it, after the events before it; tail and find see what the schema takes", async () => {
    const file = newFile(content.join(''));
    const chronicle = await opened(file, { schema: order, onCorrupt: 'throw' });
    const seen: unknown[] = [];
    const reading = async () => {
      for await (const { event } of chronicle.read()) seen.push(event.number);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'EIO', cause: { reason: 'schema', offset: 28 } });
    expect(seen).toEqual([1]);
    expect(await tailChronicle(file, 1, { schema: order, onCorrupt: 'skip' })).toMatchObject([{ number: 3 }]);
  });

  it('follow reports it likewise', async () => {
    const reported: CorruptLine[] = [];
    const onCorrupt = (line: CorruptLine) => reported.push(line);
    const chronicle = await opened(newFile(content.join('')), { schema: order, onCorrupt });
    const following = chronicle.follow();
    expect((await following.next()).value?.event.number).toBe(1);
    expect((await following.next()).value?.event.number).toBe(3);
    await following.return();
    expect(reported).toMatchObject(damage.slice(0, 2));
  });

  it('a validator that answers later is waited for', async () => {
    const schema: Schema = {
      '~standard': {
        version: 1,
        validate: async (value) => order['~standard'].validate(value) as SchemaResult,
      },
    };
    const file = newFile(content.join(''));
    expect(await readChronicle(file, { schema, onCorrupt: 'skip' })).toMatchObject([
      { number: 1 },
      { number: 3 },
    ]);
  });
});

it('EVALIDATION for what is no schema', async () => {
  for (const schema of [
    null,
    7,
    {},
    { '~standard': {} },
    { '~standard': { version: 2, validate: () => ({}) } },
  ]) {
    const options = { schema } as unknown as ChronicleOptions;
    await expect(openChronicle(newFile(), options)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'schema',
    });
  }
});

describe('with a chain', () => {
  const strict = z.strictObject({ eventId: z.string(), number: z.number() });

  async function chained(): Promise<string> {
    const file = newFile();
    await using chronicle = await openChronicle(file, { chain: true, schema: strict });
    for (const number of [1, 2, 3]) await chronicle.append({ eventId: `${number}`, number });
    return file;
  }

  async function read(file: string, reverse = false) {
    const corrupt: CorruptLine[] = [];
    const onCorrupt = (line: CorruptLine) => void corrupt.push(line);
    const chronicle = await opened(file, { chain: true, schema: strict, onCorrupt });
    const entries = await toArray(chronicle.read({ reverse }));
    return { numbers: entries.map(({ event }) => event.number), corrupt };
  }

  it('is asked about events without their links', async () => {
    const file = await chained();
    expect(await read(file)).toEqual({ numbers: [1, 2, 3], corrupt: [] });
    expect(await readChronicle(file, { schema: strict })).toHaveLength(3);
  });

  it.each([false, true])('takes the beginning of a new chain for no damage, reverse: %s', async (reverse) => {
    const file = await chained();
    writeFileSync(file, readFileSync(file, 'utf8').replace('"number":3', '"number":4'));
    await repairChronicle(file);
    expect(readFileSync(file, 'utf8')).toContain('{"chainRestart":');
    await using chronicle = await openChronicle(file, { chain: true, schema: strict });
    await chronicle.append({ eventId: '5', number: 5 });
    const numbers = [1, 2, 4, 5];
    expect(await read(file, reverse)).toEqual({
      numbers: reverse ? numbers.toReversed() : numbers,
      corrupt: [],
    });
    expect(await tailChronicle(file, 2, { schema: strict, onCorrupt: 'throw' })).toHaveLength(2);
  });

  it('calls damage what only looks like the beginning of one', async () => {
    const file = await chained();
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"chainRestart":{}}\n{"number":1,"chainRestart":{}}\n`);
    const corrupt: CorruptLine[] = [];
    await readChronicle(file, { schema: strict, onCorrupt: (line) => void corrupt.push(line) });
    expect(corrupt.map(({ reason }) => reason)).toEqual(['schema', 'schema']);
  });
});
