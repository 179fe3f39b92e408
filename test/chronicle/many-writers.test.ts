/**
 * C2: the order of lines is the order of commits, and no two records ever share or split a line, with many
 * processes that append at once.
 */
import { join } from 'node:path';
import { type JsonObject, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { toArray } from '../support/iterate.js';
import { eventsOf } from '../support/lines.js';

const writers = 4;
const callers = 8;
// From less than a disk sector to more than what the kernel copies at once.
const sizes = [0, 100, 5000, 70_000, 200_000];

async function appendAtOnce(file: string, count: number): Promise<ChronicleProcess[]> {
  const processes = await Promise.all(Array.from({ length: writers }, () => ChronicleProcess.open(file)));
  await Promise.all(processes.map((process, index) => process.flood(`${index}`, callers, count, sizes)));
  return processes;
}

describe('C2: several processes, each with many callers, with lines of mixed sizes', () => {
  it('no record is split, shared, lost or out of its order, and each stands at its offset', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const count = 15;
    const processes = await appendAtOnce(file, count);
    const events = eventsOf(file); // throws for a line that is no JSON object
    expect(events).toHaveLength(writers * callers * count);

    // What one caller appended one after the other stands in that order.
    const next = new Map<string, number>();
    for (const { name, caller, number, fill } of events) {
      const key = `${name}.${caller}`;
      expect(number).toBe(next.get(key) ?? 0);
      next.set(key, (number as number) + 1);
      expect(fill).toBe('x'.repeat(sizes[((caller as number) + (number as number)) % sizes.length] ?? 0));
    }

    const byOffset = new Map(events.map((event) => [event.offset, event]));
    const acknowledged = processes.flatMap((process) => process.acknowledged);
    expect(acknowledged).toHaveLength(events.length);
    for (const { offset, eventId, duplicate } of acknowledged) {
      expect(duplicate).toBe(false);
      expect(byOffset.get(offset)?.eventId).toBe(eventId);
    }
  });

  it('an acknowledged offset is where a reader finds the event', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const processes = await appendAtOnce(file, 5);
    const chronicle = await openChronicle(file);
    for (const { offset, eventId } of processes.flatMap((process) => process.acknowledged)) {
      const [entry] = await toArray(chronicle.read({ from: offset, limit: 1 }));
      expect(entry).toMatchObject({ offset, event: { eventId } });
    }
    await chronicle.close();
  });

  it('an append that begins after the acknowledgement of another stands behind it', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = await Promise.all([ChronicleProcess.open(file), ChronicleProcess.open(file)]);
    for (let number = 0; number < 50; number++) await (number % 2 ? first : second).append({ number });
    expect(eventsOf(file).map((event) => event.number)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('the events of one appendMany stand next to each other, in their order', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const processes = await Promise.all(Array.from({ length: writers }, () => ChronicleProcess.open(file)));
    const size = 20;
    await Promise.all(
      processes.flatMap((process, index) =>
        Array.from({ length: 10 }, (_, batch) =>
          process.appendMany(Array.from({ length: size }, (_, number) => ({ index, batch, number }))),
        ),
      ),
    );
    const events = eventsOf(file);
    expect(events).toHaveLength(writers * 10 * size);
    for (let at = 0; at < events.length; at += size) {
      const { index, batch }: JsonObject = events[at] ?? {};
      expect(events.slice(at, at + size)).toMatchObject(
        Array.from({ length: size }, (_, number) => ({ index, batch, number })),
      );
    }
  });
});
