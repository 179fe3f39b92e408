/**
 * Reading the events of a file, which need not be open as a chronicle. Takes no lock.
 */
import type { FileHandle } from 'node:fs/promises';
import { eachWithIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { arrayOf } from '../../../chronicle/batches.js';
import { checkReadRange, type ReadQuery } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import type { JsonObject } from '../../../event/line.js';
import { openForReading } from '../lines/open-file.js';
import { scanBackwards, scanForwards } from '../lines/scanner.js';
import { ReadFilter, splitAtDamage } from './read-filter.js';

/** Lines that are no event are reported as `onCorrupt` says, between the events before and after them. */
export async function* readBatches(path: NativePath, settings: ReadSettings, query: ReadQuery): Batches {
  if (query.limit === 0) return;
  const file = await openForReading(path);
  try {
    yield* readOpenFile(file, path, settings, query);
  } finally {
    await file.close();
  }
}

/** As {@link readBatches}, of a file that is open, and may be read several times. */
export async function* readOpenFile(
  file: FileHandle,
  path: NativePath,
  settings: ReadSettings,
  { from, to, limit, reverse, where }: ReadQuery,
): Batches {
  const scan = reverse ? scanBackwards : scanForwards;
  const { maxLineBytes, onCorrupt } = settings;
  const filter = new ReadFilter(settings, where);
  let left = limit;
  const range = { from, to, maxLineBytes, filter: filter.lines };
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

/** The first event with this id. */
export async function findEvent(
  path: NativePath,
  settings: ReadSettings,
  idKey: string,
  eventId: string,
): Promise<Entry<JsonObject> | undefined> {
  const query = checkReadRange({ where: { [idKey]: eventId }, limit: 1 });
  const [entry] = await arrayOf(readBatches(path, { ...settings, onCorrupt: 'skip' }, query));
  return entry;
}
