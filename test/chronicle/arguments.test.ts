/**
 * Events, ids and options that are wrong: each call rejects with EVALIDATION, names the field, and writes
 * nothing. What is only odd is taken.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  appendEvent,
  appendEventWithId,
  type ChronicleOptions,
  openChronicle,
  readChronicle,
  tailChronicle,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { toArray } from '../support/iterate.js';
import { eventsOf } from '../support/lines.js';

const before = '{"eventId":"before"}\n';

/** Both in a directory of their own: the one is not there, the other holds one line. */
function files(): { missing: string; existing: string } {
  const existing = join(temporaryDirectory(), 'chronicle');
  writeFileSync(existing, before);
  return { missing: join(temporaryDirectory(), 'directory/chronicle'), existing };
}

function expectUntouched({ missing, existing }: { missing: string; existing: string }): void {
  expect(existsSync(dirname(missing))).toBe(false);
  expect(readFileSync(existing, 'utf8')).toBe(before);
}

const invalid = (field: string) => ({ name: 'HoldfastError', code: 'EVALIDATION', field });

const circular: Record<string, unknown> = {};
circular.self = { circular };

const badEvents: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['an array', [{ number: 1 }]],
  ['a string', '{"number":1}'],
  ['a number', 7],
  ['a boolean', true],
  ['a symbol', Symbol('event')],
  ['a function', () => ({ number: 1 })],
  ['circular', circular],
  ['with a BigInt', { nested: [{ big: 1n }] }],
  [
    'with a getter that throws',
    {
      get number(): number {
        throw new Error('from the getter');
      },
    },
  ],
  [
    'with a toJSON that throws',
    {
      toJSON: () => {
        throw new Error('from toJSON');
      },
    },
  ],
  ['with a toJSON that returns a string', { toJSON: () => 'text' }],
  ['with a toJSON that returns an array', { toJSON: () => [1] }],
  ['with a toJSON that returns null', { toJSON: () => null }],
  ['with a toJSON that returns nothing', { toJSON: () => undefined }],
  ['a Date', new Date(0)],
  ['with two names that are one in Unicode', { 'a\udc00': 1, 'a\udc01': 2 }],
  ['a proxy that was revoked', revoked()],
];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const badIds: [string, unknown][] = [
  ['a number', 17],
  ['empty', ''],
  ['null', null],
  ['an object', { id: 'x' }],
  ['false', false],
  ['with half a surrogate pair, which would become that of another', 'a\ud83d'],
];

describe('an event that is wrong is refused and nothing is written', () => {
  it.each(badEvents)('%s', async (_, event) => {
    const paths = files();
    for (const path of [paths.missing, paths.existing]) {
      await expect(appendEvent(path, event as object)).rejects.toMatchObject(invalid('event'));
      await expect(appendEventWithId(path, event as object)).rejects.toMatchObject(invalid('event'));
    }
    const chronicle = await openChronicle(paths.existing);
    await expect(chronicle.append(event as never)).rejects.toMatchObject(invalid('event'));
    await expect(chronicle.appendMany([{ number: 1 }, event as never])).rejects.toMatchObject(
      invalid('events[1]'),
    );
    await chronicle.close();
    expectUntouched(paths);
  });

  it.each(badIds)('an id that is %s', async (_, eventId) => {
    const paths = files();
    const event = { number: 1, eventId };
    for (const path of [paths.missing, paths.existing]) {
      await expect(appendEvent(path, event)).rejects.toMatchObject(invalid('event.eventId'));
      await expect(appendEvent(path, event, { computeId: false })).rejects.toMatchObject(
        invalid('event.eventId'),
      );
    }
    const chronicle = await openChronicle(paths.existing, { idKey: 'eventId' });
    await expect(chronicle.append(event)).rejects.toMatchObject(invalid('event.eventId'));
    await chronicle.close();
    expectUntouched(paths);
  });

  it('among others of the same turn, which are written', async () => {
    const { existing } = files();
    const chronicle = await openChronicle(existing);
    const results = await Promise.allSettled([
      chronicle.append({ eventId: 'one' }),
      chronicle.append({ big: 1n }),
      chronicle.append({ eventId: 'two' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await chronicle.close();
    expect(eventsOf(existing).map(({ eventId }) => eventId)).toEqual(['before', 'one', 'two']);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a string', 'text'],
    ['an object', { length: 0 }],
  ])('appendMany of %s', async (_, events) => {
    const paths = files();
    const chronicle = await openChronicle(paths.existing);
    await expect(chronicle.appendMany(events as never)).rejects.toMatchObject(invalid('events'));
    await chronicle.close();
    expectUntouched(paths);
  });

  it('appendMany of an iterable that throws', async () => {
    const paths = files();
    const chronicle = await openChronicle(paths.existing);
    function* events() {
      yield { number: 1 };
      throw new Error('from the iterable');
    }
    await expect(chronicle.appendMany(events())).rejects.toThrow('from the iterable');
    await chronicle.close();
    expectUntouched(paths);
  });
});

describe('an event that is longer than maxLineBytes is refused', () => {
  const maxLineBytes = 60;
  // Bytes count, not characters: each of these is 28 characters shorter than its line is in bytes.
  const eventOf = (bytes: number) => ({ eventId: 'x', text: `${'ü'.repeat(14)}${'y'.repeat(bytes - 53)}` });

  it('one byte too long', async () => {
    const paths = files();
    expect(Buffer.byteLength(JSON.stringify(eventOf(61)))).toBe(61);
    for (const path of [paths.missing, paths.existing]) {
      await expect(appendEvent(path, eventOf(61), { maxLineBytes })).rejects.toMatchObject(invalid('event'));
    }
    expectUntouched(paths);
  });

  it('as long as allowed: written, and taken by a reader with the same limit', async () => {
    const { missing } = files();
    await appendEvent(missing, eventOf(60), { maxLineBytes });
    expect(await readChronicle(missing, { maxLineBytes, onCorrupt: 'throw' })).toEqual([eventOf(60)]);
  });

  it('too long only with the id that it would get', async () => {
    const paths = files();
    for (const path of [paths.missing, paths.existing]) {
      await expect(appendEvent(path, { number: 1 }, { maxLineBytes })).rejects.toMatchObject(
        invalid('event'),
      );
    }
    expectUntouched(paths);
    await appendEvent(paths.missing, { number: 1 }, { maxLineBytes, computeId: false });
  });
});

const badReadOptions: [string, string, object][] = [
  ['an unknown onCorrupt', 'onCorrupt', { onCorrupt: 'ignore' }],
  ['onCorrupt null', 'onCorrupt', { onCorrupt: null }],
  ['onCorrupt as an object', 'onCorrupt', { onCorrupt: {} }],
  ['maxLineBytes 0', 'maxLineBytes', { maxLineBytes: 0 }],
  ['maxLineBytes too small for any object', 'maxLineBytes', { maxLineBytes: 1 }],
  ['maxLineBytes negative', 'maxLineBytes', { maxLineBytes: -100 }],
  ['maxLineBytes with a fraction', 'maxLineBytes', { maxLineBytes: 100.5 }],
  ['maxLineBytes NaN', 'maxLineBytes', { maxLineBytes: Number.NaN }],
  ['maxLineBytes infinite', 'maxLineBytes', { maxLineBytes: Number.POSITIVE_INFINITY }],
  ['maxLineBytes as text', 'maxLineBytes', { maxLineBytes: '100' }],
  ['maxLineBytes that no string holds', 'maxLineBytes', { maxLineBytes: 2 ** 29 }],
  ['maxLineBytes that a string holds in another runtime', 'maxLineBytes', { maxLineBytes: 512e6 + 1 }],
  ['maxLineBytes of any length', 'maxLineBytes', { maxLineBytes: Number.MAX_SAFE_INTEGER }],
];

const badOptions: [string, string, object][] = [
  ...badReadOptions,
  ['lockTimeout negative', 'lockTimeout', { lockTimeout: -1 }],
  ['lockTimeout NaN', 'lockTimeout', { lockTimeout: Number.NaN }],
  ['lockTimeout as text', 'lockTimeout', { lockTimeout: '2000' }],
  ['lockTimeout null', 'lockTimeout', { lockTimeout: null }],
  ['lockTimeout as a BigInt', 'lockTimeout', { lockTimeout: 2000n }],
  ['an unknown durability', 'durability', { durability: 'fsync' }],
  ['durability true', 'durability', { durability: true }],
  ['durability as an array', 'durability', { durability: ['data'] }],
  ['idKey empty', 'idKey', { idKey: '' }],
  ['idKey as a number', 'idKey', { idKey: 7 }],
  ['idKey as a symbol', 'idKey', { idKey: Symbol('id') }],
  ['computeId as text', 'computeId', { computeId: 'no' }],
  ['computeId 0', 'computeId', { computeId: 0 }],
  ['computeId null', 'computeId', { computeId: null }],
  ['an unknown dedupe', 'dedupe', { dedupe: 'always' }],
  ['dedupe true', 'dedupe', { dedupe: true }],
  ['dedupe null', 'dedupe', { dedupe: null }],
  ['dedupe as a number', 'dedupe', { dedupe: 100 }],
  ['dedupe without window', 'dedupe', { dedupe: {} }],
  ['window 0', 'dedupe.window', { dedupe: { window: 0 } }],
  ['window negative', 'dedupe.window', { dedupe: { window: -3 } }],
  ['window with a fraction', 'dedupe.window', { dedupe: { window: 1.5 } }],
  ['window NaN', 'dedupe.window', { dedupe: { window: Number.NaN } }],
  ['window infinite', 'dedupe.window', { dedupe: { window: Number.POSITIVE_INFINITY } }],
  ['window as text', 'dedupe.window', { dedupe: { window: '3' } }],
];

describe('an option that is wrong is refused and nothing is written', () => {
  it.each(badOptions)('%s', async (_, field, options) => {
    const paths = files();
    for (const path of [paths.missing, paths.existing]) {
      await expect(openChronicle(path, options as ChronicleOptions)).rejects.toMatchObject(invalid(field));
      await expect(appendEvent(path, { n: 1 }, options as ChronicleOptions)).rejects.toMatchObject(
        invalid(field),
      );
    }
    expectUntouched(paths);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['text', 'data'],
    ['true', true],
    ['a function', () => {}],
    ['a symbol', Symbol('options')],
  ])('options that are %s', async (_, options) => {
    const paths = files();
    for (const path of [paths.missing, paths.existing]) {
      await expect(openChronicle(path, options as never)).rejects.toMatchObject(invalid('options'));
      await expect(appendEvent(path, { n: 1 }, options as never)).rejects.toMatchObject(invalid('options'));
      await expect(appendEventWithId(path, { n: 1 }, options as never)).rejects.toMatchObject(
        invalid('options'),
      );
      await expect(readChronicle(path, options as never)).rejects.toMatchObject(invalid('options'));
      await expect(tailChronicle(path, 1, options as never)).rejects.toMatchObject(invalid('options'));
    }
    expectUntouched(paths);
  });

  it.each([-1, Number.NaN])('%d as the lock timeout of appendEvent', async (timeout) => {
    const paths = files();
    for (const path of [paths.missing, paths.existing]) {
      await expect(appendEvent(path, { n: 1 }, timeout)).rejects.toMatchObject(invalid('lockTimeout'));
      await expect(appendEventWithId(path, { n: 1 }, timeout)).rejects.toMatchObject(invalid('lockTimeout'));
    }
    expectUntouched(paths);
  });

  it.each(badReadOptions)('for readers: %s', async (_, field, options) => {
    const { missing, existing } = files();
    for (const path of [missing, existing]) {
      await expect(readChronicle(path, options)).rejects.toMatchObject(invalid(field));
      await expect(tailChronicle(path, 1, options)).rejects.toMatchObject(invalid(field));
    }
  });

  it.each<[string, string, unknown]>([
    ['from negative', 'from', { from: -1 }],
    ['from with a fraction', 'from', { from: 0.5 }],
    ['from as text', 'from', { from: '0' }],
    ['to negative', 'to', { to: -1 }],
    ['to NaN', 'to', { to: Number.NaN }],
    ['limit negative', 'limit', { limit: -1 }],
    ['limit infinite', 'limit', { limit: Number.POSITIVE_INFINITY }],
    ['reverse as text', 'reverse', { reverse: 'yes' }],
    ['a number as the range', 'options', 7],
  ])('a range of read: %s', async (_, field, range) => {
    const chronicle = await openChronicle(files().existing);
    await expect(toArray(chronicle.read(range as never))).rejects.toMatchObject(invalid(field));
    await chronicle.close();
  });

  it.each([-1, 1.5, Number.NaN, '3', null])('a tail of %s events', async (count) => {
    const { existing } = files();
    const chronicle = await openChronicle(existing);
    await expect(chronicle.tail(count as number)).rejects.toMatchObject(invalid('count'));
    await expect(tailChronicle(existing, count as number)).rejects.toMatchObject(invalid('count'));
    await chronicle.close();
  });
});

class Point {
  n = 1;
}

describe('what is only odd is taken', () => {
  it.each<[string, object, object]>([
    ['an empty event', {}, {}],
    ['undefined properties, which JSON leaves out', { a: undefined, b: 1 }, { b: 1 }],
    ['an undefined id, which is none', { eventId: undefined, b: 1 }, { b: 1 }],
    ['a toJSON that returns an object', { toJSON: () => ({ n: 1 }) }, { n: 1 }],
    ['an instance of a class', new Point(), { n: 1 }],
    ['an object without prototype', Object.assign(Object.create(null), { n: 1 }), { n: 1 }],
    ['a negative zero', { a: -0 }, { a: 0 }],
    ['newlines that JSON escapes', { text: '\n\r\v\f\x1c\0' }, { text: '\n\r\v\f\x1c\0' }],
    ['__proto__ as a property', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  ])('%s', async (_, event, written) => {
    const { missing } = files();
    const { eventId } = await appendEvent(missing, event);
    expect(eventId).toMatch(/^[0-9a-f]{64}$/);
    const [line, ...rest] = readFileSync(missing, 'utf8').split('\n');
    expect(rest).toEqual(['']);
    expect(line).toBe(JSON.stringify(Object.assign(JSON.parse(JSON.stringify(written)), { eventId })));
  });

  it('an event whose id is inherited gets one of its own', async () => {
    const { missing } = files();
    const event = Object.assign(Object.create({ eventId: 'inherited' }), { a: 1 });
    const { eventId } = await appendEvent(missing, event);
    expect(eventId).not.toBe('inherited');
    expect(eventsOf(missing)).toEqual([{ a: 1, eventId, offset: 0 }]);
  });

  it('options that are undefined are not given', async () => {
    const { missing } = files();
    const options = {
      lockTimeout: undefined,
      durability: undefined,
      idKey: undefined,
      computeId: undefined,
      dedupe: undefined,
      onCorrupt: undefined,
      maxLineBytes: undefined,
    };
    await appendEvent(missing, { number: 1 }, options as never);
    expect(eventsOf(missing)).toHaveLength(1);
  });

  it.each([0, Number.POSITIVE_INFINITY, Number.MAX_VALUE, 0.25])('a lock timeout of %d', async (timeout) => {
    const { missing } = files();
    await appendEvent(missing, { number: 1 }, timeout);
    expect(eventsOf(missing)).toHaveLength(1);
  });

  it('no events: appendMany writes nothing, and makes no empty line', async () => {
    const paths = files();
    const chronicle = await openChronicle(paths.existing);
    expect(await chronicle.appendMany([])).toEqual([]);
    await chronicle.close();
    expectUntouched(paths);
  });
});
