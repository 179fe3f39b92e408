/**
 * Reading the events of one file, which need not be open as a chronicle. Takes no lock.
 */
import { eachWithIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import type { ReadQuery } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import { openForReading, type ReadableFile } from '../lines/open-file.js';
import { FileSource } from '../lines/position.js';
import { scanBackwards, scanForwards } from '../lines/scanner.js';
import { ReadFilter, splitAtDamage } from './read-filter.js';

/** What is read of one file. */
export type FileQuery = Pick<ReadQuery, 'from' | 'to' | 'limit' | 'reverse' | 'where'>;

/** Lines that are no event are reported as `onCorrupt` says, between the events before and after them. */
export async function* readFile(path: NativePath, settings: ReadSettings, query: FileQuery): Batches {
  if (query.limit === 0) return;
  const file = await openForReading(path);
  try {
    yield* readOpenFile(file, path, settings, query);
  } finally {
    await file.close();
  }
}

/** As {@link readFile}, of a file that is open, and may be read several times. */
export async function* readOpenFile(
  file: ReadableFile,
  path: NativePath,
  settings: ReadSettings,
  { from, to, limit, reverse, where }: FileQuery,
  source = new FileSource(path),
): Batches {
  const scan = reverse ? scanBackwards : scanForwards;
  const { maxLineBytes, onCorrupt } = settings;
  const filter = new ReadFilter(settings, where);
  let left = limit;
  const range = { from, to, maxLineBytes, filter: filter.lines, source };
  for await (const batch of eachWithIoErrors(scan(file, range), path)) {
    for (const part of splitAtDamage(await filter.apply(batch, reverse), reverse)) {
      if (!Array.isArray(part)) {
        reportCorruptLine({ path: path.toString(), ...part }, onCorrupt);
        continue;
      }
      const entries = part.length > left ? part.slice(0, left) : part;
      yield entries;
      left -= entries.length;
      if (left === 0) return;
    }
  }
}
