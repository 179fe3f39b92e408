/**
 * Readers take no lock. Beside several writers they see whole events only, and all of them see the same
 * growing order.
 */
import { join } from 'node:path';
import type { CorruptLine } from 'holdfast';
import { expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { linesOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

type Line = [offset: number, length: number, eventId: string];

interface Reading {
  readonly from: number;
  readonly reverse: boolean;
  readonly seen: Line[];
}

const writers = 3;
const readers = 2;
const callers = 4;
const count = 25;
// From less than a disk sector to more than what the kernel copies at once, and more than a reader takes at
// once.
const sizes = [0, 100, 5000, 70_000, 300_000];

it('readers beside writers see whole events, in one growing order, from any offset and in both directions', async () => {
  const file = join(temporaryDirectory(), 'chronicle');
  const processes = await Promise.all(Array.from({ length: writers }, () => ChronicleProcess.open(file)));
  const reading = Array.from({ length: readers }, () => new Program('reader', file));
  for (const reader of reading) expect(await reader.next()).toBe('ready');

  const flood = (part: string) =>
    Promise.all(processes.map((process, index) => process.flood(`${part}${index}`, callers, count, sizes)));
  await flood('first ');
  // However fast the writers are, each reader has read something before they have written everything.
  const early = new Map<Program, Reading[]>();
  for (const reader of reading) {
    const readings = [await reader.next<Reading>()];
    while (readings.at(-1)?.seen.length === 0) readings.push(await reader.next<Reading>());
    early.set(reader, readings);
  }
  await flood('then ');
  for (const reader of reading) reader.send({ stop: true });
  await Promise.all(reading.map((reader) => reader.exited));

  const lines = linesOf(file).map(({ text, offset }): Line => {
    const { eventId } = JSON.parse(text) as { eventId: string };
    return [offset, Buffer.byteLength(text) + 1, eventId];
  });
  expect(lines).toHaveLength(2 * writers * callers * count);
  const indexes = new Map(lines.map(([offset], index) => [offset, index]));

  for (const reader of reading) {
    const messages = [...(early.get(reader) ?? []), ...reader.taken()] as (
      | Reading
      | { damage: CorruptLine[] }
    )[];
    const { damage } = messages.pop() as { damage: CorruptLine[] };
    // A writer may stand still in the middle of a write for longer than a reader waits: what it saw then was
    // no damage.
    for (const { offset, length, reason } of damage) {
      expect(reason).toBe('torn');
      expect(length).toBeLessThan((lines[indexes.get(offset) as number] as Line)[1]);
    }
    let whileWriting = 0;
    for (const { from, seen } of messages as Reading[]) {
      if (seen.length === 0) continue;
      // What it saw is what stands there from this offset on, without a gap, up to where the file ended then.
      const first = indexes.get(from) as number;
      expect(seen).toEqual(lines.slice(first, first + seen.length));
      if (first + seen.length < lines.length) whileWriting++;
    }
    expect(whileWriting).toBeGreaterThan(0);
  }
});
