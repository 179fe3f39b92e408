/**
 * The scanner, with chunks so small that every line crosses some: every byte is of one line, whatever the
 * file holds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LineBatch } from '../../dist/lib/engines/file/lines/line-batch.js';
import { LineFilter } from '../../dist/lib/engines/file/lines/line-filter.js';
import { type ScanOptions, scanBackwards, scanForwards } from '../../dist/lib/engines/file/lines/scanner.js';
import { damagedFile, type ExpectedLine, expectedLines } from '../support/damaged-files.js';
import { seeded } from '../support/fuzz.js';
import { toArray } from '../support/iterate.js';
import { memoryFile } from '../support/memory-file.js';

/** The lines of the batches, in the order of the file. */
function linesOf(batches: readonly LineBatch[]): ExpectedLine[] {
  const lines = batches.flatMap(({ entries, nonEvents }): ExpectedLine[] => [
    ...entries.map(({ next, ...entry }) => {
      expect(next).toBe(entry.offset + entry.length);
      return { ...entry, kind: 'event' as const };
    }),
    ...nonEvents.map(({ offset, length, ...line }) => ({
      offset,
      length,
      kind: line.kind === 'blank' ? line.kind : line.reason,
    })),
  ]);
  return lines.sort((a, b) => a.offset - b.offset);
}

function expectWithoutGap(batches: readonly LineBatch[], from: number, to: number): void {
  let at = from;
  for (const { entries, nonEvents, begin, end } of batches) {
    expect(begin).toBe(at);
    const lengths = [...entries, ...nonEvents].reduce((sum, { length }) => sum + length, 0);
    expect(lengths).toBe(end - begin);
    at = end;
  }
  expect(at).toBe(to);
}

/** Any offset, or the beginning of any line: the borders are where mistakes are made. */
const anyPlace = fc.record({ number: fc.nat(150), atLine: fc.boolean() });

function placeIn(
  lines: readonly ExpectedLine[],
  { number, atLine }: { number: number; atLine: boolean },
): number {
  return (atLine && lines[number % lines.length]?.offset) || number;
}

describe('any bytes, cuts and splices, with chunks of any size', () => {
  it('every byte is of an event, of a blank line or of damage, as the file in memory has them, in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(
        damagedFile,
        fc.integer({ min: 1, max: 100 }),
        fc.constantFrom(2, 10, 50, 1e6),
        async (bytes, chunkBytes, maxLineBytes) => {
          const file = memoryFile(bytes);
          const expected = expectedLines(bytes, maxLineBytes);
          const options: ScanOptions = { from: 0, to: Number.MAX_SAFE_INTEGER, maxLineBytes, chunkBytes };
          const forwards = await toArray(scanForwards(file, options));
          expectWithoutGap(forwards, 0, bytes.length);
          expect(linesOf(forwards)).toEqual(expected);
          const backwards = await toArray(scanBackwards(file, options));
          expectWithoutGap(backwards.reverse(), 0, bytes.length);
          expect(linesOf(backwards)).toEqual(expected);
        },
      ),
      seeded('scanner, whole files', 1000),
    );
  });

  it('a range holds the lines that begin in it; an unfinished last line can be left', async () => {
    await fc.assert(
      fc.asyncProperty(
        damagedFile,
        fc.integer({ min: 1, max: 40 }),
        anyPlace,
        anyPlace,
        async (bytes, chunkBytes, begin, end) => {
          const file = memoryFile(bytes);
          const lines = expectedLines(bytes, 50);
          const [from, to] = [placeIn(lines, begin), placeIn(lines, end)].sort((a, b) => a - b) as [
            number,
            number,
          ];
          const expected = lines.filter(({ offset }) => offset >= from && offset < to);
          const options: ScanOptions = { from, to, maxLineBytes: 50, chunkBytes };
          expect(linesOf(await toArray(scanForwards(file, options)))).toEqual(expected);
          expect(linesOf(await toArray(scanBackwards(file, options)))).toEqual(expected);

          const finished = expected.filter(({ offset, length }) => bytes[offset + length - 1] === 0x0a);
          const leaving = scanForwards(file, { ...options, leaveUnfinished: true });
          expect(linesOf(await toArray(leaving))).toEqual(finished);
        },
      ),
      seeded('scanner, ranges', 1000),
    );
  });

  it('a filter leaves out lines that hold no needle, and no damage unless it may', async () => {
    await fc.assert(
      fc.asyncProperty(
        damagedFile,
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.constantFrom('"a"', 'a', '1', '\\', '{', 'x'.repeat(30)), { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        async (bytes, chunkBytes, needles, ignoresDamage) => {
          const file = memoryFile(bytes);
          const expected = expectedLines(bytes, 50);
          const held = ({ offset, length, kind }: ExpectedLine) => {
            const text = bytes.toString('latin1', offset, offset + length);
            return kind === 'event' && needles.some((needle) => text.includes(needle));
          };
          const filter = new LineFilter(needles, ignoresDamage);
          const options = { from: 0, to: Number.MAX_SAFE_INTEGER, maxLineBytes: 50, chunkBytes, filter };
          for (const scan of [scanForwards, scanBackwards]) {
            const lines = linesOf(await toArray(scan(file, options)));
            expect(expected).toEqual(expect.arrayContaining(lines));
            expect(lines).toEqual(expect.arrayContaining(expected.filter(held)));
            if (ignoresDamage) continue;
            const others = (lines: ExpectedLine[]) => lines.filter(({ kind }) => kind !== 'event');
            expect(others(lines)).toEqual(others(expected));
          }
        },
      ),
      seeded('scanner, filters', 1000),
    );
  });
});
