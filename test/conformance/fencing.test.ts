/** E3: a lock has a fencing token that only grows, and an append with an older one is refused, on every engine. */
import type { ChronicleOptions } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAt } from '../programs/open-at.mjs';
import { Random } from '../prove/prove.js';
import { engines } from './engines.js';

describe.each(engines)('E3: fencing tokens on $name', ({ missing, begin }) => {
  describe.skipIf(missing)(missing ?? 'here', () => {
    const newAddress = begin();

    async function open(options?: ChronicleOptions, address = newAddress()) {
      const { chronicle, lock, close } = await openAt(address, options);
      onTestFinished(close);
      const numbers = async () => (await chronicle.toArray()).map(({ event }) => event.n);
      return { chronicle, lock, numbers, address };
    }

    it('grow with each that has the lock alone, and once for those that share it', async () => {
      const { lock } = await open();
      const tokens: number[] = [];
      for (const mode of ['exclusive', 'exclusive', 'shared', 'shared', 'exclusive', 'shared'] as const) {
        const held = await lock('tokens', { mode });
        tokens.push(held.fence as number);
        await held.release();
      }
      expect(tokens.map((token) => token - (tokens[0] as number))).toEqual([0, 1, 2, 2, 3, 4]);
      const [one, other] = [
        await lock('tokens', { mode: 'shared' }),
        await lock('tokens', { mode: 'shared' }),
      ];
      expect([one.fence, other.fence]).toEqual([tokens[5], tokens[5]]);
      await other.release();
      await one.upgrade();
      expect(one.fence).toBe((tokens[5] as number) + 1);
      await one.downgrade();
      expect(one.fence).toBe((tokens[5] as number) + 2);
      await one.release();
    });

    it('refuse appends as soon as the lock has another holder', async () => {
      const { chronicle, lock, numbers } = await open();
      const first = await lock('leader');
      const old = { path: first.path as string, fence: first.fence as number };
      await chronicle.append({ n: 1 }, { fence: first });
      await first.release();
      // Nobody else has it yet.
      await chronicle.append({ n: 2 }, { fence: first });
      const second = await lock('leader');
      const refused = { code: 'EFENCED', path: chronicle.path, message: expect.stringContaining(old.path) };
      await expect(chronicle.append({ n: 3 }, { fence: first })).rejects.toMatchObject(refused);
      await expect(chronicle.appendMany([{ n: 3 }, { n: 4 }], { fence: old })).rejects.toMatchObject(refused);
      const outcomes = await Promise.allSettled([
        chronicle.append({ n: 5 }, { fence: second }),
        chronicle.append({ n: 6 }, { fence: first }),
        chronicle.append({ n: 7 }),
        chronicle.append({ n: 8 }, { fence: old }),
        chronicle.append({ n: 9 }, { fence: second }),
      ]);
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
      expect(await numbers()).toEqual([1, 2, 5, 7, 9]);
      // Also of an event that is there.
      await expect(chronicle.append({ n: 1 }, { fence: first })).rejects.toMatchObject(refused);
      await second.release();
    });

    it('of those that share a lock are taken until somebody has it alone', async () => {
      const { chronicle, lock, numbers } = await open();
      const [one, other] = [
        await lock('readers', { mode: 'shared' }),
        await lock('readers', { mode: 'shared' }),
      ];
      await chronicle.append({ n: 1 }, { fence: other });
      await chronicle.append({ n: 2 }, { fence: one });
      await Promise.all([one.release(), other.release()]);
      await chronicle.append({ n: 3 }, { fence: one });
      await (await lock('readers')).release();
      await expect(chronicle.append({ n: 4 }, { fence: one })).rejects.toMatchObject({ code: 'EFENCED' });
      expect(await numbers()).toEqual([1, 2, 3]);
    });

    it('go together with ifEnd, dedupe and other locks', async () => {
      const { chronicle, lock, numbers } = await open({ dedupe: 'all' });
      const [held, another] = [await lock('one'), await lock('other')];
      const { next } = await chronicle.append({ n: 1 }, { fence: held, ifEnd: 0 });
      const outcomes = await Promise.allSettled([
        chronicle.append({ n: 2 }, { fence: held, ifEnd: 0 }),
        chronicle.append({ n: 1 }, { fence: another }),
        chronicle.append({ n: 2 }, { fence: another, ifEnd: next }),
      ]);
      expect(outcomes).toMatchObject([
        { reason: { code: 'ECONFLICT', end: next } },
        { value: { duplicate: true } },
        { value: { duplicate: false, offset: next } },
      ]);
      expect(await numbers()).toEqual([1, 2]);
      await Promise.all([held.release(), another.release()]);
    });

    it('leave no event behind a later one with a greater token, whoever appends late', async () => {
      const address = newAddress();
      const random = new Random();
      const handles = [await open({}, address), await open({}, address)];
      let refused = 0;
      let number = 0;
      await Promise.all(
        handles.map(async ({ chronicle, lock }) => {
          const late: Promise<unknown>[] = [];
          for (let round = 0; round < 25; round++) {
            const held = await lock('contended');
            const fence = { path: held.path as string, fence: held.fence as number };
            await chronicle.append({ token: fence.fence, number: number++ }, { fence });
            await held.release();
            // It has been paused, and does not know that it has lost the lock.
            for (let again = random.below(3); again > 0; again--) {
              const event = { token: fence.fence, number: number++ };
              late.push(
                chronicle
                  .append(event, { fence })
                  .catch(({ code }) => (refused += code === 'EFENCED' ? 1 : 1000)),
              );
            }
            if (random.below(2) === 0) await late.at(-1);
          }
          await Promise.all(late);
        }),
      );
      const tokens = (await (handles[0] as (typeof handles)[0]).chronicle.toArray()).map(
        ({ event }) => event.token as number,
      );
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
      expect(new Set(tokens).size).toBe(50);
      expect(refused).toBeLessThan(1000);
    });

    it.each([
      [7, 'fence: expected a lock'],
      [{}, 'fence.path: expected a string'],
      [{ path: 'a' }, 'fence.fence: expected a whole number'],
      [{ path: 'a', fence: 0 }, 'fence.fence: expected a whole number'],
      [{ path: 'a', fence: 2 ** 53 }, 'fence.fence: expected a whole number'],
    ])('refuse %j', async (fence, message) => {
      const { chronicle, numbers } = await open();
      await expect(chronicle.append({}, { fence: fence as never })).rejects.toThrow(message);
      expect(await numbers()).toEqual([]);
    });
  });
});
