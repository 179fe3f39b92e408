/**
 * Reading a chronicle: page after page, up to where it ended when reading began.
 */
import { hash } from 'node:crypto';
import { gapIn, invalid } from '../../base/errors.js';
import type { ReadQuery, WhichFiles } from '../../chronicle/call-options.js';
import type { Batches } from '../../chronicle/engine.js';
import type { Entry } from '../../chronicle/results.js';
import { reportCorruptLine } from '../../event/corrupt-line.js';
import { idOf } from '../../event/event-id.js';
import { type OnGap, reportGap } from '../../event/gap.js';
import type { JsonObject } from '../../event/line.js';
import type { LineBatch } from '../file/lines/line-batch.js';
import type { LineEntry } from '../file/lines/line-entry.js';
import { parsePosition } from '../file/lines/position.js';
import { ReadFilter, splitAtDamage } from '../file/read/read-filter.js';
import type { PostgresSettings } from './options.js';
import type { Pages } from './pages.js';

/** What readers of one chronicle share. */
export interface Source {
  readonly name: string;
  readonly pages: Pages;
  readonly settings: PostgresSettings;
}

export async function* readBatches(source: Source, query: ReadQuery): Batches {
  const { name, pages, settings } = source;
  const { after, onGap, reverse, where } = query;
  checkNoFiles(query.files);
  if (after !== undefined) parsePosition(after, 'after');
  if (query.limit === 0) return;
  const filter = new ReadFilter(settings, where);
  const head = await pages.head();
  let from = after === undefined ? query.from : await placeAfter(source, after, onGap);
  let to = Math.min(query.to, head.ends);
  // What is gone before reading begins is no gap for somebody who asked for no place.
  let begun = after !== undefined;
  let left = query.limit;
  let last: string | undefined;
  while (left > 0 && from < to) {
    const limit = filter.lines || settings.schema ? Number.MAX_SAFE_INTEGER : left;
    const page = await pages.page({ from, to, reverse, limit, needles: filter.lines?.needles });
    if (begun && page.head.begins > from) {
      reportGap(gapIn(name, { after: last ?? after, files: [], next: undefined }), onGap);
    }
    begun = !reverse;
    if (!page.lines) return;
    for await (const entries of eventsOf(page.lines.batch, filter, source, reverse)) {
      const wanted = entries.length > left ? entries.slice(0, left) : entries;
      last = wanted.at(-1)?.position;
      left -= wanted.length;
      yield wanted;
      if (left === 0) return;
    }
    if (reverse) to = page.lines.begin;
    else from = page.lines.end;
  }
}

/** The events of a page that are asked for. What is none is reported in its place. */
export async function* eventsOf(
  batch: LineBatch,
  filter: ReadFilter,
  { name, settings }: Source,
  reverse: boolean,
): Batches {
  for (const part of splitAtDamage(await filter.apply(batch, reverse), reverse)) {
    if (Array.isArray(part)) yield part;
    else reportCorruptLine({ path: name, ...part }, settings.onCorrupt);
  }
}

/** Where reading goes on after a position; where its event is gone, or what comes after it, that is a gap. */
export async function placeAfter({ name, pages }: Source, after: string, onGap: OnGap): Promise<number> {
  const place = parsePosition(after, 'after');
  const { head, batch } = await pages.lineAt(place.offset);
  const next = place.offset + place.length + 1;
  if (head.fingerprint === place.file) {
    const [entry] = (batch?.entries ?? []) as LineEntry[];
    if (entry?.was(place)) return next;
    if (!batch && next === head.begins) return next; // the last one that was removed
  }
  reportGap(gapIn(name, { after, files: [], next: undefined }), onGap);
  return head.begins;
}

/** The first event with this id. */
export async function findEvent(
  { pages, settings }: Source,
  eventId: string,
  files: WhichFiles,
): Promise<Entry<JsonObject> | undefined> {
  checkNoFiles(files);
  const { entries } = await pages.withId(hash('sha256', eventId, 'buffer'), maxCopies);
  return entries.find(({ event }) => idOf(event, settings.idKey) === eventId);
}

/** Of one id there is one event, but for what others with another `idKey` have appended. */
const maxCopies = 100;

export function checkNoFiles(files: WhichFiles): void {
  if (files === 'all') return;
  throw invalid('files', 'there are no files: leave it out');
}
