/**
 * C5: within its window, an id is written once, whichever process sends it; a duplicate is acknowledged only
 * when the first copy is durable.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AppendResult, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

/** So many processes that have the file open and have looked at what is in it. */
function openAtOnce(count: number, file: string, options = {}): Promise<ChronicleProcess[]> {
  return Promise.all(Array.from({ length: count }, () => ChronicleProcess.open(file, options)));
}

const oddIds = [
  'quote " in it',
  '"',
  'backslash \\ in it',
  '\\',
  '\\"',
  '\\u0061',
  'slash / in it',
  'new\nline',
  'NUL \u0000 in it',
  'line separator \u2028',
  'Grüße',
  '世界',
  '🎉',
  'e\u0301', // é of two characters: another id than the next
  '\u00e9',
  ' spaces ',
  '{"eventId":"nested"}',
  'x'.repeat(5000),
];

describe('C5: several processes that send the same events at once', () => {
  it('write each once; one of them is told so, the others where it stands', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const processes = await openAtOnce(4, file);
    await Promise.all(processes.map((process) => process.flood('same', 8, 20, [0, 500, 20_000])));
    const events = eventsOf(file);
    expect(events).toHaveLength(8 * 20);
    expect(countIds(events).size).toBe(8 * 20);

    const results = new Map<unknown, AppendResult[]>();
    for (const result of processes.flatMap((process) => process.acknowledged)) {
      results.set(result.eventId, [...(results.get(result.eventId) ?? []), result]);
    }
    for (const { eventId, offset } of events) {
      const told = results.get(eventId) ?? [];
      expect(told.map((result) => result.offset)).toEqual([offset, offset, offset, offset]);
      expect(told.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    }
  });

  it('write each once when an appendMany holds some that another process has written', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = (await openAtOnce(2, file)) as [ChronicleProcess, ChronicleProcess];
    await second.append({ eventId: '0' });
    await first.appendMany(['1', '2', '3'].map((eventId) => ({ eventId })));
    const results = await second.appendMany(['4', '2', '5', '2', '0', '5'].map((eventId) => ({ eventId })));
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, true, false, true, true, true]);
    const events = eventsOf(file);
    expect(events.map(({ eventId }) => eventId)).toEqual(['0', '1', '2', '3', '4', '5']);
    for (const { eventId, offset } of results) {
      expect(events.find((event) => event.eventId === eventId)?.offset).toBe(offset);
    }
  });

  it('write an event without id once, for its id is made from what is in it', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const processes = await openAtOnce(3, file);
    const results = await Promise.all(processes.map((process) => process.append({ a: 'ü', b: [1, 2] })));
    expect(eventsOf(file)).toHaveLength(1);
    expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  });

  it('write an id once that JSON writes with escapes', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = (await openAtOnce(2, file)) as [ChronicleProcess, ChronicleProcess];
    for (const [index, eventId] of oddIds.entries()) {
      const [writer, repeater] = index % 2 === 0 ? [first, second] : [second, first];
      const { offset, next } = await writer.append({ eventId });
      expect(await repeater.append({ eventId })).toEqual({ offset, next, eventId, duplicate: true });
    }
    // And in a batch of callers at once, from both sides.
    const ids = oddIds.map((id) => `again ${id}`);
    await Promise.all(
      [first, second].flatMap((process) => ids.map((eventId) => process.append({ eventId }))),
    );
    expect(eventsOf(file).map(({ eventId }) => eventId)).toHaveLength(2 * oddIds.length);
    expect(countIds(eventsOf(file)).size).toBe(2 * oddIds.length);
  });

  it('write a plain id once among events whose text is escaped', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = (await openAtOnce(2, file)) as [ChronicleProcess, ChronicleProcess];
    const text = '\u0000 \u001f \\u0061 \\ "';
    for (let number = 0; number < 5; number++) {
      const event = { eventId: `plain-${number}`, text };
      const { offset, next } = await first.append(event);
      expect(await second.append(event)).toEqual({ offset, next, eventId: event.eventId, duplicate: true });
    }
    expect(eventsOf(file)).toHaveLength(5);
  });

  it('do not take an id for written that stands elsewhere in an event', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = (await openAtOnce(2, file)) as [ChronicleProcess, ChronicleProcess];
    await second.append({ eventId: '0' });
    await first.append({
      eventId: '1',
      text: 'a',
      nested: { eventId: 'b' },
      list: ['c'],
      d: 1,
      e: '"eventId":"f"',
    });
    for (const eventId of 'abcdef') {
      expect(await second.append({ eventId })).toMatchObject({ duplicate: false });
    }
    expect(eventsOf(file)).toHaveLength(8);
  });
});

describe('C5: a small window is that of the file, whichever process wrote what is in it', () => {
  /**
   * `order` names the process, 0 or 1, and the id of each append; what was written comes back in capitals.
   */
  const letters = async (file: string, options: object, order: string) => {
    const processes = await openAtOnce(2, file, options);
    const written: string[] = [];
    for (const [process = '', eventId = ''] of order.split(' ')) {
      const result = await processes[Number(process)]?.append({ eventId });
      written.push(result?.duplicate ? eventId : eventId.toUpperCase());
    }
    return written.join('');
  };

  it("'consecutive': the last event, though another process wrote it", async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const order = '0a 1a 1b 0b';
    expect(await letters(file, { dedupe: 'consecutive' }, order)).toBe('AaBb');
  });

  it("'consecutive': not the last event that this process wrote", async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const order = '0a 1b 0a 1b';
    expect(await letters(file, { dedupe: 'consecutive' }, order)).toBe('ABAB');
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('{ window: 3 }: the last three events of all processes', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const order = '0a 1b 1c 0a 1d 0a 0d 1b';
    expect(await letters(file, { dedupe: { window: 3 } }, order)).toBe('ABCaDAdB');
  });
});

describe('C5: the events of a writer that is not holdfast count', () => {
  const foreign: [string, string, string][] = [
    ['a plain id', '{"eventId":"plain"}', 'plain'],
    ['spaces around it', '{ "n" : 1 , "eventId" :\t"spaces" }', 'spaces'],
    ['CRLF', '{"eventId":"crlf"}\r', 'crlf'],
    ['UTF-8', '{"eventId":"café"}', 'café'],
    ["an id with \\u escapes, as Python's json writes it", '{"eventId":"caf\\u00e9"}', 'café'],
    ['a surrogate pair of \\u escapes', '{"eventId":"\\ud83c\\udf89"}', '🎉'],
    ['letters of a plain id with \\u escapes', '{"eventId":"\\u0070la\\u0069n"}', 'plain'],
    ['letters of the name with \\u escapes', '{"\\u0065ventId":"plain"}', 'plain'],
    ['a slash with a backslash', '{"eventId":"a\\/b"}', 'a/b'],
  ];

  it.each(foreign)('%s', async (_, line, eventId) => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file);
    await chronicle.append({ eventId: '0' });
    appendFileSync(file, `${line}\n`);
    const result = await chronicle.append({ eventId });
    const next = 16 + Buffer.byteLength(line) + 1;
    expect(result).toEqual({ offset: 16, next, eventId, duplicate: true });
    await chronicle.close();
    expect(readFileSync(file, 'utf8')).toBe(`{"eventId":"0"}\n${line}\n`);
  });

  it.each(foreign)('%s, in a file that was not open then', async (_, line, eventId) => {
    const file = join(temporaryDirectory(), 'chronicle');
    appendFileSync(file, `${line}\n`);
    const chronicle = await openChronicle(file);
    const next = Buffer.byteLength(line) + 1;
    expect(await chronicle.append({ eventId })).toEqual({ offset: 0, next, eventId, duplicate: true });
    await chronicle.close();
  });

  it('more of them than are looked at under the lock', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file);
    await chronicle.append({ eventId: '0' });
    const fill = 'x'.repeat(1000);
    appendFileSync(
      file,
      Array.from({ length: 3000 }, (_, n) => `{"eventId":"f${n}","fill":"${fill}"}\n`).join(''),
    );
    for (const eventId of ['f0', 'f1500', 'f2999', '0']) {
      expect(await chronicle.append({ eventId })).toMatchObject({ duplicate: true });
    }
    expect(await chronicle.append({ eventId: 'f3000' })).toMatchObject({ duplicate: false });
    await chronicle.close();
  });
});

describe.skipIf(unwatchable)('C5: a duplicate is acknowledged only when the first copy is durable', () => {
  /**
   * A process that has written an event and waits for its sync, so that the line is in the file and not
   * durable.
   */
  async function withUnsyncedEvent() {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    const of = { writer: await SystemCalls.under(directory), repeater: await SystemCalls.under(directory) };
    const writer = await ChronicleProcess.open(file, {}, { env: of.writer.env });
    const repeater = await ChronicleProcess.open(file, {}, { env: of.repeater.env });
    await repeater.append({ eventId: 'before' });
    const reached = of.writer.hold('fdatasync chronicle');
    const append = writer.append({ eventId: 'event' });
    const sync = await reached;
    return { calls: of.repeater, repeater, append, sync };
  }

  it('whoever repeats it syncs the file before', async () => {
    const { calls, repeater, append, sync } = await withUnsyncedEvent();
    const reached = calls.hold('fdatasync chronicle');
    let acknowledged = false;
    const repeated = repeater.append({ eventId: 'event' }).then((result) => {
      acknowledged = true;
      return result;
    });
    const ownSync = await reached;
    await repeater.ping();
    expect(acknowledged).toBe(false);
    ownSync.answer('go');
    expect(await repeated).toMatchObject({ duplicate: true });
    sync.answer('go');
    expect(await append).toMatchObject({ duplicate: false });
  });

  it('a duplicate whose sync fails is rejected', async () => {
    const { calls, repeater, append, sync } = await withUnsyncedEvent();
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    await expect(repeater.append({ eventId: 'event' })).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: true,
    });
    sync.answer('go');
    await append;
  });

  it('what is known to be durable is not synced again', async () => {
    const { calls, repeater, append, sync } = await withUnsyncedEvent();
    sync.answer('go');
    await append;
    await repeater.append({ eventId: 'event' });
    const syncs = () => calls.made.filter((call) => call.startsWith('fdatasync'));
    const before = syncs();
    expect(await repeater.append({ eventId: 'event' })).toMatchObject({ duplicate: true });
    expect(syncs()).toEqual(before);
  });
});
