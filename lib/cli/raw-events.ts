/**
 * Events byte for byte as they are in the file, for `holdfast cat` and `holdfast tail`.
 */
import { resolve } from 'node:path';
import { eachWithIoErrors, gapIn } from '../base/errors.js';
import { checkReadOptions, type ReadSettings } from '../chronicle/options.js';
import type { Entry } from '../chronicle/results.js';
import type { Snapshot } from '../engines/file/lines/chronicle-files.js';
import { type ReadableFile, readAt } from '../engines/file/lines/open-file.js';
import { scanForwards } from '../engines/file/lines/scanner.js';
import { FilesInOrder } from '../engines/file/read/files-in-order.js';
import { splitAtDamage } from '../engines/file/read/read-filter.js';
import type { CorruptLine } from '../event/corrupt-line.js';
import { type OnGap, reportGap } from '../event/gap.js';
import { exitCodes } from './exit-codes.js';
import { atEnd } from './interruption.js';
import { print, say } from './output.js';

const newline = 0x0a;
const byteOrderMark = Buffer.from('\ufeff');
const chunkBytes = 256 * 1024;

/** Names corrupt lines on standard error, and makes the exit code say that there were any. */
export function rawSettings(maxLineBytes: number | undefined): ReadSettings {
  return checkReadOptions({ onCorrupt: reportDamage, maxLineBytes });
}

/** Of each file, so many corrupt lines are named; the others are counted. */
const maxNamed = 10;
/** How many there were, by the path. */
const damaged = new Map<string, number>();

export function reportDamage({ path, offset, length, reason }: CorruptLine): void {
  process.exitCode = exitCodes.failed;
  const number = (damaged.get(path) ?? 0) + 1;
  if (damaged.size === 0) atEnd(sayHowMany);
  damaged.set(path, number);
  if (number <= maxNamed) say(`corrupt line in '${path}' at offset ${offset}, ${length} bytes (${reason})`);
  if (number === maxNamed + 1) say(`more corrupt lines in '${path}' are only counted`);
}

function sayHowMany(): void {
  for (const [path, number] of damaged) {
    if (number > maxNamed)
      say(`${number} corrupt lines in '${path}' were left out; holdfast verify tells of what kind`);
  }
}

/** Prints events that are in the file in this order; without a byte order mark, which is no part of an event. */
export async function printEvents(
  file: ReadableFile,
  entries: readonly Pick<Entry<object>, 'offset' | 'length'>[],
): Promise<void> {
  let begin = 0;
  let end = 0;
  for (const { offset, length } of entries) {
    if (offset !== end) {
      await printBytes(file, begin, end);
      begin = offset;
    }
    end = offset + length;
  }
  await printBytes(file, begin, end);
}

export interface RawRange {
  readonly snapshot: Snapshot;
  /** The first of the rotated files that is printed; their number for the current file. */
  readonly index: number;
  /** Only events of it whose line begins at this offset or after it. */
  readonly from: number;
  /** At most this many events. */
  readonly limit: number;
  readonly maxLineBytes: number;
  /** The position that it goes on after, so that no file may be missing. */
  readonly after?: string | undefined;
  readonly onGap?: OnGap;
}

/** Prints events of the files of a snapshot, which it closes. */
export async function printRange(name: string, range: RawRange): Promise<void> {
  const { snapshot, index, from, maxLineBytes, after, onGap = 'throw' } = range;
  const goesOn = after !== undefined;
  const files = new FilesInOrder(snapshot, { index, hasBegun: goesOn, isComplete: goesOn });
  let left = range.limit;
  try {
    for await (const each of files.each()) {
      if ('gone' in each) {
        reportGap(gapIn(resolve(name), { after, files: each.gone, next: each.next }), onGap);
        continue;
      }
      const { file, path, isFirst } = each;
      // What comes from now on is for tail -f.
      const to = path === snapshot.current?.path ? (await file.stat()).size : Number.MAX_SAFE_INTEGER;
      const scanned = scanForwards(file, { from: isFirst ? from : 0, to, maxLineBytes });
      for await (const batch of eachWithIoErrors(scanned, path)) {
        for (const part of splitAtDamage(batch, false)) {
          if (!Array.isArray(part)) {
            reportDamage({ path: path.toString(), ...part });
            continue;
          }
          const entries = part.slice(0, left);
          await printEvents(file, entries);
          left -= entries.length;
          if (left === 0) return;
        }
      }
    }
  } finally {
    await files.close();
  }
}

async function printBytes(file: ReadableFile, begin: number, end: number): Promise<void> {
  let last = newline;
  for (let at = begin; at < end; ) {
    const bytes = await readAt(file, at, Buffer.allocUnsafe(Math.min(chunkBytes, end - at)));
    if (bytes.length === 0) break; // truncated just now
    const isMarked = at === 0 && bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark);
    at += bytes.length;
    last = bytes.at(-1) ?? newline;
    await print(isMarked ? bytes.subarray(byteOrderMark.length) : bytes);
  }
  if (last !== newline) await print('\n');
}
