/** E1: a chain has the same links, finds the same, and is refused for the same reasons, whatever engine keeps it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Chronicle, type ChronicleOptions, openChronicle, type Verification } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { linkAfter, linkIn, noLink } from '../../lib/event/chain-link.js';
import { openAt } from '../programs/open-at.mjs';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { toArray } from '../support/iterate.js';
import { engines } from './engines.js';

const chained = { chain: true };

/** Which line the first finding is at, counted among those that are there; -1: none of them. */
function firstBreak({ chain }: Verification, lines: readonly string[]): number {
  const offset = chain?.breaks.first[0]?.offset;
  let at = 0;
  return lines.findIndex((line) => {
    const found = at === offset;
    at += Buffer.byteLength(line) + 1;
    return found;
  });
}

describe.each(engines)('E1: a chain on $name', ({ missing, begin, linesOf, tamper }) => {
  describe.skipIf(missing)(missing ?? 'here', () => {
    const newAddress = begin();

    async function open(address: string, options: ChronicleOptions = chained): Promise<Chronicle> {
      const { chronicle, close } = await openAt(address, options);
      onTestFinished(close);
      return chronicle;
    }

    /** A chain of so many events, its lines and its head. */
    async function chainOf(count: number) {
      const address = newAddress();
      const chronicle = await open(address);
      for (let n = 0; n < count; n++) await chronicle.append({ n, text: 'é\u001f"\\\u2028' });
      const link = (await chronicle.head())?.link as string;
      return { address, chronicle, link, lines: await linesOf(address) };
    }

    it('has the lines that the same calls leave in a file', async () => {
      const file = join(temporaryDirectory(), 'chronicle');
      const address = newAddress();
      for (const chronicle of [await openChronicle(file, chained), await open(address)]) {
        await chronicle.append({ n: 1, text: 'é\u001f"\\\u2028' });
        await chronicle.appendMany([
          { eventId: 'a' },
          { n: 1, text: 'é\u001f"\\\u2028' },
          {},
          { eventId: 'a' },
        ]);
        await Promise.all(
          [1, 2, 3].map((n) => chronicle.append({ eventId: `${n}`, fill: '😀'.repeat(n * 3000) })),
        );
        await chronicle.append({ last: true }, { ifEnd: (await chronicle.head())?.position });
        await chronicle.close();
      }
      const lines = await linesOf(address);
      expect(lines.map((line) => `${line}\n`).join('')).toBe(readFileSync(file, 'utf8'));
      let before = noLink;
      for (const line of lines) {
        expect(linkIn(line)).toBe(linkAfter(before, Buffer.from(line)));
        before = linkIn(line) as string;
      }
    });

    it('tells how far it goes', async () => {
      const address = newAddress();
      const chronicle = await open(address);
      expect(await chronicle.head()).toBeUndefined();
      const appended = [chronicle.append({ n: 1 }), chronicle.append({ n: 2 })];
      const head = await chronicle.head();
      const [, last] = await Promise.all(appended);
      expect(head).toEqual({ position: last?.next, link: linkIn((await linesOf(address))[1] as string) });
      expect(await chronicle.append({ n: 2 })).toEqual({ ...last, duplicate: true });
      expect(await chronicle.head()).toEqual(head);
    });

    it('holds where nothing was done, and an earlier head is still part of it', async () => {
      const { chronicle, link, lines } = await chainOf(3);
      await chronicle.append({ more: true });
      expect(await chronicle.verify({ expect: link })).toMatchObject({
        intact: true,
        wrongIds: { count: 0 },
        chain: {
          intact: true,
          complete: true,
          events: 4,
          head: await chronicle.head(),
          breaks: { count: 0 },
          restarts: [],
          expected: { offset: Buffer.byteLength(lines.slice(0, 2).join('\n')) + 1 },
        },
      });
      expect(await chronicle.verify({ expect: noLink })).toMatchObject({
        intact: false,
        chain: { intact: false, breaks: { count: 0 }, expected: 'missing' },
      });
      expect(await chronicle.verify()).not.toHaveProperty('chain');
    });

    it('holds where several processes appended at once, and one of them was killed', async () => {
      const address = newAddress();
      const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(address, chained)));
      const floods = processes.map((process, n) => process.flood(`${n}`, 4, 25, [20, 3000]).catch(() => {}));
      await (processes[0] as ChronicleProcess).acknowledgements(20);
      await (processes[0] as ChronicleProcess).kill();
      await Promise.all(floods);
      const chronicle = await open(address);
      await chronicle.append({ after: 'all' });
      const { intact, events, chain } = await chronicle.verify({ chain: true });
      expect({ intact, breaks: chain?.breaks.count }).toEqual({ intact: true, breaks: 0 });
      expect(events).toBeGreaterThanOrEqual(200);
    });

    it('is gone on with by every handle, with events that the schema or a condition refuses between', async () => {
      const address = newAddress();
      const [one, other] = [await open(address), await open(address, { ...chained, dedupe: 'all' })];
      for (let n = 0; n < 4; n++) {
        await one.append({ eventId: `one ${n}` });
        await other.append({ eventId: `other ${n}` });
        await Promise.allSettled([
          one.append({ eventId: `refused ${n}` }, { ifEnd: 1 }),
          one.append({ eventId: `between ${n}` }),
        ]);
      }
      expect(await one.verify({ chain: true })).toMatchObject({ intact: true, events: 12 });
      expect(await toArray(other.read({ where: { eventId: 'between 3' } }))).toHaveLength(1);
    });

    describe('finds, at the right event,', () => {
      it('an event that was changed', async () => {
        const { address, chronicle, lines } = await chainOf(5);
        for (const index of lines.keys()) {
          const changed = lines.with(index, (lines[index] as string).replace(/"n":\d/, '"n":9'));
          await tamper(address, changed);
          const found = await chronicle.verify({ chain: true, ids: false });
          expect(found.intact).toBe(false);
          expect(firstBreak(found, changed)).toBe(index);
        }
      });

      it('an event that was taken out; at the end by the head', async () => {
        const { address, chronicle, lines, link } = await chainOf(5);
        for (const index of lines.keys()) {
          const rest = lines.toSpliced(index, 1);
          await tamper(address, rest);
          const found = await chronicle.verify({ expect: link });
          expect(found.intact).toBe(false);
          if (index === lines.length - 1) expect(found.chain?.expected).toBe('missing');
          else expect(firstBreak(found, rest)).toBe(index);
        }
      });

      it('an event that was put in, without a link or with that of another', async () => {
        const { address, chronicle, lines } = await chainOf(4);
        for (let index = 0; index <= lines.length; index++) {
          for (const line of ['{"eventId":"foreign"}', lines[0] as string]) {
            const more = lines.toSpliced(index, 0, line);
            await tamper(address, more);
            const found = await chronicle.verify({ chain: true });
            expect(found.chain?.intact).toBe(false);
            // The first event twice: the second of them.
            expect(firstBreak(found, more)).toBe(line === lines[0] ? Math.max(index, 1) : index);
          }
        }
      });

      it('events that were swapped, and a chain that goes on with another one', async () => {
        const { address, chronicle, lines } = await chainOf(4);
        for (let one = 0; one < lines.length; one++) {
          for (let other = one + 1; other < lines.length; other++) {
            const swapped = lines.with(one, lines[other] as string).with(other, lines[one] as string);
            await tamper(address, swapped);
            expect(firstBreak(await chronicle.verify({ chain: true }), swapped)).toBe(one);
          }
        }
        const joined = [...lines, ...(await chainOf(2)).lines];
        await tamper(address, joined);
        expect(firstBreak(await chronicle.verify({ chain: true }), joined)).toBe(4);
      });
    });

    describe('refuses', () => {
      const refused = async (address: string, options: ChronicleOptions, error: object) =>
        expect(openAt(address, options)).rejects.toMatchObject(error);

      it('a writer without the option on a chain, also one that had it open while it was empty', async () => {
        const address = newAddress();
        const early = await open(address, {});
        const chronicle = await open(address);
        await chronicle.append({ n: 1 });
        const error = {
          code: 'EVALIDATION',
          field: 'chain',
          message: expect.stringContaining('{ chain: true }'),
        };
        await refused(address, {}, error);
        const before = await linesOf(address);
        await expect(early.append({ n: 2 })).rejects.toMatchObject(error);
        await expect(early.appendMany([{ n: 2 }, { n: 3 }])).rejects.toMatchObject(error);
        expect(await linesOf(address)).toEqual(before);
      });

      it('a chain where there are events without, also by a handle that was opened before them', async () => {
        const address = newAddress();
        const early = await open(address);
        await (await open(address, {})).append({ n: 1 });
        const error = {
          code: 'EVALIDATION',
          field: 'chain',
          message: expect.stringContaining('first event'),
        };
        await refused(address, chained, error);
        await expect(early.append({ n: 2 })).rejects.toMatchObject(error);
        expect(await linesOf(address)).toHaveLength(1);
      });

      it('another idKey, computeId: false, and a link as idKey', async () => {
        const { address } = await chainOf(1);
        await refused(address, { ...chained, idKey: 'id' }, { code: 'EVALIDATION', field: 'idKey' });
        await refused(address, { ...chained, computeId: false }, { code: 'EVALIDATION', field: 'computeId' });
        await refused(address, { ...chained, idKey: 'chainLink' }, { code: 'EVALIDATION', field: 'idKey' });
      });

      it('an event that brings a link, a head that is none, and head() without a chain', async () => {
        const { chronicle, lines, link } = await chainOf(1);
        await expect(chronicle.append(JSON.parse(lines[0] as string))).rejects.toMatchObject({
          code: 'EVALIDATION',
          field: 'event.chainLink',
        });
        for (const expected of ['', link.toUpperCase(), link.slice(1), 7 as never]) {
          await expect(chronicle.verify({ expect: expected })).rejects.toMatchObject({ field: 'expect' });
        }
        await expect((await open(newAddress(), {})).head()).rejects.toMatchObject({ field: 'chain' });
      });

      it('to go on after a last event whose link is wrong, until repair() begins a new chain', async () => {
        const { address, chronicle, lines, link } = await chainOf(3);
        const changed = lines.with(2, (lines[2] as string).replace('"n":2', '"n":7'));
        await tamper(address, changed);
        const anew = await open(address);
        await expect(anew.append({ n: 8 })).rejects.toMatchObject({
          code: 'ECHAIN',
          path: chronicle.path,
          message: expect.stringContaining('verify'),
        });
        expect(await linesOf(address)).toEqual(changed);
        expect(await anew.repair({ dryRun: true })).not.toHaveProperty('chainRestart');
        const { chainRestart, removed } = await anew.repair();
        expect(removed.lines).toBe(0);
        expect(chainRestart).toEqual({ path: chronicle.path, offset: expect.any(Number), after: link });
        await anew.append({ n: 8 });
        await chronicle.append({ n: 9 });
        const found = await anew.verify({ chain: true });
        expect(found.chain).toMatchObject({ intact: true, events: 6, restarts: [chainRestart] });
        expect(firstBreak(found, changed)).toBe(2);
        expect((await anew.verify({ expect: link })).chain).toMatchObject({
          intact: false,
          expected: 'missing',
        });
      });
    });

    it('repair() changes nothing of a chain that holds, or that has no event', async () => {
      const { address, chronicle, lines } = await chainOf(3);
      expect(await chronicle.repair()).toEqual({
        path: chronicle.path,
        removed: { lines: 0, bytes: 0, reasons: {}, first: [] },
        damagedPath: undefined,
      });
      expect(await linesOf(address)).toEqual(lines);
      expect(await (await open(newAddress())).repair()).not.toHaveProperty('chainRestart');
    });
  });
});
