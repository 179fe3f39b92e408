/**
 * Canonical JSON against another implementation of RFC 8785 (the package canonicalize, given the object, or
 * what JSON.parse makes of the text) and against the examples of the RFC; and the ids of events that are not
 * plain data.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { appendEventWithId, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../dist/lib/event/canonical-json.js';
import { hasHalfPairs, lineEndsEscaped } from '../../dist/lib/event/characters.js';
import { idOfPlain } from '../../dist/lib/event/event-id.js';
import { lineOfEvent } from '../../dist/lib/event/event-line.js';
import { temporaryDirectory } from '../support/files.js';
import { anyCharacter } from '../support/fuzz.js';

/** What the other implementation says: the canonical form, or that there is none. */
function outcome(make: () => string | undefined): string | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** False in Node 24 and 26: https://github.com/nodejs/node/issues/63785. */
const parsesEscapedNames = (() => {
  JSON.parse('{"h":[],"\\\\":0}');
  return Object.keys(JSON.parse('{"h":1,"\\"":2}'))[1] === '"';
})();

function expectAsTheOther(text: string): void {
  expect(outcome(() => canonicalJson(text))).toBe(outcome(() => canonicalize(JSON.parse(text))));
  expectTheSameId(text);
}

/** The native code has the id of the canonical form, or leaves that to this one; how many of them it has had. */
let nativeIds = 0;
function expectTheSameId(text: string): void {
  const id = idOfPlain(text);
  if (id === undefined) return;
  nativeIds++;
  expect(id).toBe(createHash('sha256').update(canonicalJson(text)).digest('hex'));
  expect(hasHalfPairs(text)).toBe(false);
  expect(lineEndsEscaped(text)).toBe(text);
}

/** Names that sort, escape or behave in ways of their own. */
const anyName = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '!',
    '"',
    '\\',
    '/',
    '\0',
    '\n',
    '\u007f',
    '\u0080',
    '\u20ac',
    '\ufb33',
    '😀',
    '\ud800',
  ),
  fc.constantFrom(
    'a',
    'a ',
    'a!',
    'a"',
    'ab',
    'A',
    '__proto__',
    'constructor',
    'toJSON',
    'length',
    'eventId',
  ),
  fc.constantFrom('0', '1', '01', '9', '10', '-1', '1.5', '4294967294', '4294967295', '9007199254740993'),
  fc.string({ unit: anyCharacter, maxLength: 3 }),
);

const settings = {
  idKey: 'eventId',
  computeId: true,
  dedupes: false,
  maxEventBytes: 8 * 1024 * 1024,
  schema: undefined,
  chain: false,
};

describe('Canonical JSON is that of another implementation of RFC 8785', () => {
  it('for whatever JSON.stringify writes', () => {
    const anyText = fc.string({ unit: fc.oneof(fc.string({ unit: anyCharacter, maxLength: 1 }), anyName) });
    const anyObject = fc.object({
      key: anyName,
      // Others become null in JSON, which the other implementation does not do.
      values: [
        anyText,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constant(null),
      ],
      maxDepth: 4,
    });
    fc.assert(
      fc.property(anyObject, (object) => {
        const text = JSON.stringify(object);
        expect(outcome(() => canonicalJson(text))).toBe(outcome(() => canonicalize(object)));
        expectTheSameId(text);
      }),
      { numRuns: 2000 },
    );
    expect(nativeIds).toBeGreaterThan(100);
  });

  it('for JSON that JSON.rawJSON brings in: other numbers and other escapes', () => {
    const scalars = [
      '0',
      '-0',
      '1.0',
      '1e5',
      '1E400',
      '-1',
      '0.10',
      '999999999999999',
      '9999999999999999',
    ].concat(
      ['1e21', '1e+21', '123456789012345678901', '"\\u0041"', '"\\/"', '"\\u000A"', '"\\u000a"', '"\\u001f"'],
      [
        '"\\u001F"',
        '"\\ud83d\\ude00"',
        '"\\ud83d"',
        '"C:\\\\users"',
        '"\\\\\\u0041"',
        '"\\""',
        'true',
        'false',
        'null',
      ],
    );
    const name = anyName.filter((chosen) => parsesEscapedNames || !JSON.stringify(chosen).includes('\\'));
    const names = fc.uniqueArray(name, { minLength: 0, maxLength: 6 });
    const { text } = fc.letrec<{ text: string }>((tie) => ({
      text: fc.oneof(
        { depthSize: 'medium', withCrossShrink: true },
        fc.constantFrom(...scalars),
        fc.array(tie('text')).map((elements) => `[${elements.join(',')}]`),
        names.chain((chosen) =>
          fc
            .tuple(...chosen.map(() => tie('text')))
            .map(
              (values) => `{${chosen.map((name, i) => `${JSON.stringify(name)}:${values[i]}`).join(',')}}`,
            ),
        ),
      ),
    }));
    fc.assert(fc.property(text, expectAsTheOther), { numRuns: 2000 });
  });

  it.each([2, 100, 101, 5000])('for an object of %i members, whatever their order', (count) => {
    const names = Array.from({ length: count }, (_, i) => `n${(i * 7919) % count}-`);
    for (const order of [names, [...names].sort(), [...names].sort().reverse()]) {
      expectAsTheOther(JSON.stringify(Object.fromEntries(order.map((name, i) => [name, { i, a: name }]))));
    }
  });

  it('where a string is full of quotes and backslashes', () => {
    for (const text of [
      '\\"'.repeat(5),
      '"'.repeat(5),
      '\\'.repeat(6),
      `${'\\'.repeat(7)}"}`,
      '{"a":1}',
      ',"b":',
    ]) {
      const object = { z: text, [text]: text, a: [text, { z: 1, a: text }] };
      expect(canonicalJson(JSON.stringify(object))).toBe(canonicalize(object));
    }
  });
});

it('Canonical JSON has the names of the text, also where JSON.parse takes one for another', () => {
  // Each with a first name that was in no object before, or JSON.parse is right.
  const lure = (first: string) => JSON.parse(`{"${first}":[],"\\\\":0}`);
  const wide = Array.from({ length: 150 }, (_, i) => `,"m${150 - i}":1`).join('');
  lure('z1');
  expect(canonicalJson('{"z1":1,"\\"":2}')).toBe('{"\\"":2,"z1":1}');
  lure('z2');
  expect(canonicalJson(`{"a":{"z2":1,"\\n":2}${wide}}`)).toContain('"a":{"\\n":2,"z2":1}');
  lure('z3');
  expect(canonicalJson('{"z3":1,"\\"":"\\u0041"}')).toBe('{"\\"":"A","z3":1}');
  lure('z4');
  expect(() => canonicalJson('{"z4":1,"\\ud800":2}')).toThrow(/lone surrogate/i);
});

describe('RFC 8785, appendix B: numbers', () => {
  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('%s is %s', (bits, expected) => {
    const number = Buffer.from(bits, 'hex').readDoubleBE();
    expect(canonicalJson(JSON.stringify({ z: number, a: number }))).toBe(`{"a":${expected},"z":${expected}}`);
  });
});

it('RFC 8785, 3.2.3: names are sorted by UTF-16 code unit', () => {
  const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
  expect(canonicalJson(JSON.stringify(names))).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
});

/** The id that anybody computes from the line. */
function idOfLine(line: string): string {
  const { eventId: _, ...rest } = JSON.parse(line) as { eventId: string };
  return createHash('sha256')
    .update(canonicalize(rest) ?? '')
    .digest('hex');
}

let reads = 0;
class Point {
  readonly y = 1;
  readonly #secret = 2;
  get x(): number {
    return this.#secret;
  }
}

const oddEvents: [string, object][] = [
  [
    'a getter that says something else each time',
    {
      get z(): number {
        return reads++;
      },
      get a(): { b: number } {
        return { b: reads++ };
      },
    },
  ],
  [
    'a proxy that says something else each time',
    new Proxy({ z: 0, a: 0 }, { get: (_, name) => (name === 'toJSON' ? undefined : reads++) }),
  ],
  ['an instance of a class, whose accessor is on the prototype', new Point()],
  ['no prototype', Object.assign(Object.create(null) as object, { z: 1, a: 2 })],
  ['inherited properties', Object.assign(Object.create({ inherited: 1 }) as object, { z: 1, a: 2 })],
  ['a property named __proto__', JSON.parse('{"z":1,"__proto__":{"z":1,"a":2},"a":3}') as object],
  ['dates, maps, sets and expressions', { z: new Date(0), m: new Map([[1, 2]]), s: new Set([1]), a: /x/ }],
  ['boxed primitives', { z: new Number(-0), s: new String('"'), a: new Boolean(false) }],
  [
    'a sparse array, and what JSON has no form for',
    { z: Object.assign(new Array(6), { 1: 1, 2: undefined, 3: () => 1, 4: Symbol('s') }), a: Number.NaN },
  ],
  [
    'undefined, functions and symbols as values',
    { z: undefined, f: () => 1, s: Symbol('s'), [Symbol('k')]: 1, a: 1 },
  ],
  [
    'numbers at the edges',
    { z: -0, y: 1e21, x: 1e-7, w: 123456789012345680000, v: 0.1 + 0.2, u: 999999999999999 },
  ],
  ['toJSON at every level', { z: { toJSON: () => ({ b: 1, a: new Date(0) }) }, toJSON: undefined, a: 1 }],
  ['toJSON on an array', { z: Object.assign([1], { toJSON: () => ({ z: 1, a: 2 }) }) }],
  ['names like integers', { b: 1, 10: 1, 9: { 2: 1, 10: 1, '-1': 1 }, 1: [{ 3: 1, 20: 1 }] }],
  ['an id deeper down', { z: { eventId: 'x' }, a: [{ eventId: 'y' }] }],
  ['a string that looks like an id', { z: '"eventId":"x"', a: '{"eventId":"x"}', '"eventId":': 1 }],
];

describe('The id is that of the line that is written, for an event with', () => {
  it.each(oddEvents)('%s', async (_, event) => {
    const file = join(temporaryDirectory(), 'chronicle');
    // With it, what JSON cannot tell apart is refused: told-apart.test.ts.
    const { eventId } = await appendEventWithId(file, event, { dedupe: false });
    const line = readFileSync(file, 'utf8');
    expect(eventId).toBe(idOfLine(line));
    expect(JSON.parse(line)).toHaveProperty('eventId', eventId);
  });

  it.skipIf(!('rawJSON' in JSON))('raw JSON', async () => {
    const raw = (JSON as unknown as { rawJSON(text: string): object }).rawJSON;
    const file = join(temporaryDirectory(), 'chronicle');
    const { eventId } = await appendEventWithId(file, { z: raw('1.0'), b: raw('"\\u0041"'), a: raw('-0') });
    expect(readFileSync(file, 'utf8')).toBe(`{"z":1.0,"b":"\\u0041","a":-0,"eventId":"${eventId}"}\n`);
    expect(eventId).toBe(idOfLine(readFileSync(file, 'utf8')));
    for (const computeId of [true, false]) {
      const { text } = lineOfEvent({ a: raw('"\ud800"') }, 'event', { ...settings, computeId });
      expect(JSON.parse(text)).toMatchObject({ a: '\ufffd' });
    }
  });
});

describe('An event that has no canonical JSON is EVALIDATION, and nothing is written', () => {
  it.each<[string, object]>([['nesting deeper than the stack', nested(1_000_000)]])(
    '%s',
    async (_, event) => {
      const file = join(temporaryDirectory(), 'chronicle');
      const chronicle = await openChronicle<object>(file);
      await expect(chronicle.append(event)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event' });
      await chronicle.close();
      expect(readFileSync(file, 'utf8')).toBe('');
    },
  );

  it.each([100, 1000, 2000, 3000, 4000, 6000, 8000, 12_000])('or has its id, nested %i deep', (depth) => {
    let line: string;
    try {
      line = lineOfEvent(nested(depth), 'event', settings).text;
    } catch (error) {
      expect(error).toMatchObject({ code: 'EVALIDATION', field: 'event' });
      expect(depth).toBeGreaterThan(1000);
      return;
    }
    // Each level is out of order, so that the innermost came first.
    const end = `,"z":0}`.repeat(depth);
    const canonical = `${'{"a":'.repeat(depth)}null${end}`;
    expect(line.slice(0, -1)).toMatch(`"eventId":"${createHash('sha256').update(canonical).digest('hex')}"`);
  });
});

function nested(depth: number): object {
  let event: object | null = null;
  for (let i = 0; i < depth; i++) event = { z: 0, a: event };
  return event ?? {};
}
