/**
 * C1, C4: writers that are killed with SIGKILL. What they were acknowledged is in the file, and what they
 * were not acknowledged damages nobody.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { type JsonObject, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, linesOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const writers = 3;
const callers = 16;
// Lines of several pages too: a kill can end such a write in its middle.
const sizes = [20, 300, 40_000];

/**
 * Lets several processes append `count` events for each of their callers, and kills each process after a
 * random number of acknowledgements.
 */
async function killWhileAppending(file: string, count: number): Promise<ChronicleProcess[]> {
  const processes = await Promise.all(Array.from({ length: writers }, () => ChronicleProcess.open(file)));
  await Promise.all(
    processes.map(async (process, index) => {
      const flood = process.flood(`writer${index}`, callers, count, sizes).catch(() => {});
      await process.acknowledgements(randomInt(1, 200));
      await process.kill();
      await flood;
    }),
  );
  return processes;
}

/** The events of a file in which every other line is the beginning of one that a killed writer left. */
function eventsBetweenTornLines(file: string): JsonObject[] {
  return linesOf(file).flatMap(({ text }) => {
    try {
      return [JSON.parse(text) as JsonObject];
    } catch {
      // The events hold no other braces, so this is neither a whole record nor parts of two.
      expect(text).toMatch(/^(\{[^{}]*)?$/);
      return [];
    }
  });
}

describe('C1: an acknowledged append survives the SIGKILL of its writer', () => {
  it('with several writers, each with many callers, killed at random moments', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const processes = await killWhileAppending(file, Number.MAX_SAFE_INTEGER);
    const byOffset = new Map(linesOf(file).map(({ offset, text }) => [offset, text]));
    for (const { acknowledged } of processes) {
      expect(acknowledged).not.toEqual([]);
      for (const { offset, eventId } of acknowledged) {
        expect(JSON.parse(byOffset.get(offset) ?? 'null')).toMatchObject({ eventId });
      }
    }
    eventsBetweenTornLines(file);
  });
});

describe('C4: an append that was not acknowledged never damages another', () => {
  it('every event is there once when all are sent again with the same ids', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const count = 40;
    await killWhileAppending(file, count);
    const again = await Promise.all(Array.from({ length: writers }, () => ChronicleProcess.open(file)));
    await Promise.all(again.map((process, index) => process.flood(`writer${index}`, callers, count, sizes)));
    const counts = countIds(eventsBetweenTornLines(file));
    expect(counts.size).toBe(writers * callers * count);
    expect([...counts].filter(([, copies]) => copies !== 1)).toEqual([]);
  });

  it.skipIf(unwatchable)(
    'a writer that dies in the middle of its write costs its own line only',
    async () => {
      const directory = temporaryDirectory();
      const file = join(directory, 'chronicle');
      const survivor = await openChronicle(file);
      await survivor.append({ eventId: 'before' });

      const calls = await SystemCalls.under(directory);
      const dying = await ChronicleProcess.open(file, {}, { env: calls.env });
      calls.answer('writev chronicle', { short: 30 });
      const rest = calls.hold('writev chronicle');
      const append = expect(dying.append({ eventId: 'dying', text: 'never whole' })).rejects.toThrow(
        'SIGKILL',
      );
      await rest;
      await dying.kill();
      await append;

      await survivor.append({ eventId: 'after' });
      expect(linesOf(file).map(({ text }) => text)).toEqual([
        '{"eventId":"before"}',
        '{"eventId":"dying","text":"never whole"}'.slice(0, 30),
        '{"eventId":"after"}',
      ]);
      await survivor.close();
    },
  );
});
