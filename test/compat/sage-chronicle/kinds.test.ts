/** holdfast/sage-chronicle: the sixteen kinds of events. */
import * as chronicle from 'holdfast/sage-chronicle';
import {
  type ChronicleEvent,
  filterEventsByType,
  getEventType,
  hasEventFields,
  isBuildEvent,
  isDeployEvent,
  type PlanDraftedEvent,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { wrong } from '../../support/sage-events.js';

const envelope = { timestamp: '2024-01-01T00:00:00.000Z', actor: { agent: 'guardian', id: 'test' } };

/** One of each kind, with nothing but what it must have. The compiler checks the types. */
const events: ChronicleEvent[] = [
  { ...envelope, type: 'PLAN_DRAFTED', planId: 'p', summary: 's', steps: [] },
  { ...envelope, type: 'PLAN_APPROVED', planId: 'p', reviewerId: 'r', justification: 'j' },
  { ...envelope, type: 'PLAN_DENIED', planId: 'p', reviewerId: 'r', reason: 'x' },
  { ...envelope, type: 'PLAN_UNSAFE', planId: 'p', forcedBy: 'f', overriddenWarnings: ['w'] },
  { ...envelope, type: 'HALT_AND_REPORT', invariant: 'i', expected: 1, actual: 2 },
  { ...envelope, type: 'RECONCILIATION', filePath: 'f', diffRef: 'd', reconciliationStrategy: 's' },
  { ...envelope, type: 'ROGUE_EDIT_DETECTED', filePath: 'f', hash: 'h', detectedBy: 'd' },
  { ...envelope, type: 'BUILD', status: 'started' },
  { ...envelope, type: 'DEPLOY', environment: 'e', deploymentId: 'd', status: 'rolled_back' },
  { ...envelope, type: 'ENVVAR_CHANGE', variable: 'v', environment: 'e', operation: 'set' },
  {
    ...envelope,
    type: 'POSTMORTEM',
    incidentId: 'i',
    title: 't',
    rootCause: 'c',
    actionItems: [{ description: 'd' }],
  },
  { ...envelope, type: 'FILE_ADDED', filePath: 'f', hash: 'h', size: 1 },
  { ...envelope, type: 'FILE_REMOVED', filePath: 'f', lastHash: 'h' },
  { ...envelope, type: 'FILE_RENAMED', oldPath: 'o', newPath: 'n', hash: 'h' },
  {
    ...envelope,
    type: 'FILE_SPLIT',
    originalPath: 'o',
    resultingPaths: ['r'],
    originalHash: 'h',
    strategy: 's',
  },
  { ...envelope, type: 'FILE_MERGED', sourcePaths: ['s'], resultPath: 'r', resultHash: 'h', strategy: 's' },
];

/** `PLAN_DRAFTED`: isPlanDraftedEvent. */
function guardOf(type: string): (event: unknown) => boolean {
  const words = type.split('_').map((word) => word[0] + word.slice(1).toLowerCase());
  return (chronicle as unknown as Record<string, (event: unknown) => boolean>)[
    `is${words.join('')}Event`
  ] as never;
}

describe.each(events.map((event) => [event.type, event] as const))('%s', (type, event) => {
  const guard = guardOf(type);

  it('is told from all other kinds', () => {
    expect(events.filter(guard)).toEqual([event]);
  });

  it('must have each of its fields', () => {
    const fields = Object.keys(event).filter((field) => !Object.hasOwn({ ...envelope, type: '' }, field));
    expect(fields.length).toBeGreaterThan(0);
    for (const field of fields) {
      const { [field]: _, ...rest } = event as unknown as Record<string, unknown>;
      expect([field, guard(rest)]).toEqual([field, false]);
      // Own ones: JSON writes no others.
      expect([field, guard(Object.assign(Object.create({ [field]: 1 }), rest))]).toEqual([field, false]);
    }
  });

  it('must have the envelope, and in each field what its type says', () => {
    expect(guard(event)).toBe(true);
    const given = event as unknown as Record<string, unknown>;
    for (const [field, value] of Object.entries(given)) {
      const { [field]: _, ...rest } = given;
      expect([field, guard(rest)]).toEqual([field, false]);
      if (type === 'HALT_AND_REPORT' && ['expected', 'actual'].includes(field)) continue; // anything
      const others = [
        null,
        undefined,
        {},
        true,
        typeof value === 'string' ? 7 : 'x',
        typeof value === 'string' ? [] : 7,
      ];
      for (const other of others.filter(
        (other) => typeof other !== typeof value || other === null || field === 'actor',
      ))
        expect([field, other, guard({ ...rest, [field]: other })]).toEqual([field, other, false]);
      if (Array.isArray(value) && field !== 'steps')
        expect([field, guard({ ...rest, [field]: [...value, null] })]).toEqual([field, false]);
    }
    for (const actor of [{}, { agent: 'a' }, { id: 'i' }, { agent: 1, id: 'i' }, []])
      expect(guard({ ...event, actor })).toBe(false);
    // What it need not have is not looked at.
    expect(guard({ ...event, more: 1, eventId: undefined })).toBe(true);
  });

  it.each([undefined, null, 7, 'x', [], () => 1])('is not %s', (other) => {
    expect(guard(other)).toBe(false);
  });
});

describe('the types', () => {
  it.each([
    ['BUILD', 'status', 'begun'],
    ['DEPLOY', 'status', 'x'],
    ['ENVVAR_CHANGE', 'operation', 'get'],
    ['POSTMORTEM', 'actionItems', [{ assignee: 'a' }]],
  ])('of %s allow not everything in %s', (type, field, value) => {
    const event = events.find((each) => each.type === type);
    expect(guardOf(type)({ ...event, [field]: value })).toBe(false);
  });

  it('are narrowed by the guards, and by the type itself', () => {
    const states: string[] = [];
    for (const event of events) {
      if (isDeployEvent(event)) states.push(event.environment);
      if (event.type === 'BUILD') states.push(event.status);
    }
    const builds: { status: 'started' | 'success' | 'failed' }[] = events.filter(isBuildEvent);
    expect([states, builds.length]).toEqual([['started', 'e'], 1]);
  });
});

describe('getEventType()', () => {
  it('is the type', () => {
    expect(events.map((event) => getEventType(event))).toEqual(events.map(({ type }) => type));
  });

  it.each([undefined, null, 7, 'x', []])('refuses %j', (event) => {
    const refused = expect.objectContaining({ code: 'EVALIDATION', field: 'event' });
    expect(() => getEventType(wrong(event))).toThrow(refused);
    expect(() => hasEventFields(wrong(event), [])).toThrow(refused);
  });
});

describe('filterEventsByType()', () => {
  it('gives those of one type, in their order, whatever fields they have', () => {
    const [first, second] = [
      { ...envelope, type: 'BUILD', n: 1 },
      { ...envelope, type: 'BUILD', n: 2 },
    ];
    const mixed = [first, null, ...events.filter(({ type }) => type !== 'BUILD'), 7, second];
    expect(filterEventsByType(mixed as ChronicleEvent[], 'BUILD')).toEqual([first, second]);
    expect(filterEventsByType(events, 'BUILD')[0]?.status).toBe('started');
    expect(filterEventsByType([], 'BUILD')).toEqual([]);
  });

  it('refuses what is no array, and no type', () => {
    const refused = (field: string) => expect.objectContaining({ code: 'EVALIDATION', field });
    expect(() => filterEventsByType(wrong({}), wrong('BUILD'))).toThrow(refused('events'));
    expect(() => filterEventsByType(events, wrong(undefined))).toThrow(refused('type'));
  });
});

describe('hasEventFields()', () => {
  const [drafted] = events as [ChronicleEvent];

  it('is true where all of them are there', () => {
    expect(hasEventFields<PlanDraftedEvent>(drafted, ['planId', 'summary'])).toBe(true);
    expect(hasEventFields<PlanDraftedEvent>(drafted, [])).toBe(true);
    expect(hasEventFields(drafted, wrong(['planId', 'missing']))).toBe(false);
    expect(hasEventFields(drafted, wrong(['toString']))).toBe(false);
    expect(hasEventFields({ ...drafted, tags: undefined }, ['tags'])).toBe(true);
  });

  it('refuses what is no array', () => {
    expect(() => hasEventFields(drafted, wrong('planId'))).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'fields' }),
    );
  });
});
