/** holdfast/sage-chronicle: causal chains that are read. */
import { appendFileSync } from 'node:fs';
import {
  buildCausalChain,
  type ChronicleEvent,
  getChainTail,
  getCompleteChain,
  validateCausalChain,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { sageEvent, sageFile, sagePath, wrong } from '../../support/sage-events.js';

const linked = (eventId?: string, prevEventId?: string, fields?: object) =>
  sageEvent({ eventId, prevEventId, ...fields });
const idsOf = (events: ChronicleEvent[]) => events.map(({ eventId }) => eventId);

describe('buildCausalChain()', () => {
  it('says of each event whether there is one before it and after it', async () => {
    const file = sageFile(
      linked('a'),
      linked('b', 'a'),
      linked('c', 'gone'),
      'damaged\n',
      linked(undefined, 'b'),
      linked(),
      linked('d', 'e'),
      linked('e'),
      linked('', ''),
    );
    const links = await buildCausalChain(file);
    expect(links.map(({ index, hasPrev, hasNext }) => [index, hasPrev, hasNext])).toEqual([
      [0, false, true],
      [1, true, true],
      [2, false, false],
      [3, true, false],
      [4, false, false],
      [5, true, false],
      [6, false, true],
      [7, false, false],
    ]);
    expect(links[1]?.event).toEqual(linked('b', 'a'));
  });

  it('is empty for a file that does not exist', async () => {
    expect(await buildCausalChain(sagePath())).toEqual([]);
  });

  it('takes linear time: 100,000 events, of which each is looked for', async () => {
    const file = sageFile(
      ...Array.from({ length: 100_000 }, (_, i) => ({ eventId: `${i}`, prevEventId: `${i - 1}` })),
    );
    const links = await buildCausalChain(file);
    expect(links.filter(({ hasPrev }) => hasPrev)).toHaveLength(99_999);
    expect(links.filter(({ hasNext }) => hasNext)).toHaveLength(99_999);
  });
});

describe('validateCausalChain()', () => {
  it('is valid for chains in order, also for none', async () => {
    const file = sageFile(
      linked('a'),
      linked('b', 'a'),
      linked('x'),
      linked('c', 'b'),
      linked('y', 'a'),
      linked(),
    );
    expect(await validateCausalChain(file)).toEqual({
      isValid: true,
      totalEvents: 6,
      chainedEvents: 3,
      brokenLinks: [],
      orphanedEvents: [],
    });
    expect(await validateCausalChain(sagePath())).toMatchObject({ isValid: true, totalEvents: 0 });
  });

  it('tells links to nothing, to what comes later, and to the event itself, in the order of the file', async () => {
    const file = sageFile(
      linked('early', 'late'),
      linked('lost', 'gone'),
      linked('self', 'self'),
      linked('late'),
      linked('a', 'b'),
      linked('b', 'a'),
      linked(undefined, 'gone'),
    );
    expect(await validateCausalChain(file)).toEqual({
      isValid: false,
      totalEvents: 7,
      chainedEvents: 5,
      brokenLinks: [
        {
          eventIndex: 0,
          eventId: 'early',
          issue: 'invalid_prev',
          details: 'Previous event (index 3) comes after current event (index 0)',
        },
        {
          eventIndex: 1,
          eventId: 'lost',
          issue: 'missing_prev',
          details: 'References non-existent previous event: gone',
        },
        {
          eventIndex: 2,
          eventId: 'self',
          issue: 'circular_reference',
          details: 'Event references itself as previous event',
        },
        {
          eventIndex: 4,
          eventId: 'a',
          issue: 'invalid_prev',
          details: 'Previous event (index 5) comes after current event (index 4)',
        },
      ],
      orphanedEvents: ['lost'],
    });
  });

  it('means the first of several events with one id', async () => {
    const file = sageFile(linked('a'), linked('b', 'a'), linked('a'));
    expect(await validateCausalChain(file)).toMatchObject({ isValid: true });
    const repeated = sageFile(linked('a', 'b'), linked('b'), linked('a', 'b'));
    expect((await validateCausalChain(repeated)).brokenLinks.map(({ eventIndex }) => eventIndex)).toEqual([
      0,
    ]);
  });

  it('finds an event that was taken out, wherever it was', async () => {
    const events = Array.from({ length: 20 }, (_, i) => linked(`${i}`, i === 0 ? undefined : `${i - 1}`));
    for (let taken = 0; taken < events.length - 1; taken++) {
      const { brokenLinks } = await validateCausalChain(sageFile(...events.filter((_, i) => i !== taken)));
      expect(brokenLinks).toMatchObject([
        { eventIndex: taken, eventId: `${taken + 1}`, issue: 'missing_prev' },
      ]);
    }
  });

  it('keeps ids apart that differ in lone surrogates only', async () => {
    const file = sageFile('{"eventId":"\\ud800"}\n', '{"eventId":"x","prevEventId":"\\ud801"}\n');
    expect(await validateCausalChain(file)).toMatchObject({ orphanedEvents: ['x'] });
  });
});

describe('getCompleteChain()', () => {
  const events = [
    linked('root'),
    linked('other'),
    linked('a', 'root'),
    linked('other2', 'other'),
    linked('b', 'a'),
    linked('branch', 'root'),
    linked('c', 'b'),
    linked(undefined, 'branch', { n: 1 }),
    linked(undefined, 'c', { n: 2 }),
  ];

  it('gives what leads to the event, and then all that follows, in the order of the file', async () => {
    const file = sageFile(...events);
    const chain = await getCompleteChain(file, 'b');
    expect(idsOf(chain)).toEqual(['root', 'a', 'b', 'branch', 'c', undefined, undefined]);
    expect(chain[0]).toEqual(linked('root'));
    expect(idsOf(await getCompleteChain(file, 'root'))).toEqual([
      'root',
      'a',
      'b',
      'branch',
      'c',
      undefined,
      undefined,
    ]);
    expect(idsOf(await getCompleteChain(file, 'other2'))).toEqual(['other', 'other2']);
  });

  it('ends where a link leads to nothing, or in a circle', async () => {
    const file = sageFile(
      linked('a', 'gone'),
      linked('b', 'a'),
      linked('p', 'q'),
      linked('q', 'p'),
      linked('s', 's'),
    );
    expect(idsOf(await getCompleteChain(file, 'b'))).toEqual(['a', 'b']);
    expect(idsOf(await getCompleteChain(file, 'p'))).toEqual(['q', 'p']);
    expect(idsOf(await getCompleteChain(file, 's'))).toEqual(['s']);
  });

  it('finds what stands before the event that it follows', async () => {
    const file = sageFile(linked('c', 'b'), linked('b', 'a'), linked('a'));
    expect(idsOf(await getCompleteChain(file, 'c'))).toEqual(['a', 'b', 'c']);
    expect(idsOf(await getCompleteChain(file, 'a'))).toEqual(['a', 'c', 'b']);
  });

  it('takes the first of several events with one id', async () => {
    const file = sageFile(linked('a', undefined, { n: 1 }), linked('b', 'a'), linked('a', 'b', { n: 2 }));
    expect(await getCompleteChain(file, 'b')).toEqual([linked('a', undefined, { n: 1 }), linked('b', 'a')]);
  });

  it('takes a chain of 100,000 events', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => ({ eventId: `${i}`, prevEventId: `${i - 1}` }));
    const chain = await getCompleteChain(sageFile(...many), '99999');
    expect(chain).toHaveLength(100_000);
    expect(chain[99_999]?.eventId).toBe('99999');
  });

  it('is EVALIDATION in the words of the original where there is no such event', async () => {
    for (const file of [sagePath(), sageFile(linked('a'))]) {
      const call = getCompleteChain(file, 'b');
      await expect(call).rejects.toMatchObject({ code: 'EVALIDATION', field: 'startEventId' });
      await expect(call).rejects.toThrow('Event b not found in Chronicle');
    }
  });

  it.each([undefined, '', 7])('refuses %j', async (id) => {
    await expect(getCompleteChain(sageFile(linked('a')), wrong(id))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'startEventId',
    });
  });
});

describe('getChainTail()', () => {
  it('is the id of the last event', async () => {
    const file = sageFile(linked('a'), linked('b'));
    expect(await getChainTail(file)).toBe('b');
    appendFileSync(file, '{"torn');
    expect(await getChainTail(file)).toBe('b');
    appendFileSync(file, '\n{"eventId":"c"}');
    expect(await getChainTail(file)).toBe('c');
  });

  it('is undefined for a last event without one, and for no file', async () => {
    expect(await getChainTail(sagePath())).toBeUndefined();
    expect(await getChainTail(sageFile())).toBeUndefined();
    expect(await getChainTail(sageFile(linked('a'), linked()))).toBeUndefined();
    expect(await getChainTail(sageFile('{"eventId":""}\n'))).toBeUndefined();
  });
});
