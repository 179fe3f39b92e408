/** holdfast/sage-chronicle: what @sage/chronicle does, without what it loses. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appendEvent as append, openChronicle, tryLock } from 'holdfast';
import {
  acquireLock,
  appendEvent,
  appendEventWithId,
  batchCheckDuplicates,
  type ChronicleEventBase,
  canonicalizeEvent,
  cleanStaleLocks,
  computeEventId,
  deduplicateConsecutiveEvents,
  isDuplicateEvent,
  readChronicle,
  tailChronicle,
  validateChroniclePath,
  verifyEventId,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor, stateOf } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

const path = () => join(temporaryDirectory(), 'test.sage');

const event = (fields: object = {}) => ({
  type: 'PLAN_APPROVED',
  timestamp: '2024-01-01T00:00:00.000Z',
  actor: { agent: 'guardian', id: 'test' },
  planId: 'plan-1',
  ...fields,
});

/** An event that the types forbid. */
const broken = (fields: object) => event(fields) as unknown as ChronicleEventBase;

async function program(): Promise<Program> {
  const started = new Program('sage-chronicle');
  await started.next();
  return started;
}

describe('appendEvent()', () => {
  it('makes the directory and the file, and writes the event with its id', async () => {
    const file = join(temporaryDirectory(), 'a', 'b', 'test.sage');
    const { eventId } = await appendEvent(file, event());
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify({ ...event(), eventId })}\n`);
    expect(eventId).toBe(await computeEventId(event()));
  });

  it('writes an event once', async () => {
    const file = path();
    await appendEvent(file, event());
    expect(await appendEvent(file, event())).toMatchObject({ offset: 0, duplicate: true });
    await appendEvent(file, event({ planId: 'plan-2' }));
    expect(await readChronicle(file)).toMatchObject([{ planId: 'plan-1' }, { planId: 'plan-2' }]);
  });

  it('keeps an id that the event carries', async () => {
    const file = path();
    await appendEvent(file, event({ eventId: 'mine' }));
    expect(await readChronicle(file)).toEqual([event({ eventId: 'mine' })]);
  });

  it('gives no id where computeId is false', async () => {
    const file = path();
    for (let i = 0; i < 2; i++) await appendEvent(file, event(), { computeId: false });
    expect(await readChronicle(file)).toEqual([event(), event()]);
  });

  it('leaves the event of its caller as it is', async () => {
    const given = Object.freeze(event());
    await appendEvent(path(), given);
    expect(given).toEqual(event());
  });

  it.each<[string, unknown]>([
    ['a number', 0],
    ['lockTimeoutMs', { lockTimeoutMs: 0 }],
  ])('gives up after the lock timeout, as %s', async (_, options) => {
    const file = path();
    const held = await acquireLock(file, 0);
    await expect(appendEvent(file, event(), options as number)).rejects.toMatchObject({
      code: 'ELOCK_TIMEOUT',
    });
    await held.release();
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it.each<[unknown, string]>([
    [-1, 'lockTimeoutMs'],
    [{ lockTimeoutMs: '1' }, 'lockTimeoutMs'],
    [{ computeId: 1 }, 'computeId'],
    ['x', 'options'],
    [null, 'options'],
  ])('refuses the options %j, and names %s', async (options, field) => {
    const file = path();
    await expect(appendEvent(file, event(), options as number)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field,
    });
    expect(existsSync(file)).toBe(false);
  });

  it('is EIO for what the file system refuses', async () => {
    const file = join(temporaryDirectory(), 'directory.sage');
    mkdirSync(file);
    await expect(appendEvent(file, event())).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('appendEventWithId()', () => {
  it('writes the event with the id that it carries', async () => {
    const file = path();
    expect(await appendEventWithId(file, event({ eventId: 'x' }), 500)).toMatchObject({ eventId: 'x' });
    expect(await readChronicle(file)).toEqual([event({ eventId: 'x' })]);
  });

  it.each([undefined, null, '', 1])('refuses an event with the id %j', async (eventId) => {
    await expect(appendEventWithId(path(), broken({ eventId }))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'event.eventId',
    });
  });
});

describe('the envelope', () => {
  it.each<[string, object, string]>([
    ['no type', { type: undefined }, 'event.type'],
    ['an empty type', { type: '' }, 'event.type'],
    ['a type that is no string', { type: 1 }, 'event.type'],
    ['no timestamp', { timestamp: undefined }, 'event.timestamp'],
    ['a number as timestamp', { timestamp: 0 }, 'event.timestamp'],
    ['another format', { timestamp: 'Mon, 01 Jan 2024 00:00:00 GMT' }, 'event.timestamp'],
    ['no actor', { actor: undefined }, 'event.actor'],
    ['null as actor', { actor: null }, 'event.actor'],
    ['an array as actor', { actor: [] }, 'event.actor'],
    ['no agent', { actor: { id: 'x' } }, 'event.actor.agent'],
    ['an empty agent', { actor: { agent: '', id: 'x' } }, 'event.actor.agent'],
    ['no actor id', { actor: { agent: 'x' } }, 'event.actor.id'],
    ['an actor id that is no string', { actor: { agent: 'x', id: 7 } }, 'event.actor.id'],
    ['null as planHash', { planHash: null }, 'event.planHash'],
    ['a number as graphCommit', { graphCommit: 7 }, 'event.graphCommit'],
    ['a number as prevEventId', { prevEventId: 7 }, 'event.prevEventId'],
    ['a string as tags', { tags: 'a' }, 'event.tags'],
    ['a tag that is no string', { tags: ['a', 1] }, 'event.tags[1]'],
    ['an empty eventId', { eventId: '' }, 'event.eventId'],
    ['what toJSON leaves out', { toJSON: () => ({ type: 'x' }) }, 'event.timestamp'],
  ])('with %s is EVALIDATION, and names the field', async (_, fields, field) => {
    const file = path();
    for (const call of [appendEvent, appendEventWithId]) {
      const given = broken({ ...(call === appendEventWithId && { eventId: 'x' }), ...fields });
      await expect(call(file, given)).rejects.toMatchObject({ code: 'EVALIDATION', field });
    }
    expect(existsSync(file)).toBe(false);
  });

  it.each([undefined, null, 1, 'x', [], () => 1])('that is %s is EVALIDATION', async (given) => {
    await expect(appendEvent(path(), given as unknown as ChronicleEventBase)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'event',
    });
  });

  it.each([
    '2024-02-29T12:00:00.000Z',
    '2024-02-29T12:00:00Z',
    '2024-02-29T12:00Z',
    '2024-02-29T12:00:00,5+01:30',
    '2024-02-29T12:00:00-0500',
    '2024-02-29T12:00:00+01',
    '2024-02-29T12:00:00',
    '2016-12-31T23:59:60Z',
    '0000-01-01T00:00:00Z',
    '2024-02-29',
  ])('takes the timestamp %s', async (timestamp) => {
    await appendEvent(path(), event({ timestamp }));
  });

  it.each([
    '',
    '2023-02-29T12:00:00Z',
    '2024-13-01',
    '2024-00-01',
    '2024-01-32T00:00:00Z',
    '2024-01-01T24:00:01Z',
    '2024-01-01T12:60:00Z',
    '2024-01-01T12:00:61Z',
    '2024-01-01 12:00:00Z',
    '2024-01-01T12:00:00.Z',
    '2024-01-01T12:00:00Z ',
    '2024-01-01T',
    '24-01-01',
    '1704067200000',
  ])('refuses the timestamp %j', async (timestamp) => {
    await expect(appendEvent(path(), event({ timestamp }))).rejects.toMatchObject({
      field: 'event.timestamp',
    });
  });

  it('takes a Date, which JSON writes as ISO 8601', async () => {
    const file = path();
    await appendEvent(file, broken({ timestamp: new Date(0) }));
    expect(await readChronicle(file)).toMatchObject([{ timestamp: '1970-01-01T00:00:00.000Z' }]);
  });

  it('takes everything else that an event may hold', async () => {
    const file = path();
    const all = {
      planHash: '',
      graphCommit: 'a',
      prevEventId: 'b',
      tags: [],
      eventId: 'x',
      more: { a: [1] },
    };
    await appendEvent(file, event(all));
    await appendEvent(file, event({ planHash: undefined, tags: undefined, eventId: undefined }));
    expect(await readChronicle(file)).toMatchObject([event(all), event()]);
  });
});

describe('validateChroniclePath()', () => {
  it.each(['test.sage', 'src/Component.ts.sage', '.sage/warden.prod.sage', '/a/b.sage', '.sage'])(
    'gives %s back',
    (file) => expect(validateChroniclePath(file)).toBe(file),
  );

  it.each([
    'test.txt',
    'test.sage.txt',
    'test.SAGE',
    '',
    '../test.sage',
    'a/../b.sage',
    'a..sage',
    'a\0.sage',
  ])('refuses %j, as every function does', async (file) => {
    const refused = expect.objectContaining({ code: 'EVALIDATION', field: 'path' });
    expect(() => validateChroniclePath(file)).toThrow(refused);
    await expect(appendEvent(file, event())).rejects.toEqual(refused);
    await expect(appendEventWithId(file, event({ eventId: 'x' }))).rejects.toEqual(refused);
    await expect(readChronicle(file)).rejects.toEqual(refused);
    await expect(tailChronicle(file)).rejects.toEqual(refused);
    await expect(isDuplicateEvent(file, 'x')).rejects.toEqual(refused);
    await expect(batchCheckDuplicates(file, ['x'])).rejects.toEqual(refused);
    await expect(deduplicateConsecutiveEvents(file)).rejects.toEqual(refused);
    await expect(acquireLock(file)).rejects.toEqual(refused);
  });

  it.each([undefined, null, 7, Buffer.from('a.sage')])('refuses %s, which is no string', (file) => {
    expect(() => validateChroniclePath(file as unknown as string)).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'path' }),
    );
  });
});

describe('readChronicle() and tailChronicle()', () => {
  it('are empty for a file that does not exist, and do not make it', async () => {
    const file = path();
    expect(await readChronicle(file)).toEqual([]);
    expect(await tailChronicle(file)).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('give all events, and the last 10 or n of them', async () => {
    const file = path();
    writeFileSync(file, Array.from({ length: 15 }, (_, i) => `${JSON.stringify(event({ i }))}\n`).join(''));
    const numbers = (events: object[]) => events.map((read) => (read as { i: number }).i);
    expect(numbers(await readChronicle(file))).toHaveLength(15);
    expect(numbers(await tailChronicle(file))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(numbers(await tailChronicle(file, 2))).toEqual([13, 14]);
    expect(await tailChronicle(file, 100)).toHaveLength(15);
    expect(await tailChronicle(file, 0)).toEqual([]);
  });

  it.each([-1, 0.5, Number.NaN, '1'])('refuse n = %j', async (n) => {
    await expect(tailChronicle(path(), n as number)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'n',
    });
  });

  it('skip lines that are no event, and warn', async () => {
    const file = path();
    writeFileSync(file, `${JSON.stringify(event())}\n{"torn\n${JSON.stringify(event())}\n`);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    expect(await readChronicle(file)).toEqual([event(), event()]);
    expect((await warned).message).toContain(file);
  });
});

describe('event ids', () => {
  const nested = { ...event(), z: { b: 1, a: [new Date(0), undefined] }, 10: 1, 9: 2 };
  const canonical =
    '{"10":1,"9":2,"actor":{"agent":"guardian","id":"test"},"planId":"plan-1","timestamp":"2024-01-01T00:00:00.000Z",' +
    '"type":"PLAN_APPROVED","z":{"a":["1970-01-01T00:00:00.000Z",null],"b":1}}';

  it('are the SHA-256 of the canonical JSON of the event without its id', async () => {
    const expected = createHash('sha256').update(canonical).digest('hex');
    expect(await computeEventId(nested)).toBe(expected);
    expect(await computeEventId({ ...nested, eventId: 'other' })).toBe(expected);
  });

  it('canonicalizeEvent gives the event as JSON writes it, without its id', () => {
    expect(canonicalizeEvent({ ...nested, eventId: 'x', gone: undefined })).toEqual(JSON.parse(canonical));
  });

  it('verifyEventId is true only for the computed id', async () => {
    const file = path();
    await appendEvent(file, { ...nested, z: { b: 1, a: [new Date(0), null] } });
    const [read = {}] = await readChronicle(file);
    expect(await verifyEventId(read)).toBe(true);
    expect(await verifyEventId({ ...read, type: 'PLAN_DENIED' })).toBe(false);
    expect(await verifyEventId({ ...read, eventId: 'x' })).toBe(false);
    expect(await verifyEventId(event())).toBe(false);
    expect(await verifyEventId({ ...read, text: '\ud800' })).toBe(false);
    const text = '\ud800';
    expect(await verifyEventId({ text, eventId: await computeEventId({ text }) })).toBe(true);
  });

  it('of what has no canonical JSON are EVALIDATION', async () => {
    await expect(computeEventId({ a: 1n })).rejects.toMatchObject({ code: 'EVALIDATION', field: 'event' });
    await expect(computeEventId(7 as unknown as object)).rejects.toMatchObject({ code: 'EVALIDATION' });
    await expect(verifyEventId(null as unknown as object)).rejects.toMatchObject({ code: 'EVALIDATION' });
    expect(() => canonicalizeEvent([])).toThrow(expect.objectContaining({ code: 'EVALIDATION' }));
  });
});

describe('isDuplicateEvent() and batchCheckDuplicates()', () => {
  it('look at the last events, at windowSize of them, or at all', async () => {
    const file = path();
    const lines = Array.from({ length: 10_001 }, (_, i) => `${JSON.stringify({ eventId: `${i}` })}\n`);
    writeFileSync(file, lines.join(''));
    expect(await isDuplicateEvent(file, '10000')).toBe(true);
    expect(await isDuplicateEvent(file, '1')).toBe(true);
    expect(await isDuplicateEvent(file, '0')).toBe(false);
    expect(await isDuplicateEvent(file, '0', { useIndex: true })).toBe(true);
    expect(await isDuplicateEvent(file, '9998', { windowSize: 2 })).toBe(false);
    expect(await isDuplicateEvent(file, '9999', { windowSize: 2 })).toBe(true);
    expect(await isDuplicateEvent(file, '10000', { windowSize: 0 })).toBe(false);
    expect(await batchCheckDuplicates(file, ['x', '10000', '0', '1'])).toEqual(
      new Map(Object.entries({ x: false, 10000: true, 0: false, 1: true })),
    );
  });

  it('answer as the next append will', async () => {
    const file = path();
    for (let i = 0; i < 3; i++) await appendEvent(file, event({ eventId: `${i}` }));
    for (const eventId of ['0', '2', '3']) {
      const known = await isDuplicateEvent(file, eventId);
      expect(await appendEvent(file, event({ eventId }))).toMatchObject({ duplicate: known });
    }
  });

  it('know nothing of a file that does not exist, or in which nothing is whole', async () => {
    const file = path();
    expect(await isDuplicateEvent(file, 'x')).toBe(false);
    expect(await batchCheckDuplicates(file, [])).toEqual(new Map());
    writeFileSync(file, '{"eventId":"x"\n[]\n\n7\n{"a":{"eventId":"x"}}\n{"eventId":7}\n');
    expect(await isDuplicateEvent(file, 'x')).toBe(false);
  });

  it('fail where the file cannot be read, in place of saying no', async () => {
    const file = join(temporaryDirectory(), 'directory.sage');
    mkdirSync(file);
    await expect(isDuplicateEvent(file, 'x')).rejects.toMatchObject({ code: 'EIO' });
  });

  it.each<[object, string]>([
    [{ windowSize: -1 }, 'windowSize'],
    [{ windowSize: 'x' }, 'windowSize'],
  ])('refuse %j', async (options, field) => {
    await expect(isDuplicateEvent(path(), 'x', options)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field,
    });
  });

  it('refuse an id that is none', async () => {
    await expect(isDuplicateEvent(path(), '')).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'eventId',
    });
    await expect(batchCheckDuplicates(path(), 'x' as unknown as string[])).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'eventIds',
    });
    await expect(batchCheckDuplicates(path(), ['x', 7 as unknown as string])).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'eventIds[1]',
    });
  });
});

describe('deduplicateConsecutiveEvents()', () => {
  const line = (eventId: unknown, number: number) => `${JSON.stringify({ eventId, number })}\n`;

  it('leaves the first of events with one id that follow each other, and says how many it removed', async () => {
    const file = path();
    const kept = [
      line('a', 1),
      '\n',
      line('b', 4),
      'damaged\n',
      line('a', 6),
      line('', 7),
      line('', 8),
      line('d', 9),
      line(undefined, 9),
      line(undefined, 10),
      line('d', 10),
      line(7, 11),
      line(7, 12),
      '{"eventId" : "c", "text": "Grüße"}\r\n',
    ];
    const [a, blank, b, damaged, again, ...rest] = kept;
    writeFileSync(
      file,
      [
        a,
        line('a', 2),
        blank,
        line('a', 3),
        b,
        damaged,
        line('b', 5),
        again,
        ...rest,
        '{"eventId":"c"}',
      ].join(''),
    );
    expect(await deduplicateConsecutiveEvents(file)).toBe(4);
    expect(readFileSync(file, 'utf8')).toBe(kept.join(''));
    expect(await deduplicateConsecutiveEvents(file)).toBe(0);
  });

  it('does not touch a file without any, and makes none', async () => {
    const file = path();
    expect(await deduplicateConsecutiveEvents(file)).toBe(0);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, line('a', 1) + line('b', 2));
    const { ino, mtimeNs } = statSync(file, { bigint: true });
    expect(await deduplicateConsecutiveEvents(file)).toBe(0);
    expect(statSync(file, { bigint: true })).toMatchObject({ ino, mtimeNs });
  });

  it('waits for the lock that writers take, and replaces the file', async () => {
    const file = path();
    writeFileSync(file, line('a', 1) + line('a', 2));
    const { ino } = statSync(file);
    const held = await acquireLock(file);
    const done = deduplicateConsecutiveEvents(file);
    await someoneWaitsFor(file);
    appendFileSync(file, line('a', 3));
    await held.release();
    expect(await done).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(line('a', 1));
    expect(statSync(file).ino).not.toBe(ino);
  });

  it('and an open chronicle goes on in the file that is there then', async () => {
    const file = path();
    const chronicle = await openChronicle(file, { dedupe: false });
    for (let i = 0; i < 3; i++) await chronicle.append({ eventId: 'a', i });
    expect(await deduplicateConsecutiveEvents(file)).toBe(2);
    await chronicle.append({ eventId: 'b' });
    await chronicle.close();
    expect(await readChronicle(file)).toEqual([{ eventId: 'a', i: 0 }, { eventId: 'b' }]);
  });
});

describe('acquireLock()', () => {
  it('keeps every append away, through whichever door, until release()', async () => {
    const file = path();
    const other = await program();
    const held = await acquireLock(file);
    expect(await tryLock(file)).toBeNull();
    await expect(acquireLock(file, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await expect(append(file, { a: 1 }, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(await other.ask({ method: 'appendEvent', args: [file, event(), 0] })).toMatchObject({
      error: { code: 'ELOCK_TIMEOUT' },
    });
    const waiting = appendEvent(file, event(), 60_000);
    await someoneWaitsFor(file);
    expect(await stateOf(waiting)).toBe('pending');
    expect(readFileSync(file, 'utf8')).toBe('');
    await held.release();
    await held.release();
    expect(await waiting).toMatchObject({ offset: 0 });
  });

  it('makes the file and its directory where they are missing', async () => {
    const file = join(temporaryDirectory(), 'a', 'b.sage');
    await (await acquireLock(file)).release();
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('is free again when its holder was killed: cleanStaleLocks has nothing to do', async () => {
    const file = path();
    const other = await program();
    expect(await other.ask({ method: 'lock', args: [file] })).toEqual({});
    await expect(acquireLock(file, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await cleanStaleLocks(file);
    await expect(acquireLock(file, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await other.kill();
    await (await acquireLock(file, 0)).release();
  });

  it('refuses a timeout that is none, and is EIO for what the file system refuses', async () => {
    await expect(acquireLock(path(), -1)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'timeoutMs' });
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    await expect(acquireLock(join(file, 'x.sage'))).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('Many processes, each with 8 callers', () => {
  const writers = 6;
  const callers = 8;
  const count = 20;

  interface Message {
    acknowledged?: string;
    error?: unknown;
  }

  /** The ids that were acknowledged, when the process has answered or was killed. */
  async function acknowledgedBy(writer: Program, killAfter = Number.POSITIVE_INFINITY): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const { acknowledged, error } = await writer.next<Message>();
      if (error) throw error;
      if (!acknowledged) return ids;
      ids.push(acknowledged);
      if (ids.length === killAfter) {
        await writer.kill();
        for (const message of writer.taken() as Message[]) ids.push(message.acknowledged as string);
        return ids;
      }
    }
  }

  it('lose nothing that was acknowledged, and write nothing twice', async () => {
    const file = path();
    const programs = await Promise.all(Array.from({ length: writers }, program));
    for (const [i, writer] of programs.entries()) {
      writer.send({ method: 'appendAll', args: [file, `${i}`, callers, count] });
    }
    const acknowledged = (await Promise.all(programs.map((writer) => acknowledgedBy(writer)))).flat();
    expect(acknowledged).toHaveLength(writers * callers * count);
    expect(countIds(eventsOf(file))).toEqual(new Map(acknowledged.map((id) => [id, 1])));
  });

  it('nor where one of them is killed, and another has duplicates removed all the while', async () => {
    const file = path();
    const times = 20;
    const programs = await Promise.all(Array.from({ length: writers + 1 }, program));
    const remover = programs.pop() as Program;
    for (const [i, writer] of programs.entries()) {
      writer.send({ method: 'appendAll', args: [file, `${i}`, callers, count] });
    }
    const removed = remover.ask({ method: 'repeatAndRemove', args: [file, times] });
    const acknowledged = await Promise.all(
      programs.map((writer, i) => acknowledgedBy(writer, i === 0 ? callers * 3 : undefined)),
    );
    expect(await removed).toEqual({ value: times });
    const counts = countIds(eventsOf(file));
    for (let i = 0; i < times; i++) expect(counts.get(`twice.${i}`)).toBe(1);
    for (const id of acknowledged.flat()) expect([id, counts.get(id)]).toEqual([id, 1]);
  });
});

it.each([
  ['module', `import * as chronicle from 'holdfast/sage-chronicle';`],
  ['commonjs', `const chronicle = require('holdfast/sage-chronicle');`],
])('loads as %s, with every function at its name', (type, statement) => {
  const code = `${statement} console.log(Object.keys(chronicle).filter((name) => typeof chronicle[name] === 'function').sort().join(' '));`;
  const output = execFileSync(process.execPath, [`--input-type=${type}`, '-e', code], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  expect(output.trim().split(' ')).toEqual([
    'acquireLock',
    'analyzeChronicle',
    'appendEvent',
    'appendEventWithId',
    'appendWithCausalChain',
    'atomicAppendEvent',
    'batchCheckDuplicates',
    'buildCausalChain',
    'canonicalizeEvent',
    'cleanStaleLocks',
    'computeChronicleHash',
    'computeEventId',
    'computeEventIds',
    'deduplicateConsecutiveEvents',
    'ensureChronicleDirectory',
    'eventsAreIdentical',
    'fileExists',
    'filterEventsByType',
    'findDuplicateEvents',
    'formatAnalysisReport',
    'getChainTail',
    'getCompleteChain',
    'getEventType',
    'hasEventFields',
    'isBuildEvent',
    'isDeployEvent',
    'isDuplicateEvent',
    'isDuplicateUsingIndex',
    'isEnvvarChangeEvent',
    'isFileAddedEvent',
    'isFileMergedEvent',
    'isFileRemovedEvent',
    'isFileRenamedEvent',
    'isFileSplitEvent',
    'isHaltAndReportEvent',
    'isPlanApprovedEvent',
    'isPlanDeniedEvent',
    'isPlanDraftedEvent',
    'isPlanUnsafeEvent',
    'isPostmortemEvent',
    'isReconciliationEvent',
    'isRogueEditDetectedEvent',
    'maintainEventIndex',
    'readChronicle',
    'readChronicleFile',
    'repairChronicle',
    'serializeEvent',
    'tailChronicle',
    'tailChronicleFile',
    'validateCausalChain',
    'validateChroniclePath',
    'verifyEventId',
  ]);
});
