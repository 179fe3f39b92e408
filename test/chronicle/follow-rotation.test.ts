/** `follow()` across the rotations that the writers of a chronicle make themselves, in several processes. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { followChronicle } from 'holdfast';
import { expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';

interface Numbered {
  readonly eventId: string;
  readonly name: string;
  readonly caller: number;
  readonly number: number;
}

it('yields every event of several writers that rotate, once and in their order, to quick and slow readers', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const options = { rotate: { maxBytes: 20_000 }, durability: 'none', lockTimeout: 60_000 } as const;
  const writers = await Promise.all(Array.from({ length: 3 }, () => ChronicleProcess.open(file, options)));
  const [callers, count] = [2, 100];
  const total = writers.length * callers * count;

  const read = async (rest: () => Promise<void>) => {
    const seen: Numbered[] = [];
    for await (const { event } of followChronicle<Numbered>(file)) {
      if (seen.push(event) === total) break;
      await rest();
    }
    return seen;
  };
  const quick = read(async () => {});
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  // It has the first file open while all others are made.
  const slow = read(() => begun);
  const floods = writers.map((writer, number) => writer.flood(`w${number}`, callers, count, [10, 900]));
  await Promise.all(floods);
  begin();

  expect(readdirSync(directory).filter((name) => name.startsWith('chronicle.2')).length).toBeGreaterThan(3);
  const acknowledged = writers.flatMap((writer) => writer.acknowledged.map(({ eventId }) => eventId));
  for (const seen of await Promise.all([quick, slow])) {
    expect(seen.map(({ eventId }) => eventId).sort()).toEqual(acknowledged.toSorted());
    const last = new Map<string, number>();
    for (const { name, caller, number } of seen) {
      expect(number).toBe((last.get(`${name}.${caller}`) ?? -1) + 1);
      last.set(`${name}.${caller}`, number);
    }
  }
  expect(await slow).toEqual(await quick);
});
