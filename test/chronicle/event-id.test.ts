/**
 * The event id: the lowercase hex SHA-256 of the RFC 8785 canonical JSON of the event as it will be written,
 * without the id itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendEventWithId, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';

// Made with Python's hashlib from the canonical JSON that stands beside each.
const computed: [string, object, string][] = [
  ['an empty event: {}', {}, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'],
  ['one property: {"a":1}', { a: 1 }, '015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862'],
  [
    'properties in another order: {"a":1,"b":2}',
    { b: 2, a: 1 },
    '43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777',
  ],
  [
    'nested: {"a":"","z":{"x":"s","y":[1,{"a":null,"b":true}]}}',
    { z: { y: [1, { b: true, a: null }], x: 's' }, a: '' },
    '2ada17b03fb27935a232b9b0a94ea6ffc64175a9aaf361358c54bf3409916be8',
  ],
  [
    'characters that are escaped, and others that are not',
    { name: 'Grüße, 世界 🎉', control: '\b\t\n\f\r\u0001\u001f\u007f"\\/' },
    'af568e0ec348a7a0b137d73924ed99714a31aec87cb6dd3027f706606c6f7967',
  ],
  [
    'names that look like integers are sorted as text: {"1":"one","10":"ten","9":"nine","b":2}',
    { 10: 'ten', 9: 'nine', 1: 'one', b: 2 },
    '5192c431306ac3f30eff18821464b32079a37c8835352fbec5800412ef99716b',
  ],
  [
    'names are sorted by UTF-16 code unit (the example of RFC 8785, 3.2.3)',
    {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      1: 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    },
    '5e321556d22018a9656991a9e94f77ec175fa193e52a2429d312f8419ec8b08c',
  ],
  [
    'numbers, strings and literals (the example of RFC 8785, 3.2.2)',
    {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    },
    '2d5e01a318d0f0879ab568c4be289c8b1f64ef8921a53c6277d5e069978baacb',
  ],
  [
    'what counts is the event as it is written: {"at":"2024-02-29T12:00:00.000Z","kept":null}',
    { kept: null, at: new Date('2024-02-29T12:00:00Z'), dropped: undefined, also: () => 1 },
    '9c835e109e053b7a4e14211a74765272ca7789fc32e10806deff2cef25fc5607',
  ],
  [
    'toJSON says what is written: {"a":1}',
    { hidden: 2, toJSON: () => ({ a: 1 }) },
    '015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862',
  ],
];

describe('An event without id gets the SHA-256 of its canonical JSON', () => {
  it.each(computed)('%s', async (_, event, expected) => {
    const file = join(temporaryDirectory(), 'chronicle');
    const result = await appendEventWithId(file, event);
    const next = readFileSync(file).length;
    expect(result).toEqual({ offset: 0, next, eventId: expected, duplicate: false });
    const written = JSON.parse(readFileSync(file, 'utf8')) as object;
    expect(written).toEqual({ ...(JSON.parse(JSON.stringify(event)) as object), eventId: expected });
  });

  it('as the last property, behind the others as JSON writes them', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const { eventId } = await appendEventWithId(file, { z: 1, a: [1, 2], u: 'ü' });
    expect(readFileSync(file, 'utf8')).toBe(`{"z":1,"a":[1,2],"u":"ü","eventId":"${eventId}"}\n`);
  });

  it('under the name of idKey, and without regard to a property named eventId', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const { eventId } = await appendEventWithId(file, { a: 1, eventId: 'x' }, { idKey: 'ref' });
    // {"a":1,"eventId":"x"}
    expect(eventId).toBe('d741bc6c41c98cbca5dc09d17db00c5212c9ad7d54573e28d44d60bc87dd8217');
    expect(readFileSync(file, 'utf8')).toBe(`{"a":1,"eventId":"x","ref":"${eventId}"}\n`);
  });

  it('and the caller does not see his object change', async () => {
    const event = Object.freeze({ a: 1 });
    await appendEventWithId(join(temporaryDirectory(), 'chronicle'), event);
    expect(event).toEqual({ a: 1 });
  });

  it('so that equal events are written once, in whatever order their properties are', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'));
    const first = await chronicle.append({ a: 1, b: { c: 2, d: 3 } });
    expect(await chronicle.append({ b: { d: 3, c: 2 }, a: 1 })).toEqual({ ...first, duplicate: true });
    expect(await chronicle.append({ b: { d: 3, c: '2' }, a: 1 })).toMatchObject({ duplicate: false });
    await chronicle.close();
  });
});

describe('An id that the event carries is kept', () => {
  it.each(['x', ' ', '0', 'ü', '"', '\\', 'a\nb', '\u0000', '🎉', 'x'.repeat(10_000)])(
    '%j',
    async (eventId) => {
      const file = join(temporaryDirectory(), 'chronicle');
      const result = await appendEventWithId(file, { eventId, a: 1 });
      expect(result).toEqual({ offset: 0, next: readFileSync(file).length, eventId, duplicate: false });
      expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify({ eventId, a: 1 })}\n`);
    },
  );

  it('one that toJSON adds, too', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const { eventId } = await appendEventWithId(file, { toJSON: () => ({ eventId: 'x' }) });
    expect(eventId).toBe('x');
  });
});

describe('computeId: false', () => {
  it('leaves an event without id as it is, and never takes it for a duplicate', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, { computeId: false });
    expect(await chronicle.append({ a: 1 })).toEqual({
      offset: 0,
      next: 8,
      eventId: undefined,
      duplicate: false,
    });
    expect(await chronicle.append({ a: 1 })).toEqual({
      offset: 8,
      next: 16,
      eventId: undefined,
      duplicate: false,
    });
    await chronicle.close();
    expect(readFileSync(file, 'utf8')).toBe('{"a":1}\n{"a":1}\n');
  });

  it('still finds duplicates of events that carry an id', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'), { computeId: false });
    await chronicle.append({ a: 1 });
    await chronicle.append({ eventId: 'x' });
    expect(await chronicle.append({ eventId: 'x' })).toEqual({
      offset: 8,
      next: 24,
      eventId: 'x',
      duplicate: true,
    });
    await chronicle.close();
  });
});
