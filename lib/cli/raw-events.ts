/**
 * Events byte for byte as they are in the file, for `holdfast cat` and `holdfast tail`.
 */
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { eachWithIoErrors } from '../base/errors.js';
import { checkReadOptions, type ReadSettings } from '../chronicle/options.js';
import type { Entry } from '../chronicle/results.js';
import { readAt } from '../engines/file/lines/open-file.js';
import { scanForwards } from '../engines/file/lines/scanner.js';
import { splitAtDamage } from '../engines/file/read/read-filter.js';
import type { CorruptLine } from '../event/corrupt-line.js';
import { exitCodes } from './exit-codes.js';
import { print, say } from './output.js';

const newline = 0x0a;
const chunkBytes = 256 * 1024;

/** Names corrupt lines on standard error, and makes the exit code say that there were any. */
export const rawSettings: ReadSettings = checkReadOptions({ onCorrupt: reportDamage });

function reportDamage({ path, offset, length, reason }: CorruptLine): void {
  say(`corrupt line in '${path}' at offset ${offset}, ${length} bytes (${reason})`);
  process.exitCode = exitCodes.failed;
}

/** Prints events that are in the file in this order. */
export async function printEvents(
  file: FileHandle,
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
  /** Only events whose line begins at this offset or after it. */
  readonly from: number;
  /** Only events whose line begins before this offset. */
  readonly to: number;
  /** At most this many events. */
  readonly limit: number;
}

export async function printRange(
  file: FileHandle,
  path: string,
  { limit, ...range }: RawRange,
): Promise<void> {
  const scanned = scanForwards(file, { ...range, maxLineBytes: rawSettings.maxLineBytes });
  let left = limit;
  for await (const batch of eachWithIoErrors(scanned, path)) {
    for (const part of splitAtDamage(batch, false)) {
      if (!Array.isArray(part)) {
        reportDamage({ path: resolve(path), ...part });
        continue;
      }
      const entries = part.slice(0, left);
      await printEvents(file, entries);
      left -= entries.length;
      if (left === 0) return;
    }
  }
}

async function printBytes(file: FileHandle, begin: number, end: number): Promise<void> {
  let last = newline;
  for (let at = begin; at < end; ) {
    const bytes = await readAt(file, at, Buffer.allocUnsafe(Math.min(chunkBytes, end - at)));
    if (bytes.length === 0) break; // truncated just now
    at += bytes.length;
    last = bytes.at(-1) ?? newline;
    await print(bytes);
  }
  if (last !== newline) await print('\n');
}
