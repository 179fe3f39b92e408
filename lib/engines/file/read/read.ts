/**
 * Reading the events of a chronicle: of its rotated files and of the one that is written, in one order. Takes no lock.
 */
import { gapIn, invalid } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { arrayOf } from '../../../chronicle/batches.js';
import { checkReadRange, type ReadQuery, type WhichFiles } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { reportGap } from '../../../event/gap.js';
import type { JsonObject } from '../../../event/line.js';
import { takeSnapshot } from '../lines/chronicle-files.js';
import { parsePosition } from '../lines/position.js';
import { FilesInOrder } from './files-in-order.js';
import { locate, pathAt } from './locate.js';
import { readOpenFile } from './read-file.js';

/** Lines that are no event are reported as `onCorrupt` says, between the events before and after them. */
export async function* readBatches(path: NativePath, settings: ReadSettings, query: ReadQuery): Batches {
  const after = query.after === undefined ? undefined : parsePosition(query.after, 'after');
  if (query.limit === 0) return;
  const isRange = query.from > 0 || query.to < Number.MAX_SAFE_INTEGER;
  const start = after
    ? await locate(path, after, settings.maxLineBytes)
    : { snapshot: await takeSnapshot(path, query.files), index: 0, from: query.from };
  const { snapshot, index } = start;
  const files = new FilesInOrder(snapshot, {
    index,
    reverse: query.reverse,
    hasBegun: after !== undefined && start.from !== undefined,
    isComplete: after !== undefined,
  });
  try {
    if (isRange && snapshot.rotated.length > 0) throw rangeOfOneFile(query);
    if (start.from === undefined) {
      reportGap(gapIn(path.toString(), { after: query.after, files: [], next: pathAt(start) }), query.onGap);
    }
    let last: Entry<JsonObject> | undefined;
    let left = query.limit;
    for await (const file of files.each()) {
      if ('gone' in file) {
        const before = query.reverse ? undefined : last?.position;
        const gap = { after: before ?? query.after, files: file.gone, next: file.next };
        reportGap(gapIn(path.toString(), gap), query.onGap);
        continue;
      }
      const from = file.isFirst ? (start.from ?? 0) : 0;
      const ofFile = { from, to: query.to, limit: left, reverse: query.reverse, where: query.where };
      for await (const entries of readOpenFile(file.file, file.path, settings, ofFile, file.source)) {
        last = entries.at(-1) ?? last;
        yield entries;
        left -= entries.length;
      }
      if (left === 0) return;
    }
  } finally {
    await files.close();
  }
}

/** The first event with this id. */
export async function findEvent(
  path: NativePath,
  settings: ReadSettings,
  idKey: string,
  eventId: string,
  files: WhichFiles,
): Promise<Entry<JsonObject> | undefined> {
  const query = checkReadRange({ where: { [idKey]: eventId }, limit: 1, files });
  const [entry] = await arrayOf(readBatches(path, { ...settings, onCorrupt: 'skip' }, query));
  return entry;
}

function rangeOfOneFile({ from }: ReadQuery): Error {
  return invalid(
    from > 0 ? 'from' : 'to',
    "an offset is one of a single file, and there are rotated files: use after, or files: 'current'",
  );
}
