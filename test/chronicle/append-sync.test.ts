/**
 * appendSync, and what becomes of appends at the end of a process.
 */
import { existsSync } from 'node:fs';
import { openChronicle } from 'holdfast';
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
