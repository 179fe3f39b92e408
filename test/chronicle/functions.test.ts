/**
 * The chronicle as plain functions, and the end of a handle: flush, close, and what comes after.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  appendEvent,
  appendEventWithId,
  HoldfastError,
  type JsonObject,
  lock,
  openChronicle,
  readChronicle,
  tailChronicle,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { until } from '../support/blocking.js';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { descriptorsOf } from '../support/files.js';
import { holderOf } from '../support/holder.js';
import { countIds, eventsOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

describe('appendEvent', () => {
  it('writes the event with its id as the last property, as one line', async () => {
    const file = newFile();
    const event = { type: 'started', at: 1 };
    const { offset, eventId, duplicate } = await appendEvent(file, event);
    expect(readFileSync(file, 'utf8')).toBe(`{"type":"started","at":1,"eventId":"${eventId}"}\n`);
    expect({ offset, duplicate }).toEqual({ offset: 0, duplicate: false });
    expect(event).toEqual({ type: 'started', at: 1 });
  });

  it('takes the event as it is at the call, whatever becomes of it later', async () => {
    const file = newFile();
    const event = { eventId: 'one', number: 1 };
    const appends = [appendEvent(file, event)];
    event.eventId = 'two';
    event.number = 2;
    appends.push(appendEvent(file, event));
    event.number = 3;
    await Promise.all(appends);
    expect(await readChronicle(file)).toEqual([
      { eventId: 'one', number: 1 },
      { eventId: 'two', number: 2 },
    ]);
  });

  it('takes the options of a chronicle', async () => {
    const file = newFile();
    const options = { idKey: 'key', dedupe: false, durability: 'full' } as const;
    await appendEvent(file, { key: 'one' }, options);
    expect(await appendEvent(file, { key: 'one' }, options)).toMatchObject({
      eventId: 'one',
      duplicate: false,
    });
    expect(await appendEvent(file, { key: 'one' }, { idKey: 'key' })).toMatchObject({ duplicate: true });
    expect(readFileSync(file, 'utf8')).toBe('{"key":"one"}\n{"key":"one"}\n');
  });

  it('many at once, with different options, lose and mix nothing', async () => {
    const file = newFile();
    const choices = [
      undefined,
      5000,
      { dedupe: 'consecutive' },
      { durability: 'none' },
      { idKey: 'id' },
    ] as const;
    await Promise.all(
      Array.from({ length: 200 }, (_, number) =>
        appendEvent(file, { eventId: `${number}`, number }, choices[number % choices.length]),
      ),
    );
    expect(new Set(eventsOf(file).map(({ number }) => number)).size).toBe(200);
    expect(eventsOf(file)).toHaveLength(200);
  });

  it('the same event from many callers at once is written once', async () => {
    const file = newFile();
    const results = await Promise.all(Array.from({ length: 50 }, () => appendEvent(file, { same: true })));
    expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(results.map(({ offset }) => offset))).toEqual(new Set([0]));
    expect(eventsOf(file)).toHaveLength(1);
  });

  it('works again after a call that was refused', async () => {
    const file = newFile();
    await expect(appendEvent(file, { big: 1n })).rejects.toMatchObject({ code: 'EVALIDATION' });
    await appendEvent(file, { eventId: 'one' });
    await expect(appendEvent(file, { big: 1n })).rejects.toMatchObject({ code: 'EVALIDATION' });
    await appendEvent(file, { eventId: 'two' });
    expect(eventsOf(file)).toHaveLength(2);
  });

  it('a refused call takes no other with it that is on its way', async () => {
    const file = newFile();
    await appendEvent(file, { eventId: 'zero' });
    const results = await Promise.allSettled([
      appendEvent(file, { eventId: 'one' }),
      appendEvent(file, { big: 1n }),
      appendEvent(file, { eventId: 'two' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['zero', 'one', 'two']);
  });

  it('keeps no process alive once it is acknowledged', async () => {
    const file = newFile();
    const program = new Program('append-and-end', file);
    expect(await program.next()).toEqual([]);
    expect(await program.exited).toBe(0);
    expect(eventsOf(file)).toHaveLength(1);
  });
});

describe('appendEventWithId', () => {
  it('returns the id that the event carries, or the one that it got', async () => {
    const file = newFile();
    expect((await appendEventWithId(file, { eventId: 'mine' })).eventId).toBe('mine');
    const { eventId } = await appendEventWithId(file, { number: 1 });
    expect(eventId).toMatch(/^[0-9a-f]{64}$/);
    expect(eventsOf(file).map((event) => event.eventId)).toEqual(['mine', eventId]);
  });

  it('gives an id also where the options say that none is to be computed', async () => {
    const { eventId } = await appendEventWithId(newFile(), { number: 1 }, { computeId: false } as object);
    expect(eventId).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes a number as the lock timeout', async () => {
    const file = newFile();
    await holderOf(file);
    await expect(appendEventWithId(file, { number: 1 }, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
  });
});

describe('readChronicle and tailChronicle', () => {
  it('a file that is not there holds no events, and is not made', async () => {
    const file = newFile();
    expect(await readChronicle(file)).toEqual([]);
    expect(await tailChronicle(file)).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('an empty file holds none', async () => {
    const file = newFile();
    writeFileSync(file, '');
    expect(await readChronicle(file)).toEqual([]);
    expect(await tailChronicle(file)).toEqual([]);
  });

  it('all events in the order of the file, and the last 10, or n, in that order too', async () => {
    const file = newFile();
    const events: JsonObject[] = Array.from({ length: 25 }, (_, number) => ({
      eventId: `${number}`,
      number,
    }));
    const chronicle = await openChronicle(file);
    await chronicle.appendMany(events);
    await chronicle.close();
    expect(await readChronicle(file)).toEqual(events);
    expect(await tailChronicle(file)).toEqual(events.slice(-10));
    expect(await tailChronicle(file, 3)).toEqual(events.slice(-3));
    expect(await tailChronicle(file, 0)).toEqual([]);
    expect(await tailChronicle(file, 1000)).toEqual(events);
  });

  it('take no lock: they read while another process holds it', async () => {
    const file = newFile();
    await appendEvent(file, { eventId: 'one' });
    await holderOf(file);
    expect(await readChronicle(file)).toEqual([{ eventId: 'one' }]);
    expect(await tailChronicle(file)).toEqual([{ eventId: 'one' }]);
  });

  it('see at once what another process was acknowledged', async () => {
    const file = newFile();
    const other = await ChronicleProcess.open(file);
    for (let number = 1; number <= 20; number++) {
      await other.append({ eventId: `${number}` });
      expect(await tailChronicle(file, 1)).toEqual([{ eventId: `${number}` }]);
    }
  });
});

describe('ELOCK_TIMEOUT: while another process holds the lock of the file', () => {
  it.each([0, 1, 20])(
    'an append that may wait %d ms is refused, and nothing is written',
    async (lockTimeout) => {
      const file = newFile();
      await appendEvent(file, { eventId: 'before' });
      const before = readFileSync(file, 'utf8');
      const holder = await holderOf(file);
      const refused = { name: 'HoldfastError', code: 'ELOCK_TIMEOUT', path: file, outcomeUnknown: false };
      await expect(appendEvent(file, { eventId: 'one' }, lockTimeout)).rejects.toMatchObject(refused);
      await expect(appendEvent(file, { eventId: 'one' }, { lockTimeout })).rejects.toMatchObject(refused);
      const chronicle = await openChronicle(file, { lockTimeout });
      await expect(chronicle.append({ eventId: 'one' })).rejects.toMatchObject(refused);
      await expect(chronicle.appendMany([{ a: 1 }, { a: 2 }])).rejects.toMatchObject(refused);
      expect(readFileSync(file, 'utf8')).toBe(before);

      // The same handle goes on as soon as the lock is free.
      await holder.ask({ command: 'release', file });
      expect(await chronicle.append({ eventId: 'one' })).toMatchObject({ duplicate: false });
      await chronicle.close();
      expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['before', 'one']);
    },
  );

  it('an append that waits goes on when the holder lets go, and when it dies', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file, { lockTimeout: Number.POSITIVE_INFINITY });
    const first = await holderOf(file);
    const one = chronicle.append({ eventId: 'one' });
    await first.ask({ command: 'release', file });
    await one;
    const second = await holderOf(file);
    const two = chronicle.append({ eventId: 'two' });
    await second.kill();
    await two;
    await chronicle.close();
    expect(eventsOf(file)).toHaveLength(2);
  });

  it('a lock of our own process counts too', async () => {
    const file = newFile();
    const held = await lock(file);
    await expect(appendEvent(file, { eventId: 'one' }, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await held.release();
    await appendEvent(file, { eventId: 'one' }, 0);
    expect(eventsOf(file)).toHaveLength(1);
  });
});

describe('flush and close', () => {
  it('flush resolves when every append before it is settled, those that fail too', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    let settled = 0;
    const appends = Array.from({ length: 30 }, (_, number) =>
      chronicle.append(number % 10 === 9 ? { big: 1n } : { number }).then(
        () => settled++,
        () => settled++,
      ),
    );
    await chronicle.flush();
    expect(eventsOf(file)).toHaveLength(27);
    expect(settled).toBe(30);
    await Promise.all(appends);
    await chronicle.flush(); // with nothing to wait for
    await chronicle.close();
  });

  it('close lets the appends before it finish, and refuses those after it with ECLOSED', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    const before = Array.from({ length: 100 }, (_, number) => chronicle.append({ number }));
    const closed = chronicle.close();
    const closedError = { name: 'HoldfastError', code: 'ECLOSED', path: file };
    await expect(chronicle.append({ late: true })).rejects.toMatchObject(closedError);
    await expect(chronicle.appendMany([{ late: true }])).rejects.toMatchObject(closedError);
    await closed;
    expect(eventsOf(file)).toHaveLength(100);
    expect(new Set((await Promise.all(before)).map(({ offset }) => offset)).size).toBe(100);
    await expect(chronicle.append({ late: true })).rejects.toMatchObject(closedError);
    await chronicle.close();
    await chronicle.flush();
    expect(eventsOf(file)).toHaveLength(100);
  });

  it('close waits for an append that waits for the lock', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file, { lockTimeout: Number.POSITIVE_INFINITY });
    const holder = await holderOf(file);
    const append = chronicle.append({ eventId: 'one' });
    const closed = chronicle.close();
    await holder.ask({ command: 'release', file });
    await closed;
    expect(await append).toMatchObject({ offset: 0, duplicate: false });
  });

  it('`await using` closes', async () => {
    const file = newFile();
    let outside: { append(event: object): Promise<unknown> };
    {
      await using chronicle = await openChronicle(file);
      outside = chronicle;
      void chronicle.append({ eventId: 'one' });
    }
    expect(eventsOf(file)).toHaveLength(1);
    await expect(outside.append({ late: true })).rejects.toThrow(HoldfastError);
  });

  it.skipIf(process.platform !== 'linux')('close leaves no descriptor open (seen in /proc)', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    await chronicle.append({ eventId: 'one' });
    await chronicle.append({ eventId: 'one' });
    expect(descriptorsOf(file)).toBe(1);
    await chronicle.close();
    // The writer's thread closes it, and what it does last cannot be waited for but by another who does the
    // same.
    await until(() => descriptorsOf(file) === 0, 'a closed chronicle has no descriptor');
    expect(descriptorsOf(file)).toBe(0);
  });

  it('several handles of one process on one file deduplicate and exclude one another', async () => {
    const file = newFile();
    const handles = await Promise.all([1, 2, 3].map(() => openChronicle(file)));
    const results = await Promise.all(
      handles.flatMap((handle) => Array.from({ length: 20 }, (_, n) => handle.append({ eventId: `${n}` }))),
    );
    expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(20);
    expect([...countIds(eventsOf(file)).values()]).toEqual(Array(20).fill(1));
    await Promise.all(handles.map((handle) => handle.close()));
  });
});
