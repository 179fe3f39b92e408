/**
 * Optimistic concurrency: an append that is made only if the file still ends where its caller thinks.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { eventsOf, linesOf } from '../support/lines.js';

describe('append with ifEnd', () => {
  it('appends where the file ends there, and says ECONFLICT with the true end where it does not', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const first = await chronicle.append({ eventId: 'a' }, { ifEnd: 0 });
    expect(first).toMatchObject({ offset: 0, duplicate: false });
    const error = await chronicle.append({ eventId: 'b' }, { ifEnd: 0 }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'HoldfastError', code: 'ECONFLICT', path: file });
    const [entry] = await chronicle.tail(1);
    expect(error.end).toBe(entry?.next);
    expect(error.end).toBe(first.next);
    expect(await chronicle.append({ eventId: 'b' }, { ifEnd: error.end })).toMatchObject({
      offset: error.end,
    });
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['a', 'b']);
  });

  it('acknowledges an event that is there already, wherever the file ends: the retry of a lost acknowledgement', async () => {
    await using chronicle = await openChronicle(newFile());
    await chronicle.append({ eventId: 'a' }, { ifEnd: 0 });
    await chronicle.append({ eventId: 'b' });
    expect(await chronicle.append({ eventId: 'a' }, { ifEnd: 0 })).toMatchObject({
      offset: 0,
      duplicate: true,
    });
  });

  it('goes on at the next of a result: of an event, of a duplicate, of several, and of a copy in the same batch', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    let { next } = await chronicle.append({ eventId: 'ü' }, { ifEnd: 0 });
    ({ next } = await chronicle.append({ eventId: 'ü' }, { ifEnd: next }));
    ({ next } = await chronicle.append({ eventId: 'b', text: 'é'.repeat(40) }, { ifEnd: next }));
    const [first, copy, last, again] = await chronicle.appendMany(
      [{ eventId: 'c' }, { eventId: 'c' }, { eventId: 'd' }, { eventId: 'ü' }],
      { ifEnd: next },
    );
    expect(copy).toEqual({ ...first, duplicate: true });
    expect(again).toMatchObject({ offset: 0, next: 17, duplicate: true });
    ({ next } = await chronicle.append({ eventId: 'd' }, { ifEnd: 0 }));
    expect(next).toBe(last?.next);
    await chronicle.append({ eventId: 'e' }, { ifEnd: next });
    for (const entry of await chronicle.toArray()) {
      const { eventId } = entry.event as { eventId: string };
      expect(await chronicle.append({ eventId })).toMatchObject({ offset: entry.offset, next: entry.next });
    }
  });

  it('goes on at the next of a duplicate whose line has no newline, before and after that is added', async () => {
    const file = newFile();
    writeFileSync(file, '{"eventId":"a"}');
    await using chronicle = await openChronicle(file);
    const { next } = await chronicle.append({ eventId: 'a' });
    expect(next).toBe(15);
    const results = await chronicle.appendMany([{ eventId: 'a' }, { eventId: 'b' }], { ifEnd: next });
    expect(results).toMatchObject([
      { offset: 0, next: 16, duplicate: true },
      { offset: 16, next: 32 },
    ]);
  });

  it('appends all events of a call, or none', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    await chronicle.append({ eventId: 'a' });
    const events = [{ eventId: 'b' }, { eventId: 'a' }, { eventId: 'c' }];
    await expect(chronicle.appendMany(events, { ifEnd: 0 })).rejects.toMatchObject({ code: 'ECONFLICT' });
    expect(eventsOf(file)).toHaveLength(1);
    expect(chronicle.stats()).toMatchObject({ events: 1, eventsPerCommit: { max: 1 } });
    const { next: end } = (await chronicle.tail(1))[0] ?? { next: 0 };
    const results = await chronicle.appendMany(events, { ifEnd: end });
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, true, false]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['a', 'b', 'c']);
  });

  it('lets one of several calls of the same moment win, and refuses none of those without it', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const outcomes = await Promise.allSettled([
      chronicle.append({ eventId: 'free 1' }),
      ...['a', 'b', 'c'].map((eventId) => chronicle.append({ eventId }, { ifEnd: 0 })),
      chronicle.append({ eventId: 'free 2' }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    const { end } = (outcomes[1] as PromiseRejectedResult).reason;
    const second = await Promise.allSettled(
      ['a', 'b', 'c'].map((eventId) => chronicle.append({ eventId }, { ifEnd: end })),
    );
    expect(second.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['free 1', 'free 2', 'a']);
    // What each call was told is where its event stands, also behind calls that were refused.
    const free = outcomes[4] as PromiseFulfilledResult<{ offset: number }>;
    expect(free.value.offset).toBe(eventsOf(file)[1]?.offset);
  });

  it('counts a torn tail: the file does not end before it', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const { length: end } = await chronicle
      .append({ eventId: 'a' })
      .then(async () => (await chronicle.tail(1))[0] ?? { length: 0 });
    appendFileSync(file, '{"torn');
    const error = await chronicle.append({ eventId: 'b' }, { ifEnd: end }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ECONFLICT', end: end + 6 });
    expect(await chronicle.append({ eventId: 'b' }, { ifEnd: error.end })).toMatchObject({ offset: end + 7 });
  });

  it('is a compare-and-swap between processes: a counter that loses no step', async () => {
    const file = newFile();
    const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file, { dedupe: false })));
    const steps = 30;
    await Promise.all(
      processes.map(async (process) => {
        for (let made = 0; made < steps; ) {
          const last = linesOf(file).findLast(({ complete }) => complete);
          const value = last ? (JSON.parse(last.text) as { value: number }).value : 0;
          const end = last ? last.offset + last.text.length + 1 : 0;
          try {
            await process.append({ value: value + 1 }, { ifEnd: end });
            made++;
          } catch (error) {
            expect(error).toMatchObject({ code: 'ECONFLICT' });
          }
        }
      }),
    );
    const values = eventsOf(file).map(({ value }) => value);
    expect(values).toEqual(Array.from({ length: 3 * steps }, (_, n) => n + 1));
  });

  it.each([-1, 1.5, Number.NaN, '0', null])('EVALIDATION: refuses %s', async (ifEnd) => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const call = chronicle.append({ eventId: 'a' }, { ifEnd: ifEnd as number });
    await expect(call).rejects.toMatchObject({ code: 'EVALIDATION', field: 'ifEnd' });
    expect(eventsOf(file)).toEqual([]);
  });
});
