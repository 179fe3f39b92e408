/** holdfast/sage-chronicle: the ids and hashes of events. */
import { createHash } from 'node:crypto';
import { openChronicle } from 'holdfast';
import {
  appendEvent,
  computeChronicleHash,
  computeEventId,
  computeEventIds,
  eventsAreIdentical,
  findDuplicateEvents,
  readChronicle,
  verifyEventId,
} from 'holdfast/sage-chronicle';
import { describe, expect, it, vi } from 'vitest';
import { sageEvent as event, sagePath, wrong } from '../../support/sage-events.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Names that need escapes, which JSON.parse of Node 24 and 26 takes for others now and then. */
const escaped = () => ({ ...event(), 'a"b': 1, 'tab\t': { 'c\\d': [1] }, ü: 2, eventId: 'other' });

describe('an id', () => {
  it.each([
    ['of an event with escaped names', escaped()],
    ['whose name is written with an escape', { ...event(), 'event\u0000Id': 'x' }],
    ['with an eventId deeper in it', { ...event(), in: { eventId: 'kept' } }],
    ['whose text holds the name', { ...event(), text: '"eventId":"x"' }],
    ['with toJSON', { toJSON: () => ({ ...event(), eventId: 'x' }) }],
    ['with an own property __proto__', JSON.parse('{"__proto__":{"a":1},"b":2}')],
    ['with nothing but an id', { eventId: 'x' }],
  ])('%s is that which an append gives it', async (_, given) => {
    const file = sagePath();
    const { eventId: carried, ...rest } = JSON.parse(JSON.stringify(given));
    const expected = sha256(canonical(rest));
    expect(await computeEventId(given)).toBe(expected);
    expect(await computeEventIds([given, event()])).toEqual([expected, await computeEventId(event())]);
    expect(await verifyEventId({ ...rest, eventId: expected })).toBe(true);
    if (carried !== undefined || typeof rest.type !== 'string') return;
    expect(await appendEvent(file, given)).toMatchObject({ eventId: expected });
  });

  it('is computed without parsing the event', async () => {
    const given = escaped();
    const parse = vi.spyOn(JSON, 'parse');
    try {
      await computeEventId(given);
      await computeEventIds([given]);
      await verifyEventId(given);
      await computeChronicleHash([given]);
      eventsAreIdentical(given, given);
      findDuplicateEvents([given, given]);
      const parsed = parse.mock.calls.map(([text]) => text);
      expect(parsed.filter((text) => !text.startsWith('"'))).toEqual([]);
    } finally {
      parse.mockRestore();
    }
  });

  it('of an event that a chain has linked is that which it has', async () => {
    const file = sagePath();
    const chained = await openChronicle<object>(file, { chain: true });
    const { eventId } = await chained.append(event());
    await chained.close();
    const [read = {}] = await readChronicle(file);
    expect(read).toHaveProperty('chainLink');
    expect(await verifyEventId(read)).toBe(true);
    expect(await computeEventId(read)).toBe(eventId);
    expect(await verifyEventId({ ...read, planId: 'other' })).toBe(false);
  });

  it('looks at nothing twice', async () => {
    let times = 0;
    const given = {
      ...event(),
      get n() {
        return ++times;
      },
    };
    const id = await computeEventId(given);
    expect(times).toBe(1);
    expect(id).toBe(await computeEventId({ ...event(), n: 1 }));
  });

  it('of many is one for each, in their order', async () => {
    const events = Array.from({ length: 1000 }, (_, i) => event({ i }));
    const ids = await computeEventIds(events);
    expect(new Set(ids).size).toBe(1000);
    expect(ids[999]).toBe(await computeEventId(event({ i: 999 })));
    expect(await computeEventIds([])).toEqual([]);
  });

  it.each([undefined, null, 'x', {}])('of what is no array is EVALIDATION: %j', async (events) => {
    const refused = { code: 'EVALIDATION', field: 'events' };
    await expect(computeEventIds(wrong(events))).rejects.toMatchObject(refused);
    await expect(computeChronicleHash(wrong(events))).rejects.toMatchObject(refused);
    expect(() => findDuplicateEvents(wrong(events))).toThrow(expect.objectContaining(refused));
  });

  it.each([null, 7, [], { n: 1n }])('names the one of many that has none: %s', async (one) => {
    const events = wrong([{ timestamp: '' }, one]);
    const refused = { code: 'EVALIDATION', field: 'events[1]' };
    await expect(computeEventIds(events)).rejects.toMatchObject(refused);
    expect(() => findDuplicateEvents(events)).toThrow(expect.objectContaining(refused));
    expect(() => eventsAreIdentical(event(), wrong(one))).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'event2' }),
    );
  });
});

describe('computeChronicleHash()', () => {
  it('is the SHA-256 of the canonical array, by time and without ids', async () => {
    const [a, b, c] = ['2024-01-02', '2024-01-01', '2024-01-01'].map((timestamp, n) =>
      event({ timestamp, n }),
    );
    const expected = sha256(canonical([b, c, a]));
    expect(await computeChronicleHash([a, b, c] as object[])).toBe(expected);
    expect(await computeChronicleHash([{ ...b, eventId: 'x' }, a, c] as object[])).toBe(expected);
    expect(await computeChronicleHash([c, b, a] as object[])).not.toBe(expected);
    expect(await computeChronicleHash([])).toBe(sha256('[]'));
  });

  it('changes with any event, and leaves the array as it is', async () => {
    const events = [event({ timestamp: '2024-01-02' }), event()];
    const before = structuredClone(events);
    const hash = await computeChronicleHash(events);
    expect(events).toEqual(before);
    expect(await computeChronicleHash([events[0] as object])).not.toBe(hash);
    expect(await computeChronicleHash([event({ timestamp: '2024-01-02', n: 1 }), event()])).not.toBe(hash);
  });

  it('does not depend on the locale: uppercase comes before lowercase', async () => {
    const [upper, lower] = [
      event({ timestamp: '2024-01-01T00:00:00Z' }),
      event({ timestamp: '2024-01-01t00:00:00z' }),
    ];
    expect(await computeChronicleHash([lower, upper])).toBe(sha256(canonical([upper, lower])));
  });

  it.each([undefined, 7, null, new Date(0)])('refuses the timestamp %s', async (timestamp) => {
    await expect(computeChronicleHash([event(), event({ timestamp })])).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'events[1].timestamp',
    });
  });
});

describe('eventsAreIdentical()', () => {
  it('compares what the id is computed from', () => {
    const { type, ...rest } = event({ n: { a: 1, b: [2] } });
    expect(eventsAreIdentical({ ...rest, type }, { type, ...rest, eventId: 'x' })).toBe(true);
    expect(eventsAreIdentical({ n: { b: 1, a: 2 } }, { n: { a: 2, b: 1 } })).toBe(true);
    expect(eventsAreIdentical({ n: [1, 2] }, { n: [2, 1] })).toBe(false);
    expect(eventsAreIdentical({ n: 1 }, { n: '1' })).toBe(false);
    expect(eventsAreIdentical({ n: 1, gone: undefined }, { n: 1 })).toBe(true);
  });
});

describe('findDuplicateEvents()', () => {
  it('gives all that are identical, by their canonical JSON, in their order', () => {
    const [a1, b1, a2, c, a3, b2] = [
      { a: 1, x: { q: 1, p: 2 }, eventId: '1' },
      { b: 1 },
      { x: { p: 2, q: 1 }, a: 1, eventId: '2' },
      { c: 1 },
      { a: 1, x: { q: 1, p: 2 } },
      { b: 1, eventId: '7' },
    ];
    const found = findDuplicateEvents<object>([a1, b1, a2, c, a3, b2]);
    expect([...found]).toEqual([
      ['{"a":1,"x":{"p":2,"q":1}}', [a1, a2, a3]],
      ['{"b":1}', [b1, b2]],
    ]);
    expect(found.get('{"b":1}')?.[0]).toBe(b1);
    expect(findDuplicateEvents([])).toEqual(new Map());
  });

  it('agrees with what a chronicle takes for one event', async () => {
    const file = sagePath();
    const events = [event(), event({ n: 1 }), event(), event({ n: 1 }), event()];
    for (const one of events) await appendEvent(file, one);
    const repeated = [...findDuplicateEvents(events).values()].reduce(
      (sum, { length }) => sum + length - 1,
      0,
    );
    expect(await readChronicle(file)).toHaveLength(events.length - repeated);
  });
});

/** Written anew, for comparison; enough for what these tests hold. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
