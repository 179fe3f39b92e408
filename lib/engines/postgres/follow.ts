/**
 * Following a chronicle: the events of its pages.
 */
import { gapIn } from '../../base/errors.js';
import type { FollowQuery } from '../../chronicle/call-options.js';
import type { Batches } from '../../chronicle/engine.js';
import { reportGap } from '../../event/gap.js';
import { parsePosition } from '../file/lines/position.js';
import { ReadFilter } from '../file/read/read-filter.js';
import type { PageOfLines, PageStream } from './page-stream.js';
import { checkNoFiles, eventsOf, placeAfter, type Source } from './read.js';

export async function* followBatches(
  source: Source,
  pagesOf: (stream: PageStream) => AsyncGenerator<PageOfLines>,
  query: FollowQuery,
  stop: AbortSignal,
): Batches {
  const { name, pages, settings } = source;
  const { after, from, onGap, where } = query;
  checkNoFiles(query.files);
  if (after !== undefined) parsePosition(after, 'after');
  const filter = new ReadFilter(settings, where);
  let last = after;
  const stream: PageStream = {
    start: async () => {
      if (after !== undefined) return { at: await placeAfter(source, after, onGap), begun: true };
      const { begins, ends } = await pages.head();
      if (from === 'end') return { at: ends, begun: true };
      return { at: from > ends ? begins : from, begun: false };
    },
    follow: true,
    onGap: () => reportGap(gapIn(name, { after: last, files: [], next: undefined }), onGap),
    needles: filter.lines?.needles,
  };
  for await (const { batch } of pagesOf(stream)) {
    for await (const entries of eventsOf(batch, filter, source, false)) {
      last = entries.at(-1)?.position ?? last;
      yield entries;
      if (stop.aborted) return;
    }
  }
}
