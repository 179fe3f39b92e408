/** E1: a chronicle does the same, whatever engine keeps it. */
import type { Chronicle, ChronicleOptions, Entry, JsonObject } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAt } from '../programs/open-at.mjs';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { toArray } from '../support/iterate.js';
import { engines } from './engines.js';

const numbers = (entries: readonly Entry<JsonObject>[]) => entries.map(({ event }) => event.n);
const events = (...ns: unknown[]) => ns.map((n) => ({ n }));

describe.each(engines)('E1: a chronicle on $name', ({ missing, begin }) => {
  describe.skipIf(missing)(missing ?? 'here', () => {
    const newAddress = begin();

    async function open(options?: ChronicleOptions, address = newAddress()): Promise<Chronicle> {
      const { chronicle, close } = await openAt(address, options);
      onTestFinished(close);
      return chronicle;
    }

    async function opened(address: string): Promise<ChronicleProcess> {
      const other = new ChronicleProcess();
      await other.ask('open', address, {});
      return other;
    }

    it('says where each event is, in bytes, and gives it the same id as anywhere', async () => {
      const chronicle = await open();
      const eventId = '2bfd14f43d17fc7cea24e0917a8879b4b2f880b8baeec1b9d90fbaad655e71bd';
      expect(await chronicle.append({ n: 1 })).toEqual({ offset: 0, next: 85, eventId, duplicate: false });
      expect(await chronicle.append({ n: 1 })).toEqual({ offset: 0, next: 85, eventId, duplicate: true });
      expect(await chronicle.append({ eventId: 'é', n: '\u2028\0"\\\n' })).toMatchObject({
        offset: 85,
        next: 127,
      });
      const [, entry] = await chronicle.toArray();
      expect(entry).toMatchObject({
        event: { eventId: 'é', n: '\u2028\0"\\\n' },
        offset: 85,
        length: 42,
        next: 127,
      });
    });

    it('keeps the text of JSON as it is', async () => {
      const chronicle = await open();
      await chronicle.appendManyJson([
        ' {"n":1.0,\n"eventId":"a"} ',
        '{"n":12345678901234567890,"eventId":"b"}',
      ]);
      expect(await chronicle.toArray()).toMatchObject([{ length: 24 }, { length: 41, next: 65 }]);
    });

    it('appends many events next to each other, also where some of them are the same', async () => {
      const chronicle = await open();
      const results = await chronicle.appendMany(events(1, 2, 1, 3, 2));
      expect(results.map(({ duplicate }) => duplicate)).toEqual([false, false, true, false, true]);
      expect(results.map(({ offset }) => offset)).toEqual([0, 85, 0, 170, 85]);
      expect(numbers(await chronicle.toArray())).toEqual([1, 2, 3]);
      expect(await chronicle.appendMany([])).toEqual([]);
    });

    it.each([
      ['all' as const, [false, false, true, false, true]],
      ['consecutive' as const, [false, false, false, false, false]],
      [{ window: 2 }, [false, false, true, false, true]],
      [false as const, [false, false, false, false, false]],
    ])('knows the ids that dedupe: %o asks for', async (dedupe, expected) => {
      const ids = ['a', 'b', 'a', 'c', 'b'].map((eventId) => ({ eventId }));
      const together = await (await open({ dedupe })).appendMany(ids);
      expect(together.map(({ duplicate }) => duplicate)).toEqual(expected);
      const chronicle = await open({ dedupe });
      const oneByOne: boolean[] = [];
      for (const event of ids) oneByOne.push((await chronicle.append(event)).duplicate);
      expect(oneByOne).toEqual(expected);
      const atOnce = await Promise.all(ids.map((event) => chronicle.append(event)));
      expect(atOnce.every(({ offset, next }) => next > offset)).toBe(true);
    });

    it('forgets an id that has left the window, and names the copy that is in it', async () => {
      const chronicle = await open({ dedupe: { window: 2 } });
      for (const eventId of ['a', 'b', 'c']) await chronicle.append({ eventId });
      const again = await chronicle.append({ eventId: 'a' });
      expect(again.duplicate).toBe(false);
      expect(await chronicle.append({ eventId: 'a' })).toEqual({ ...again, duplicate: true });
      expect(numbers(await chronicle.toArray())).toHaveLength(4);
    });

    it('appends only where it ends, with ifEnd', async () => {
      const chronicle = await open();
      const { next } = await chronicle.append({ n: 1 }, { ifEnd: 0 });
      await expect(chronicle.append({ n: 2 }, { ifEnd: 0 })).rejects.toMatchObject({
        code: 'ECONFLICT',
        end: next,
      });
      // An event that is there is a duplicate, wherever the chronicle ends.
      expect((await chronicle.append({ n: 1 }, { ifEnd: 7 })).duplicate).toBe(true);
      await expect(chronicle.appendMany(events(1, 2, 3), { ifEnd: 7 })).rejects.toMatchObject({
        code: 'ECONFLICT',
      });
      expect((await chronicle.appendMany(events(1, 2, 3), { ifEnd: next }))[2]).toMatchObject({
        duplicate: false,
      });
      const settled = await Promise.allSettled([
        chronicle.append({ n: 4 }, { ifEnd: 3 * next }),
        chronicle.append({ n: 5 }, { ifEnd: 3 * next }),
        chronicle.append({ n: 6 }),
        chronicle.append({ n: 7 }, { ifEnd: 5 * next }),
      ]);
      expect(settled.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      expect(numbers(await chronicle.toArray())).toEqual([1, 2, 3, 4, 6, 7]);
    });

    it.each([false as const, 'consecutive' as const, 'all' as const])(
      'appends only where it ends, with dedupe: %o',
      async (dedupe) => {
        const chronicle = await open({ dedupe });
        const { next } = await chronicle.append({ n: 1 }, { ifEnd: 0 });
        await expect(chronicle.append({ n: 2 }, { ifEnd: 0 })).rejects.toMatchObject({ end: next });
        await chronicle.appendMany(events(2, 3), { ifEnd: next });
        expect(numbers(await chronicle.toArray())).toEqual([1, 2, 3]);
      },
    );

    it('gives positions of the first event that is written, though calls before it were refused', async () => {
      const address = newAddress();
      const chronicle = await open({}, address);
      await Promise.allSettled([chronicle.append({ n: 1 }, { ifEnd: 7 }), chronicle.append({ n: 2 })]);
      const [first] = await chronicle.toArray();
      await chronicle.append({ n: 3 });
      expect(numbers(await (await open({}, address)).toArray({ after: first?.position as string }))).toEqual([
        3,
      ]);
    });

    it('reads ranges, backwards, and what is asked for', async () => {
      const chronicle = await open();
      await chronicle.appendMany(events(...Array.from({ length: 50 }, (_, i) => i % 10), 'x', true, null));
      const all = await chronicle.toArray();
      expect(numbers(all)).toEqual([...Array(10).keys(), 'x', true, null]);
      const third = all[3] as Entry<JsonObject>;
      expect(numbers(await chronicle.toArray({ from: third.offset, limit: 2 }))).toEqual([3, 4]);
      expect(numbers(await chronicle.toArray({ from: third.offset + 1, limit: 1 }))).toEqual([4]);
      expect(numbers(await chronicle.toArray({ to: third.offset }))).toEqual([0, 1, 2]);
      expect(numbers(await chronicle.toArray({ to: third.offset, reverse: true, limit: 2 }))).toEqual([2, 1]);
      expect(numbers(await chronicle.toArray({ reverse: true }))).toEqual(numbers(all).reverse());
      for (const n of [3, 'x', true, null]) {
        expect(numbers(await chronicle.toArray({ where: { n } }))).toEqual([n]);
        expect(numbers(await chronicle.toArray({ where: { n }, reverse: true }))).toEqual([n]);
      }
      expect(await chronicle.toArray({ where: { n: "'); --" } })).toEqual([]);
      expect(await chronicle.toArray({ limit: 0 })).toEqual([]);
      expect(await chronicle.toArray({ from: 1e9 })).toEqual([]);
    });

    it('finds events however their JSON is written', async () => {
      const chronicle = await open();
      await chronicle.appendManyJson([
        '{"eventId":"a","type":"\\u006frder","path":"a\\/b"}',
        '{"eventId":"b","type":"order","path":"a/b"}',
        '{"eventId":"c","type":"other","quantity":1e2}',
      ]);
      const ids = async (where: NonNullable<Parameters<Chronicle['read']>[0]>['where']) =>
        (await chronicle.toArray({ where })).map(({ event }) => event.eventId);
      expect(await ids({ type: 'order' })).toEqual(['a', 'b']);
      expect(await ids({ path: 'a/b' })).toEqual(['a', 'b']);
      expect(await ids({ quantity: 100 })).toEqual(['c']);
      expect(await chronicle.find('b')).toMatchObject({ event: { eventId: 'b' } });
      expect(await chronicle.find('d')).toBeUndefined();
    });

    it('reads a chronicle of many pages in both directions, with lines longer than one', async () => {
      const chronicle = await open();
      const fills = ['', 'x'.repeat(300_000), 'y'.repeat(5), 'z'.repeat(600_000)];
      const count = 600;
      const many = Array.from({ length: count }, (_, n) => ({
        n,
        fill: n % 50 < 4 ? fills[n % 50] : 'w'.repeat(900),
      }));
      await chronicle.appendMany(many);
      const order = many.map(({ n }) => n);
      expect(numbers(await chronicle.toArray())).toEqual(order);
      expect(numbers(await chronicle.toArray({ reverse: true }))).toEqual(order.toReversed());
      expect(numbers(await chronicle.toArray({ where: { fill: fills[1] as string } }))).toEqual(
        order.filter((n) => n % 50 === 1),
      );
      expect(numbers(await chronicle.tail(3))).toEqual([597, 598, 599]);
      expect(await toArray(chronicle.stream())).toHaveLength(count);
    });

    it('goes on after a position, also in another process', async () => {
      const address = newAddress();
      const chronicle = await open({}, address);
      await chronicle.appendMany(events(1, 2, 3));
      const [first, , last] = await chronicle.toArray();
      expect(numbers(await chronicle.toArray({ after: first?.position as string }))).toEqual([2, 3]);
      expect(numbers(await chronicle.toArray({ after: first?.position as string, reverse: true }))).toEqual([
        3, 2,
      ]);
      const another = await open({}, address);
      expect(await another.toArray({ after: last?.position as string })).toEqual([]);
      await chronicle.append({ n: 4 });
      expect(numbers(await another.toArray({ after: last?.position as string }))).toEqual([4]);
    });

    it('C14: a position of another chronicle is a gap, and what is none is refused', async () => {
      const other = await open();
      await other.append({ another: 'chronicle' });
      const after = (await other.tail(1))[0]?.position as string;
      const chronicle = await open();
      await chronicle.appendMany(events(1, 2));
      await expect(chronicle.toArray({ after })).rejects.toMatchObject({ code: 'EGAP', gap: { after } });
      let gaps = 0;
      const onGap = () => {
        gaps++;
      };
      expect(numbers(await chronicle.toArray({ after, onGap }))).toEqual([1, 2]);
      expect(gaps).toBe(1);
      await expect(chronicle.follow({ after }).next()).rejects.toMatchObject({ code: 'EGAP' });
      await expect(chronicle.toArray({ after: 'nonsense' })).rejects.toMatchObject({ code: 'EVALIDATION' });
    });

    it('follows what is there, and what another process appends', async () => {
      const address = newAddress();
      const chronicle = await open({}, address);
      await chronicle.appendMany(events(1, 2));
      const from = (await chronicle.tail(1))[0]?.position as string;
      const all = chronicle.follow();
      const after = chronicle.follow({ after: from });
      const ends = chronicle.follow({ from: 'end' });
      const take = async (one: AsyncGenerator<Entry<JsonObject>, void, undefined>) =>
        ((await one.next()).value as Entry<JsonObject>).event.n;
      expect([await take(all), await take(all)]).toEqual([1, 2]);
      const other = await opened(address);
      const waiting = [all, after, ends].map(take);
      // From when on 'end' counts is when it is first asked for, which nobody outside sees.
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const n of [3, 4]) await other.append({ n });
      expect(await Promise.all(waiting)).toEqual([3, 3, 3]);
      expect(await Promise.all([all, after, ends].map(take))).toEqual([4, 4, 4]);
      const idle = all.next();
      await all.return();
      expect(await idle).toMatchObject({ done: true });
      const stopped = new AbortController();
      const until = chronicle.follow({ from: 'end', signal: stopped.signal }).next();
      stopped.abort();
      expect(await until).toMatchObject({ done: true });
    });

    it('follows only what is asked for', async () => {
      const chronicle = await open();
      await chronicle.appendMany(events(1, 2));
      const followed = chronicle.follow({ where: { n: 3 } });
      const third = followed.next();
      await chronicle.appendMany(events(4, 3, 5));
      expect((await third).value).toMatchObject({ event: { n: 3 } });
      await followed.return();
    });

    it('verifies itself', async () => {
      const chronicle = await open({ dedupe: false });
      await chronicle.appendMany([{ n: 1 }, { n: 1 }, { n: 2, eventId: '0'.repeat(64) }]);
      const seen: number[] = [];
      const found = await chronicle.verify({ onProgress: ({ done, total }) => seen.push(done / total) });
      expect(found).toMatchObject({
        intact: false,
        events: 3,
        lines: 3,
        bytes: 255,
        duplicates: { count: 1, first: [{ offset: 85, firstOffset: 0 }] },
        wrongIds: { count: 1, first: [{ offset: 170 }] },
      });
      expect(seen.at(-1)).toBe(1);
      expect(await (await open()).verify()).toMatchObject({ intact: true, events: 0, bytes: 0 });
    });

    it('asks the schema before it appends, and when it reads', async () => {
      const isNumber = {
        '~standard': {
          version: 1 as const,
          validate: (value: unknown) =>
            typeof (value as { n?: unknown }).n === 'number'
              ? {}
              : { issues: [{ message: 'no number', path: ['n'] }] },
        },
      };
      const address = newAddress();
      const free = await open({}, address);
      await free.appendMany(events(1, 'x', 2));
      const lines: number[] = [];
      const onCorrupt = ({ offset, reason }: { offset: number; reason: string }) => {
        if (reason === 'schema') lines.push(offset);
      };
      const strict = await open({ schema: isNumber, onCorrupt }, address);
      await expect(strict.append({ n: 'y' })).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'event.n',
      });
      expect(numbers(await strict.toArray())).toEqual([1, 2]);
      expect(numbers(await strict.toArray({ limit: 2, reverse: true }))).toEqual([2, 1]);
      expect(lines).toEqual([85, 85]);
    });

    it('counts what it does', async () => {
      const chronicle = await open();
      await Promise.all(events(1, 2, 3, 3).map((event) => chronicle.append(event)));
      const { events: written, duplicates, bytes, commits, pending } = chronicle.stats();
      expect({ written, duplicates, bytes, pending }).toEqual({
        written: 3,
        duplicates: 1,
        bytes: 255,
        pending: { events: 0, bytes: 0 },
      });
      expect(commits).toBeLessThanOrEqual(2);
    });

    it('writes what was appended before it closes, and then refuses', async () => {
      const address = newAddress();
      const { chronicle, close } = await openAt(address);
      const appended = events(1, 2, 3).map((event) => chronicle.append(event));
      await chronicle.ready();
      await close();
      expect(await Promise.all(appended)).toHaveLength(3);
      await expect(chronicle.append({ n: 4 })).rejects.toMatchObject({ code: 'ECLOSED' });
      expect(numbers(await (await open({}, address)).toArray())).toEqual([1, 2, 3]);
    });

    it('refuses what is no event, or too long', async () => {
      const chronicle = await open({ maxLineBytes: 200 });
      await expect(chronicle.append([] as never)).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'event',
      });
      await expect(chronicle.append({ fill: 'x'.repeat(200) })).rejects.toMatchObject({
        code: 'EVALIDATION',
      });
      await expect(chronicle.appendMany([{ n: 1 }, 7 as never])).rejects.toMatchObject({
        field: 'events[1]',
      });
      expect(await chronicle.toArray()).toEqual([]);
    });

    it('C1, C2: loses nothing, splits nothing and doubles nothing when writers are killed', async () => {
      const address = newAddress();
      const writers = await Promise.all(Array.from({ length: 3 }, () => opened(address)));
      const floods = writers.map((writer, index) =>
        writer.flood(`${index}`, 4, 30, [0, 100, 5000]).catch(() => {}),
      );
      await (writers[0] as ChronicleProcess).acknowledgements(20);
      await (writers[0] as ChronicleProcess).kill();
      await Promise.all(floods);
      const chronicle = await open({}, address);
      const entries = await chronicle.toArray();
      const byId = new Map(entries.map((entry) => [entry.event.eventId as string, entry]));
      expect(byId.size).toBe(entries.length);
      for (const { offset, eventId } of writers.flatMap(({ acknowledged }) => acknowledged)) {
        expect(byId.get(eventId as string)?.offset).toBe(offset);
      }
      for (const [index, entry] of entries.entries())
        expect(entry.offset).toBe(entries[index - 1]?.next ?? 0);
      const next = new Map<string, number>();
      for (const { event } of entries) {
        const key = `${event.name}.${event.caller}`;
        expect(event.number).toBe(next.get(key) ?? 0);
        next.set(key, (event.number as number) + 1);
      }
    });
  });
});
