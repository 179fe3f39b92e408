/** holdfast/sage-chronicle: appends with a causal link, from one process and from several. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { appendEvent as append } from 'holdfast';
import {
  acquireLock,
  appendEvent,
  appendWithCausalChain,
  getChainTail,
  readChronicle,
  validateCausalChain,
  verifyEventId,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor } from '../../support/blocking.js';
import { eventsOf } from '../../support/lines.js';
import { Program } from '../../support/processes.js';
import { sageEvent as event, sageFile, sagePath, wrong } from '../../support/sage-events.js';

describe('appendWithCausalChain()', () => {
  it('links each event to the last one of the file, and gives it as it stands there', async () => {
    const file = sagePath();
    const first = await appendWithCausalChain(file, event({ n: 1 }));
    expect(first).toEqual({ ...event({ n: 1 }), eventId: await getChainTail(file) });
    const second = await appendWithCausalChain(file, event({ n: 2 }));
    expect(second).toMatchObject({ n: 2, prevEventId: first.eventId });
    await appendEvent(file, event({ eventId: 'plain' }));
    const third = await appendWithCausalChain(file, event({ n: 3, eventId: 'mine' }));
    expect(third).toEqual(event({ n: 3, eventId: 'mine', prevEventId: 'plain' }));
    expect(await readChronicle(file)).toEqual([first, second, event({ eventId: 'plain' }), third]);
    expect(await verifyEventId(second)).toBe(true);
    expect(await validateCausalChain(file)).toMatchObject({ isValid: true, chainedEvents: 2 });
  });

  it('links callers of one process one after the other', async () => {
    const file = sagePath();
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, n) => appendWithCausalChain(file, event({ n }))),
    );
    expect(await readChronicle(file)).toEqual(all);
    expectChain(file);
  });

  it('rejects only those of many that cannot be written, and links the others', async () => {
    const file = sageFile({ eventId: 'a' });
    const odd = (n: number) =>
      n % 10 === 3 ? { text: 'x'.repeat(9 * 1024 * 1024) } : n % 10 === 7 ? { eventId: `${n}` } : {};
    const calls = Array.from({ length: 30 }, (_, n) => appendWithCausalChain(file, event({ n, ...odd(n) })));
    const settled = await Promise.allSettled(calls);
    expect(settled.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([3, 13, 23]);
    expect(settled[3]).toMatchObject({ reason: { code: 'EVALIDATION', field: 'event' } });
    expect(await readChronicle(file)).toHaveLength(28);
    expectChain(file);
  });

  it('links nothing to a copy that is not written', async () => {
    const file = sageFile({ eventId: 'a' }, { eventId: 'b' });
    const calls = [{ n: 1 }, { eventId: 'a' }, { n: 2 }, { n: 3 }].map((fields) =>
      appendWithCausalChain(file, event(fields)),
    );
    const [one, copy, two, three] = await Promise.all(calls);
    expect(copy).toEqual({ eventId: 'a' });
    expect([one, two, three].map((linked) => linked?.prevEventId)).toEqual(['b', one?.eventId, two?.eventId]);
    expect(await readChronicle(file)).toHaveLength(5);
  });

  it('gives each of those that wait its own time', async () => {
    const file = sageFile({ eventId: 'a' });
    const held = await acquireLock(file);
    const early = appendWithCausalChain(file, event({ n: 1 }), { lockTimeoutMs: 1000 });
    const timedOut = expect(early).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await someoneWaitsFor(file);
    const late = appendWithCausalChain(file, event({ n: 2 }), { lockTimeoutMs: 60_000 });
    await timedOut;
    await held.release();
    expect(await late).toMatchObject({ prevEventId: 'a' });
  });

  it('keeps a link that the event has, unless another one is forced', async () => {
    const file = sageFile({ eventId: 'a' }, { eventId: 'b' });
    expect(await appendWithCausalChain(file, event({ prevEventId: 'a' }))).toMatchObject({
      prevEventId: 'a',
    });
    const forced = { forcePrevEventId: 'x' };
    expect(await appendWithCausalChain(file, event({ prevEventId: 'a', n: 1 }), forced)).toMatchObject({
      prevEventId: 'x',
    });
    expect(await appendWithCausalChain(file, event({ n: 2 }), forced)).toMatchObject({ prevEventId: 'x' });
    const last = await getChainTail(file);
    expect(await appendWithCausalChain(file, event({ prevEventId: '', n: 3 }))).toMatchObject({
      prevEventId: last,
    });
  });

  it('links to nothing where the last event has no id', async () => {
    const file = sageFile({ eventId: 'a' }, { n: 1 });
    expect(await appendWithCausalChain(file, event())).not.toHaveProperty('prevEventId');
  });

  it.each(['{"torn', 'damaged\n', '\n', '\n\n', '{"eventId":"b"}'])(
    'links past %j at the end',
    async (end) => {
      const file = sageFile({ eventId: 'a' }, end);
      const prevEventId = end.includes('"b"') ? 'b' : 'a';
      const appended = await appendWithCausalChain(file, event());
      expect(appended).toMatchObject({ prevEventId });
      expect((await readChronicle(file)).at(-1)).toEqual(appended);
    },
  );

  it('gives the event its link, so that an append of the same event is a duplicate', async () => {
    const file = sageFile({ eventId: 'a' });
    const given = event();
    const { eventId } = await appendWithCausalChain(file, given);
    expect(given).toEqual(event({ prevEventId: 'a' }));
    expect(await appendEvent(file, given)).toMatchObject({ eventId, duplicate: true });
    expect(await appendWithCausalChain(file, given)).toMatchObject({ eventId });
    const frozen = Object.freeze(event({ n: 1 }));
    expect(await appendWithCausalChain(file, frozen)).toMatchObject({ n: 1, prevEventId: eventId });
    expect(await readChronicle(file)).toHaveLength(3);
  });

  it('gives the first copy of an event that is there already', async () => {
    const file = sageFile({ eventId: 'a' });
    const first = await appendWithCausalChain(file, event({ eventId: 'x', n: 1 }));
    await appendEvent(file, event());
    const again = event({ eventId: 'x', n: 2 });
    expect(await appendWithCausalChain(file, again)).toEqual(first);
    expect(again.prevEventId).toBe('a');
    expect(await readChronicle(file)).toHaveLength(3);
  });

  it('writes names with escapes as they are', async () => {
    const file = sageFile({ eventId: 'a' });
    await appendWithCausalChain(file, event({ 'a"b\t': 1 }));
    expect(readFileSync(file, 'utf8')).toContain(String.raw`"a\"b\t":1,"prevEventId":"a","eventId":"`);
  });

  it('waits for the lock, and gives up at its deadline', async () => {
    const file = sageFile({ eventId: 'a' });
    const held = await acquireLock(file);
    const given = event();
    await expect(appendWithCausalChain(file, given, { lockTimeoutMs: 0 })).rejects.toMatchObject({
      code: 'ELOCK_TIMEOUT',
    });
    expect(given).toEqual(event());
    const waiting = appendWithCausalChain(file, given);
    await someoneWaitsFor(file);
    appendFileSync(file, '{"eventId":"b"}\n');
    await held.release();
    expect(await waiting).toMatchObject({ prevEventId: 'b' });
  });

  it.each<[string, unknown, string]>([
    ['no event', 7, 'event'],
    ['no type', event({ type: '' }), 'event.type'],
    ['a link that is no string', event({ prevEventId: 7 }), 'event.prevEventId'],
    ['an id that is none', event({ eventId: '' }), 'event.eventId'],
    ['an id with a lone surrogate', event({ eventId: '\ud800' }), 'event.eventId'],
    ['what JSON cannot tell apart', event({ why: new Error('a') }), 'event.why'],
    ['too many bytes', event({ text: 'x'.repeat(9 * 1024 * 1024) }), 'event'],
  ])('with %s is EVALIDATION', async (_, given, field) => {
    await expect(appendWithCausalChain(sageFile({ eventId: 'a' }), wrong(given))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field,
    });
  });

  it.each<[unknown, string]>([
    [null, 'options'],
    [{ forcePrevEventId: '' }, 'forcePrevEventId'],
    [{ forcePrevEventId: 7 }, 'forcePrevEventId'],
    [{ lockTimeoutMs: -1 }, 'lockTimeoutMs'],
    [{ forcePrevEventID: 'x' }, 'forcePrevEventID'],
  ])('refuses the options %j, by name, and makes no file', async (options, field) => {
    const file = sagePath();
    await expect(appendWithCausalChain(file, event(), wrong(options))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field,
    });
    expect(existsSync(file)).toBe(false);
  });

  it('goes on in the file that the path names when it was rotated or removed', async () => {
    const file = sagePath();
    await append(file, event({ eventId: 'a' }), { rotate: { maxBytes: 200 } });
    await append(file, event({ eventId: 'b' }), { rotate: { maxBytes: 200 } });
    expect(await appendWithCausalChain(file, event())).toMatchObject({ prevEventId: 'b' });
  });
});

describe('several processes', () => {
  const processes = 4;

  async function started(): Promise<Program[]> {
    const programs = Array.from({ length: processes }, () => new Program('sage-chronicle'));
    for (const program of programs) await program.next();
    return programs;
  }

  /** What was acknowledged until the program answers or ends. */
  async function acknowledgedBy(program: Program, killAfter = Number.POSITIVE_INFINITY): Promise<object[]> {
    const acknowledged: object[] = [];
    for (;;) {
      const message = await program.next<{ acknowledged?: object; error?: object }>();
      expect(message.error).toBeUndefined();
      if (!message.acknowledged) return acknowledged;
      acknowledged.push(message.acknowledged);
      if (acknowledged.length < killAfter) continue;
      await program.kill();
      return acknowledged;
    }
  }

  it.each([
    ['one caller each', 1, 30, 0],
    ['several callers each', 4, 8, 0],
    ['others that append all the while', 2, 8, 4],
  ])('never link to the same event: %s', async (_, callers, count, plain) => {
    const file = sagePath();
    const programs = await started();
    for (const [i, program] of programs.entries()) {
      program.send({ method: 'chainAll', args: [file, `${i}`, callers, count, plain] });
    }
    const acknowledged = (await Promise.all(programs.map((program) => acknowledgedBy(program)))).flat();
    expect(acknowledged).toHaveLength(processes * callers * count);
    expectChain(file);
    expectHolds(file, acknowledged);
  });

  it('nor where one of them is killed', async () => {
    const file = sagePath();
    const programs = await started();
    for (const [i, program] of programs.entries()) {
      program.send({ method: 'chainAll', args: [file, `${i}`, 2, 15, 0] });
    }
    const acknowledged = await Promise.all(
      programs.map((program, i) => acknowledgedBy(program, i === 0 ? 3 : undefined)),
    );
    expectChain(file);
    expectHolds(file, acknowledged.flat());
  });
});

/** Each event that was chained names the one before it in the file, and so no two name the same. */
function expectChain(file: string): void {
  const events = eventsOf(file);
  const links = events.map(({ prevEventId, plain }, i) => [i, plain === undefined ? prevEventId : undefined]);
  const expected = events.map(({ plain }, i) => [
    i,
    plain === undefined ? events[i - 1]?.eventId : undefined,
  ]);
  expect(links).toEqual(expected);
}

function expectHolds(file: string, acknowledged: object[]): void {
  const links = new Map(eventsOf(file).map(({ eventId, prevEventId }) => [eventId, prevEventId]));
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const { eventId, prevEventId } of acknowledged as Record<string, unknown>[]) {
    expect([eventId, links.has(eventId), links.get(eventId)]).toEqual([eventId, true, prevEventId]);
  }
}
