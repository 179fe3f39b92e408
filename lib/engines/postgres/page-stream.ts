/**
 * The pages of a chronicle, one after the other: what is there, and then, if they are followed, what comes.
 */
import { Retries } from '../file/follow/retry.js';
import type { LineBatch } from '../file/lines/line-batch.js';
import { isPassing } from './failure.js';
import type { Listener } from './listener.js';
import type { Head } from './pages.js';
import type { Source } from './read.js';

/** Where to begin, and what to do at the end and at a gap. */
export interface PageStream {
  /** Asked again if a failure passes. */
  readonly start: () => Promise<Start>;
  /** Waits at the end for what comes, and for a server that fails to come back; else ends where the chronicle does. */
  readonly follow: boolean;
  /** Events are gone that should come next, which is at this offset: throws, or has it go on. */
  readonly onGap: (head: Head, at: number) => void;
  /** Only lines that hold one of these. Default: all. */
  readonly needles?: readonly string[] | undefined;
}

export interface Start {
  /** In bytes. */
  readonly at: number;
  /** Whether an event before that is known, so that none may be missing after it. */
  readonly begun: boolean;
}

/** Lines, next to each other but for what needles leave out, and what the chronicle was like when they were read. */
export interface PageOfLines {
  readonly head: Head;
  readonly batch: LineBatch;
  /** Where the next page begins. */
  readonly end: number;
}

/** Until `stop` is aborted, also while it waits. */
export async function* readPages(
  { name, pages }: Source,
  chronicle: number,
  listener: Listener,
  { start, follow, onGap, needles }: PageStream,
  stop: AbortSignal,
): AsyncGenerator<PageOfLines, void, undefined> {
  const retries = new Retries(name, stop, isPassing);
  const ask = <T>(call: () => Promise<T>) => (follow ? retries.until(call) : call());
  const unfollow = follow ? listener.follow(chronicle) : undefined;
  try {
    let { at, begun } = await ask(start);
    const to = follow ? Number.MAX_SAFE_INTEGER : (await pages.head()).ends;
    while (!stop.aborted && (follow || at < to)) {
      const changed = follow ? listener.expect(chronicle, stop) : undefined;
      const limit = Number.MAX_SAFE_INTEGER;
      const { head, lines } = await ask(() => pages.page({ from: at, to, reverse: false, limit, needles }));
      // Events are gone that were there after the last one: removed, or lost with a server.
      if (begun && (head.begins > at || head.ends < at)) {
        onGap(head, at);
        at = Math.min(Math.max(at, head.begins), head.ends);
        continue;
      }
      begun = true;
      if (lines) {
        const end = Math.min(lines.end, head.ends);
        yield { head, batch: lines.batch, end };
        at = end;
      } else if (changed) {
        await changed();
      } else {
        return; // removed meanwhile
      }
    }
  } catch (error) {
    if (!stop.aborted || !isPassing(error)) throw error;
  } finally {
    unfollow?.();
  }
}
