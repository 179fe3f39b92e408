/**
 * Following a chronicle as an iterable that can be ended while it waits.
 */
import { onAbort } from '../base/abort.js';
import { copyForLater } from '../base/arguments.js';
import type { JsonObject } from '../event/line.js';
import { checkFollowOptions, type FollowOptions, type FollowQuery } from './call-options.js';
import type { Entry } from './results.js';

/** Follows until `stop` is aborted; see {@link Engine.follow}. */
export type Follow = (query: FollowQuery, stop: AbortSignal) => AsyncIterable<readonly Entry<JsonObject>[]>;

/**
 * The events, one by one. The iteration ends when the signal is aborted, and on `return()`, also while it
 * waits.
 *
 * @param closed likewise ends it, quietly
 */
export function followEntries<T extends object>(
  follow: Follow,
  options: FollowOptions | undefined,
  names?: readonly string[],
  closed?: AbortSignal,
): AsyncGenerator<Entry<T>, void, undefined> {
  const stop = new AbortController();
  const entries = entriesUntil<T>(stop, follow, copyForLater(options), { names, closed });
  // A generator that waits answers no return() before it has waited; so the wait is ended first.
  const end = async <R>(finish: () => Promise<R>) => {
    stop.abort();
    return finish();
  };
  return {
    next: () => entries.next(),
    return: (value) => end(() => entries.return(value)),
    throw: (error) => end(() => entries.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => end(async () => void (await entries.return())),
  };
}

async function* entriesUntil<T extends object>(
  stop: AbortController,
  follow: Follow,
  options: () => FollowOptions | undefined,
  {
    names,
    closed,
  }: { readonly names: readonly string[] | undefined; readonly closed: AbortSignal | undefined },
): AsyncGenerator<Entry<T>, void, undefined> {
  const { signal, ...query } = checkFollowOptions(options(), names);
  const abort = () => stop.abort();
  const forget = [signal, closed].map((each) => each && onAbort(each, abort));
  if (signal?.aborted || closed?.aborted) stop.abort();
  try {
    for await (const entries of follow(query, stop.signal)) {
      for (const entry of entries) {
        if (stop.signal.aborted) return;
        yield entry as Entry<T>;
      }
    }
  } finally {
    for (const each of forget) each?.();
  }
}
