/** holdfast/sage-chronicle: analyses and their report. */
import { analyzeChronicle, formatAnalysisReport } from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { sageEvent as event, sageFile, sagePath, wrong } from '../../support/sage-events.js';

const by = (agent: string, day: number, fields: object = {}) =>
  event({ actor: { agent, id: 'x' }, timestamp: `2024-01-0${day}T1${day}:00:00.000Z`, ...fields });

describe('analyzeChronicle()', () => {
  it('counts what is there', async () => {
    const large = by('b', 1, { type: 'BUILD', text: 'ü'.repeat(6000) });
    const file = sageFile(
      by('a', 2, { eventId: 'e1' }),
      large,
      'damaged\n',
      by('a', 3, { eventId: 'e2', prevEventId: 'e1' }),
      by('a', 3, { eventId: 'e3', prevEventId: 'e1' }),
      '{"torn',
    );
    const [first, ...rest] = [
      by('a', 2, { eventId: 'e1' }),
      large,
      by('a', 3, { eventId: 'e2', prevEventId: 'e1' }),
    ];
    const sizes = [first, ...rest, rest[1]].map((one) => Buffer.byteLength(JSON.stringify(one)));
    expect(await analyzeChronicle(file)).toEqual({
      totalEvents: 4,
      eventTypes: { PLAN_APPROVED: 3, BUILD: 1 },
      timeRange: { start: '2024-01-01T11:00:00.000Z', end: '2024-01-03T13:00:00.000Z' },
      actors: {
        'a:x': {
          agent: 'a',
          eventCount: 3,
          firstSeen: '2024-01-02T12:00:00.000Z',
          lastSeen: '2024-01-03T13:00:00.000Z',
        },
        'b:x': {
          agent: 'b',
          eventCount: 1,
          firstSeen: '2024-01-01T11:00:00.000Z',
          lastSeen: '2024-01-01T11:00:00.000Z',
        },
      },
      corruptedLines: 2,
      duplicateEvents: 1,
      causalChainIntegrity: {
        isValid: true,
        totalEvents: 4,
        chainedEvents: 2,
        brokenLinks: [],
        orphanedEvents: [],
      },
      avgEventSize: sizes.reduce((sum, size) => sum + size, 0) / 4,
      largestEvent: { index: 1, size: sizes[1], type: 'BUILD' },
      eventsByHour: { '2024-01-01T11': 1, '2024-01-02T12': 1, '2024-01-03T13': 2 },
      warnings: [
        'Found 1 duplicate events',
        `Large event detected: ${sizes[1]} bytes at index 1`,
        'Large time gap with few events - possible data loss',
      ],
      errors: ['Found 2 corrupted lines'],
    });
  });

  it('tells broken chains, and actors that are seen once', async () => {
    const file = sageFile(
      ...Array.from({ length: 10 }, (_, i) => by(`${i}`, 1, { eventId: `${i}`, prevEventId: 'gone' })),
    );
    expect(await analyzeChronicle(file)).toMatchObject({
      causalChainIntegrity: { isValid: false, orphanedEvents: Array.from({ length: 10 }, (_, i) => `${i}`) },
      errors: ['Causal chain integrity compromised: 10 broken links'],
      warnings: ['High number of single-event actors - possible ID generation issues'],
    });
  });

  it('finds no fault with a chronicle that has none', async () => {
    const file = sageFile(...Array.from({ length: 20 }, (_, i) => by('a', 1 + (i % 9), { i })));
    expect(await analyzeChronicle(file)).toMatchObject({ warnings: [], errors: [], duplicateEvents: 0 });
  });

  it.each([
    ['does not exist', () => sagePath(), []],
    ['is empty', () => sageFile(), []],
    ['holds no event', () => sageFile('damaged\n'), ['Found 1 corrupted lines']],
  ])('says that a file is empty which %s', async (_, make, errors) => {
    expect(await analyzeChronicle(make())).toMatchObject({
      totalEvents: 0,
      timeRange: null,
      avgEventSize: 0,
      largestEvent: { index: -1, size: 0, type: '' },
      warnings: ['Chronicle is empty'],
      errors,
    });
  });

  it('counts events of others, of which it knows nothing', async () => {
    const file = sageFile(
      {},
      { type: 7, timestamp: 7, actor: 'x' },
      { type: 'X', timestamp: 'T', actor: null },
      event(),
    );
    const analysis = await analyzeChronicle(file);
    expect(analysis).toMatchObject({
      totalEvents: 4,
      eventTypes: { X: 1, PLAN_APPROVED: 1 },
      eventsByHour: { T: 1, '2024-01-01T00': 1 },
      warnings: ['Found 3 events without type, timestamp or actor'],
    });
    expect(Object.keys(analysis.actors)).toEqual(['guardian:test']);
  });

  it('takes any name for what it is, and text that has no canonical JSON', async () => {
    const file = sageFile(event({ type: '__proto__' }), '{"a":"\\ud800"}\n', '{"a":"\\ud801"}\n');
    const { eventTypes, duplicateEvents } = await analyzeChronicle(file);
    expect(Object.entries(eventTypes)).toEqual([['__proto__', 1]]);
    expect(duplicateEvents).toBe(0);
  });
});

describe('formatAnalysisReport()', () => {
  it('writes all sections that there are', async () => {
    const lines = ['a', 'a', 'b', 'c', 'd', 'e', 'f', 'f', 'f'].map((agent, i) =>
      by(agent, 1, { eventId: `${i}`, ...(i === 8 && { prevEventId: 'gone' }) }),
    );
    expect(formatAnalysisReport(await analyzeChronicle(sageFile(...lines, by('a', 1))))).toBe(`\
=== Chronicle Analysis Report ===
Total Events: 10
Time Range: 2024-01-01T11:00:00.000Z to 2024-01-01T11:00:00.000Z
Actors: 6
Event Types: 1

--- Event Type Distribution ---
  PLAN_APPROVED: 10

--- Top Actors ---
  a:x: 3 events
  f:x: 3 events
  b:x: 1 events
  c:x: 1 events
  d:x: 1 events

--- Causal Chain ---
Chained Events: 1/10
Chain Integrity: BROKEN

--- Warnings ---
  ⚠️  Found 3 duplicate events

--- Errors ---
  ❌ Causal chain integrity compromised: 1 broken links`);
  });

  it('leaves out those that there are not', async () => {
    expect(formatAnalysisReport(await analyzeChronicle(sagePath()))).toBe(`\
=== Chronicle Analysis Report ===
Total Events: 0
Actors: 0
Event Types: 0

--- Event Type Distribution ---

--- Top Actors ---

--- Warnings ---
  ⚠️  Chronicle is empty`);
  });

  it.each([undefined, null, 'x', []])('refuses %j', (analysis) => {
    expect(() => formatAnalysisReport(wrong(analysis))).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'analysis' }),
    );
  });
});
