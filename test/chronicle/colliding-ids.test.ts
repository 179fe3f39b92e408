/**
 * C5, where two ids have one fingerprint. The key of the hash is random, so it takes a key that is known and a
 * search of an hour to find such ids: the test keeps the operating system from making one, and it stays 0.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

/** SipHash-2-4 with the key 0 makes 0x978544aecad95a48 of both. */
const [a, b] = ['c25e285f1b8c2d50', '6e136e3442f93615'].map((eventId) => ({ eventId })) as [
  { eventId: string },
  { eventId: string },
];

async function watched() {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const calls = await SystemCalls.under(directory);
  calls.answer('getrandom .', 'skip', true);
  const open = (options = {}) => ChronicleProcess.open(file, options, { env: calls.env });
  return { file, calls, open };
}

const duplicates = async (process: ChronicleProcess, events: { eventId: string }[]) => {
  const found: boolean[] = [];
  for (const event of events) found.push((await process.append(event)).duplicate);
  return found;
};

describe.skipIf(unwatchable)('C5: two ids with one fingerprint', () => {
  describe.each([{ dedupe: 'all' as const }, { dedupe: { window: 100 } }])('%o', (options) => {
    it('are written once each, however often they come in turn', async () => {
      const { file, open } = await watched();
      const process = await open(options);
      expect(await duplicates(process, [a, b, a, b, a])).toEqual([false, false, true, true, true]);
      expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual([a.eventId, b.eventId]);
      const again = await process.append(b);
      expect(again.offset).toBe(eventsOf(file)[1]?.offset);
    });

    it('likewise in one batch, by two processes, and after each of many restarts', async () => {
      const { file, open } = await watched();
      const first = await open(options);
      const other = await open(options);
      await first.appendMany([a, { eventId: 'x' }, a]);
      expect((await other.appendMany([b, a, b, a])).map(({ duplicate }) => duplicate)).toEqual([
        false,
        true,
        true,
        true,
      ]);
      expect(await duplicates(first, [a, b])).toEqual([true, true]);
      await first.ask('close');
      await other.ask('close');
      for (let restart = 0; restart < 3; restart++) {
        const process = await open(options);
        expect(await duplicates(process, restart % 2 === 0 ? [b, a] : [a, b])).toEqual([true, true]);
        await process.ask('close');
      }
      expect(Object.fromEntries(countIds(eventsOf(file)))).toEqual({ [a.eventId]: 1, x: 1, [b.eventId]: 1 });
    });

    it('likewise where the one is in a rotated file, and where that is gone', async () => {
      const { file, open } = await watched();
      const rotated = { ...options, rotate: { maxBytes: 200, keep: 1 } };
      const fill = { fill: 'x'.repeat(150) };
      const process = await open(rotated);
      await process.append({ ...a, ...fill });
      await process.append({ ...b, ...fill });
      expect(await duplicates(process, [a, b])).toEqual([true, true]);
      await process.append({ eventId: 'pushes the file of the first away', ...fill });
      expect(await duplicates(process, [b, a, a])).toEqual([true, false, true]);
      await process.ask('close');
      const next = await open(rotated);
      expect(await duplicates(next, [a, b, a, b])).toEqual([true, false, true, true]); // b went with its file
      expect(readFileSync(file, 'utf8')).toContain(a.eventId);
    });

    it('a collision costs one look, whatever the size of the file', async () => {
      const { calls, open } = await watched();
      const process = await open(options);
      await process.append(a);
      for (let n = 0; n < 50; n++) await process.append({ eventId: `${n}`, fill: 'x'.repeat(20_000) });
      const before = calls.made.length;
      await process.append(b);
      const reads = calls.made.slice(before).filter((call) => call.startsWith('pread'));
      expect(reads.length).toBeLessThanOrEqual(4); // marks of the file among them
    });
  });
});

describe('the key of the hash', () => {
  /** What the header of the file of ids says. */
  const keyOf = async (file: string) => {
    await using chronicle = await openChronicle(file, { dedupe: 'all' });
    await chronicle.append({ eventId: 'a' });
    await chronicle.close();
    return readFileSync(`${file}.ids`).subarray(8, 24).toString('hex');
  };

  it('is another one for each chronicle, and stays while its file of ids is there', async () => {
    const directory = temporaryDirectory();
    const keys = new Set<string>();
    for (let n = 0; n < 5; n++) keys.add(await keyOf(join(directory, `${n}`)));
    expect(keys.size).toBe(5);
    expect(await keyOf(join(directory, '0'))).toBe([...keys][0]);
  });

  it('goes on with a file of ids of version 1 as without one', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    await keyOf(file);
    const old = readFileSync(`${file}.ids`);
    old.write('hfstids1', 0, 'latin1');
    writeFileSync(`${file}.ids`, old);
    const chronicle = await openChronicle(file, { dedupe: 'all' });
    expect((await chronicle.append({ eventId: 'a' })).duplicate).toBe(true);
    expect((await chronicle.append({ eventId: 'b' })).duplicate).toBe(false);
    await chronicle.close();
    expect(readFileSync(`${file}.ids`).toString('latin1', 0, 8)).toBe('hfstids2');
    expect(countIds(eventsOf(file)).get('a')).toBe(1);
  });
});
