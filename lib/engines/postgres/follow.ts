/**
 * Following a chronicle: what is there, and then what comes, in pages as they are read.
 */
import { gapIn } from '../../base/errors.js';
import type { FollowQuery } from '../../chronicle/call-options.js';
import type { Batches } from '../../chronicle/engine.js';
import { reportGap } from '../../event/gap.js';
import { Retries } from '../file/follow/retry.js';
import { parsePosition } from '../file/lines/position.js';
import { ReadFilter } from '../file/read/read-filter.js';
import { isPassing } from './failure.js';
import type { Listener } from './listener.js';
import { checkNoFiles, eventsOf, placeAfter, type Source } from './read.js';

export async function* followBatches(
  source: Source,
  chronicle: number,
  listener: Listener,
  query: FollowQuery,
  stop: AbortSignal,
): Batches {
  const { name, pages, settings } = source;
  const { after, from, onGap, where } = query;
  checkNoFiles(query.files);
  if (after !== undefined) parsePosition(after, 'after');
  const filter = new ReadFilter(settings, where);
  const retries = new Retries(name, stop, isPassing);
  const unfollow = listener.follow();
  try {
    let at = await retries.until(async () => {
      if (after !== undefined) return placeAfter(source, after, onGap);
      const { begins, ends } = await pages.head();
      if (from === 'end') return ends;
      return from > ends ? begins : from;
    });
    let begun = after !== undefined || from === 'end';
    let last = after;
    const report = () => reportGap(gapIn(name, { after: last, files: [], next: undefined }), onGap);
    while (!stop.aborted) {
      const changed = listener.expect(chronicle, stop);
      const { head, lines } = await retries.until(() =>
        pages.page({
          from: at,
          to: Number.MAX_SAFE_INTEGER,
          reverse: false,
          limit: Number.MAX_SAFE_INTEGER,
          needles: filter.lines?.needles,
        }),
      );
      // Events are gone that were there after the last one: removed, or lost with a server.
      if (begun && (head.begins > at || head.ends < at)) {
        report();
        at = Math.min(Math.max(at, head.begins), head.ends);
        continue;
      }
      begun = true;
      if (!lines) {
        await changed();
        continue;
      }
      for await (const entries of eventsOf(lines.batch, filter, source, false)) {
        last = entries.at(-1)?.position ?? last;
        yield entries;
        if (stop.aborted) return;
      }
      at = Math.min(lines.end, head.ends);
    }
  } catch (error) {
    if (!stop.aborted || !isPassing(error)) throw error;
  } finally {
    unfollow();
  }
}
