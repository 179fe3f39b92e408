/**
 * appendSync, and what becomes of appends at the end of a process.
 */
import { existsSync } from 'node:fs';
import { lock, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { eventsOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

describe('appendSync', () => {
  it('returns when the event is in the file', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    expect(chronicle.appendSync({ eventId: 'a' })).toEqual({
      offset: 0,
      next: 16,
      eventId: 'a',
      duplicate: false,
    });
    expect(eventsOf(file)).toHaveLength(1);
    expect(chronicle.appendSync({ eventId: 'a' })).toEqual({
      offset: 0,
      next: 16,
      eventId: 'a',
      duplicate: true,
    });
  });

  it('writes what was appended before it first, and settles that too', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const before = ['a', 'b', 'a'].map((eventId) => chronicle.append({ eventId }));
    expect(chronicle.appendSync({ eventId: 'c' })).toMatchObject({ duplicate: false });
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['a', 'b', 'c']);
    expect((await Promise.all(before)).map(({ duplicate }) => duplicate)).toEqual([false, false, true]);
  });

  it('answers the questions of appends that are under way, which nobody else could', async () => {
    const file = newFile();
    const other = await ChronicleProcess.open(file);
    await other.append({ eventId: 'theirs' });
    await using chronicle = await openChronicle(file);
    const duplicate = chronicle.append({ eventId: 'theirs' });
    expect(chronicle.appendSync({ eventId: 'ours' })).toMatchObject({ duplicate: false });
    expect(await duplicate).toMatchObject({ offset: 0, duplicate: true });
  });

  it('finds what others have written, and goes on after it', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    chronicle.appendSync({ eventId: 'ours' });
    const other = await ChronicleProcess.open(file);
    await other.append({ eventId: 'theirs' });
    expect(chronicle.appendSync({ eventId: 'next' })).toMatchObject({ offset: 40, duplicate: false });
    await other.append({ eventId: 'theirs too' });
    expect(chronicle.appendSync({ eventId: 'theirs too' })).toMatchObject({ offset: 59, duplicate: true });
    expect(chronicle.appendSync({ eventId: 'ours' })).toMatchObject({ offset: 0, duplicate: true });
    expect(await other.ask('appendSync', [{ eventId: 'next' }])).toMatchObject([{ duplicate: true }]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['ours', 'theirs', 'next', 'theirs too']);
  });

  it('waits for a lock that another process has', async () => {
    const file = newFile();
    const other = await ChronicleProcess.open(file, { lockTimeout: 60_000 });
    await other.ask('appendSync', [{ eventId: 'a' }]);
    const holder = await lock(file);
    const waiting = other.ask('appendSync', [{ eventId: 'b' }, { eventId: 'c' }]);
    await new Promise((resolve) => setTimeout(resolve, 50)); // mostly, it waits by then
    expect(eventsOf(file)).toHaveLength(1);
    await holder.release();
    expect(await waiting).toMatchObject([
      { offset: 16, duplicate: false },
      { offset: 32, duplicate: false },
    ]);
  });

  it('tells after lockTimeout who has the lock', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { lockTimeout: 20 });
    const holder = await lock(file);
    const other = await ChronicleProcess.open(file, { lockTimeout: 20 });
    await expect(other.ask('appendSync', [{}])).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(() => chronicle.appendSync({})).toThrow(expect.objectContaining({ code: 'EDEADLK' }));
    await holder.release();
    expect(chronicle.appendSync({}).offset).toBe(0);
  });

  it('rotates', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 40 } });
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const results = ids.map((eventId) => chronicle.appendSync({ eventId }));
    expect(results.map(({ offset }) => offset)).toEqual([0, 16, 0, 16, 0]);
    expect((await chronicle.toArray()).map(({ event }) => event.eventId)).toEqual(ids);
    expect(chronicle.stats()).toMatchObject({ rotations: 2, commits: 5, events: 5 });
  });

  it('keeps the order among appends of both kinds, whoever commits them', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const pending: Promise<unknown>[] = [];
    const expected: string[] = [];
    for (let n = 0; n < 300; n++) {
      const eventId = `${n}`;
      expected.push(eventId);
      if (n % 7 < 3) pending.push(chronicle.append({ eventId }));
      else expect(chronicle.appendSync({ eventId })).toMatchObject({ eventId, duplicate: false });
      if (n % 11 === 0) await pending.at(-1);
    }
    await Promise.all(pending);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(expected);
    expect(chronicle.stats().pending).toEqual({ events: 0, bytes: 0 });
  });

  it('throws what append rejects with', async () => {
    const chronicle = await openChronicle(newFile());
    expect(() => chronicle.appendSync([] as never)).toThrow(expect.objectContaining({ code: 'EVALIDATION' }));
    expect(() => chronicle.appendSync({}, { ifEnd: 7 })).toThrow(
      expect.objectContaining({ code: 'ECONFLICT' }),
    );
    await chronicle.close();
    expect(() => chronicle.appendSync({})).toThrow(expect.objectContaining({ code: 'ECLOSED' }));
  });
});

describe('process.exit', () => {
  it.each(['at once', 'in exit', 'in exit without waiting', 'in a worker'])(
    'writes what was appended before: %s',
    async (how) => {
      const file = newFile();
      const program = new Program('append-and-exit', how, file);
      expect(await program.exited).toBe(0);
      expect(existsSync(file)).toBe(true);
      expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(
        Array.from({ length: 1000 }, (_, n) => `${n}`),
      );
    },
  );
});
