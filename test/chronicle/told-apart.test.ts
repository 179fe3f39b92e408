/**
 * C5: two events that differ are never one. Where JSON loses what tells values apart, and the id would be computed from
 * that JSON, the event is refused, and the path of the value is named.
 */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { appendEvent, type ChronicleOptions, openChronicle } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newFile } from '../support/chronicle-file.js';

class Custom extends Error {
  readonly status = 500;
}
class Hidden {
  readonly #value: number;
  constructor(value: number) {
    this.#value = value;
  }
  value() {
    return this.#value;
  }
}
class Table extends Map<number, number> {
  readonly name = 'table';
}
class Optional {
  a?: number | undefined;
  b: string | undefined = undefined;
  constructor() {
    this.a = undefined;
  }
}
const raw = (JSON as { rawJSON?: (text: string) => object }).rawJSON;

/** Two events of each kind that have the same JSON, and the path of what makes them differ. */
const pairs: [kind: string, make: (n: number) => object, path: string][] = [
  ['an Error', (n) => ({ e: new Error(`${n}`) }), '.e'],
  ['an Error deep inside', (n) => ({ a: [1, 2, 3, { error: new TypeError(`${n}`) }] }), '.a[3].error'],
  ['an Error with a code', (n) => ({ e: Object.assign(new Error(`${n}`), { code: 'ECONN' }) }), '.e'],
  ['an Error of a class with fields', (n) => ({ list: [new Custom(`${n}`)] }), '.list[0]'],
  ['an Error of another realm', (n) => ({ e: runInNewContext(`new RangeError('${n}')`) }), '.e'],
  ['an Error in what toJSON gives', (n) => ({ toJSON: () => ({ e: new Custom(`${n}`) }) }), '.e'],
  ['a Map', (n) => ({ 'not a name': new Map([[n, n]]) }), '["not a name"]'],
  ['a Set', (n) => ({ a: { b: new Set([n]) } }), '.a.b'],
  ['a Map of a class with fields', (n) => ({ t: new Table([[n, n]]) }), '.t'],
  ['a Set with a property', (n) => ({ a: [Object.assign(new Set([n]), { x: 1 })] }), '.a[0]'],
  ['a RegExp with a property', (n) => ({ r: Object.assign(new RegExp(`${n}`), { x: 1 }) }), '.r'],
  ['a Promise', (n) => ({ user: Promise.resolve(n) }), '.user'],
  ['a RegExp', (n) => ({ r: new RegExp(`${n}`) }), '.r'],
  ['an ArrayBuffer', (n) => ({ b: new Uint8Array([n]).buffer }), '.b'],
  ['a DataView', (n) => ({ b: new DataView(new Uint8Array([n]).buffer) }), '.b'],
  ['URL parameters', (n) => ({ q: new URLSearchParams({ n: `${n}` }) }), '.q'],
  ['an object whose fields are private', (n) => ({ h: new Hidden(n) }), '.h'],
  ['a generator', (n) => ({ g: Array.from([n]).values() }), '.g'],
  ['a boxed symbol', (n) => ({ s: Object(Symbol(`${n}`)) }), '.s'],
  ['NaN or null', (n) => ({ x: n === 0 ? Number.NaN : null }), '.x'],
  ['infinities', (n) => ({ x: [n === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY] }), '.x[0]'],
  ['a boxed NaN', (n) => ({ x: n === 0 ? Object(Number.NaN) : null }), '.x'],
  ['NaN in a typed array', (n) => ({ x: new Float64Array([n === 0 ? Number.NaN : Infinity]) }), '.x["0"]'],
  ['an invalid Date', (n) => ({ at: n === 0 ? new Date(Number.NaN) : null }), '.at'],
  ['undefined in an array', (n) => ({ x: [n === 0 ? undefined : null] }), '.x[0]'],
  ['a hole in an array', (n) => ({ x: n === 0 ? new Array(1) : [null] }), '.x[0]'],
  ['functions in an array', (n) => ({ x: [1, () => n] }), '.x[1]'],
  ['a symbol in an array', (n) => ({ x: [Symbol(`${n}`)] }), '.x[0]'],
  [
    'NaN in what the toJSON of a function gives',
    () => ({ f: Object.assign(() => 1, { toJSON: () => NaN }) }),
    '.f',
  ],
  [
    'NaN in what a Date of its own kind gives',
    () => ({ at: Object.assign(new Date(0), { toJSON: () => NaN }) }),
    '.at',
  ],
  ['what has only inherited properties', () => ({ x: Object.create({ a: 1 }) }), '.x'],
];

async function open(options?: ChronicleOptions) {
  const chronicle = await openChronicle<object>(newFile(), options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);

describe('C5: What JSON cannot tell apart is refused by its path', () => {
  it.each(pairs)('%s', async (_, make, path) => {
    const chronicle = await open();
    const refused = (field: string) => expect.objectContaining({ code: 'EVALIDATION', field: field + path });
    await expect(chronicle.append(make(0))).rejects.toEqual(refused('event'));
    expect(() => chronicle.appendSync(make(0))).toThrow(refused('event'));
    await expect(chronicle.appendMany([{ a: 1 }, make(0)])).rejects.toEqual(refused('events[1]'));
    await expect(appendEvent(chronicle.path, make(0))).rejects.toEqual(refused('event'));
    expect(readFileSync(chronicle.path, 'utf8')).toBe('');
    const error = await chronicle.append(make(0)).catch((thrown) => thrown);
    expect(error.message).toMatch(/give|await/);
  });

  it.each(pairs)(
    'but written as JSON has it with an id of its own, or without dedupe: %s',
    async (_, make) => {
      const chronicle = await open();
      for (const n of [0, 1]) {
        const { duplicate } = await chronicle.append({ event: make(n), eventId: `${n}` });
        expect(duplicate).toBe(false);
      }
      const free = await open({ dedupe: false });
      for (const n of [0, 1]) expect(await free.append(make(n))).toMatchObject({ duplicate: false });
      const plain = await open({ computeId: false });
      for (const n of [0, 1]) expect(await plain.append(make(n))).toMatchObject({ duplicate: false });
      expect(linesOf(plain.path)).toEqual([0, 1].map((n) => JSON.stringify(make(n))));
    },
  );

  it.skipIf(!raw).each([
    ['50000000014435121', '50000000014435122'],
    ['0.1000000000000000055511151231257828', '0.1000000000000000055511151231257829'],
    ['1e-400', '2e-400'],
    ['-12345678901234567890', '-12345678901234567891'],
  ])('numbers of JSON.rawJSON that no double is: %s and %s', async (...numbers) => {
    const chronicle = await open();
    for (const number of numbers) {
      await expect(chronicle.append({ n: raw?.(number) })).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'event.n',
      });
      await chronicle.append({ n: raw?.(number), eventId: number });
    }
    expect(linesOf(chronicle.path)).toEqual(numbers.map((n) => `{"n":${n},"eventId":"${n}"}`));
    const free = await open({ dedupe: false });
    for (const number of numbers) await free.append({ n: raw?.(number) });
    expect(linesOf(free.path).map((line) => line.split(',')[0])).toEqual(numbers.map((n) => `{"n":${n}`));
  });

  it.each<[string, object]>([
    ['what is empty, null or false', { a: {}, b: [], c: null, d: [null, {}], e: '', f: false, g: 0 }],
    ['undefined and functions as properties', { a: undefined, b: () => 1, c: null }],
    ['dates and buffers', { at: new Date(0), b: Buffer.from('x'), c: {} }],
    [
      'an object of a class',
      {
        a: new (class {
          x = 1;
        })(),
        b: null,
      },
    ],
    ['an object of a class of which nothing is given', { a: new Optional(), b: [new Optional()] }],
    ['what an object only inherits', { a: Object.assign(Object.create({ e: new Error('x') }), { x: 1 }) }],
    ['an object of another realm', { a: runInNewContext('({ b: {}, c: [null] })') }],
    ['an object without prototype', { a: Object.create(null), b: null }],
    ['an object whose toJSON gives null or {}', { a: { toJSON: () => null }, b: { toJSON: () => ({}) } }],
    ['an Error that says what JSON has of it', { e: Object.assign(new Error('a'), { toJSON: () => 'a' }) }],
    ['text that looks like it', { a: '{}', b: 'null', c: '{"error":{}}' }],
    ['bytes as an array', { a: new Uint8Array([1, 2]) }],
  ])('and nothing else: %s', async (_, event) => {
    const chronicle = await open();
    const { eventId } = await chronicle.append(event);
    expect(linesOf(chronicle.path)).toEqual([
      `${JSON.stringify(event).slice(0, -1)},"eventId":"${eventId}"}`,
    ]);
    expect(await chronicle.append(event)).toMatchObject({ duplicate: true });
  });
});

describe('-0 is 0', () => {
  it.each<[string, (zero: number) => object]>([
    ['a property', (n) => ({ n })],
    ['in an array', (n) => ({ a: [1, { b: [n] }] })],
    ['a boxed number', (n) => ({ n: Object(n) })],
    ['what toJSON gives', (n) => ({ x: { toJSON: () => n } })],
    ['of a typed array', (n) => ({ x: new Float64Array([n]) })],
  ])('%s: it is taken, and the event is the same one', async (_, make) => {
    const chronicle = await open();
    const { eventId } = await chronicle.append(make(-0));
    expect(await chronicle.append(make(0))).toMatchObject({ eventId, duplicate: true });
    expect(await chronicle.append(make(Number.MIN_VALUE))).toMatchObject({ duplicate: false });
    expect(linesOf(chronicle.path)[0]).toBe(
      `${JSON.stringify(make(0)).slice(0, -1)},"eventId":"${eventId}"}`,
    );
  });

  it.each(['-0', '-0.0', '-0e5', '0.000', '-0E-7'])(
    '%s as text: it is kept, and the same one',
    async (zero) => {
      const chronicle = await open();
      const { eventId } = await chronicle.appendJson(`{"n":${zero}}`);
      expect(await chronicle.append({ n: 0 })).toMatchObject({ eventId, duplicate: true });
      expect(linesOf(chronicle.path)).toEqual([`{"n":${zero},"eventId":"${eventId}"}`]);
    },
  );
});

describe('What is plainly no event is refused always', () => {
  it.each<[string, () => object]>([
    ['an Error', () => new Custom('a')],
    ['a Map', () => new Map()],
    ['a Set', () => new Set([1])],
    ['a Promise', () => Promise.resolve({})],
    ['a Date', () => new Date()],
    ['a Buffer', () => Buffer.from('{}')],
    ['bytes', () => new Uint8Array([1])],
    ['an ArrayBuffer', () => new ArrayBuffer(8)],
    ['a RegExp', () => /x/],
    ['a WeakMap', () => new WeakMap()],
    ['a boxed string', () => Object('text')],
    ['URL parameters', () => new URLSearchParams('a=1')],
    ['a Map of another realm', () => runInNewContext('new Map()')],
    ['an object whose fields are private', () => new Hidden(1)],
  ])('%s', async (_, make) => {
    for (const options of [{}, { dedupe: false }, { computeId: false }] as const) {
      const chronicle = await open(options);
      await expect(chronicle.append(make())).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event' });
      await expect(chronicle.appendMany([make()])).rejects.toMatchObject({ field: 'events[0]' });
      await chronicle.append({});
      expect(linesOf(chronicle.path)).toHaveLength(1);
    }
  });
});
