/**
 * Mirroring: a chronicle on a server, followed into a file of this machine.
 */
import { onAbort } from '../../base/abort.js';
import {
  checkBoolean,
  checkOneOf,
  checkOptions,
  checkSignal,
  checkTimeout,
  type FilePath,
  toNativePath,
} from '../../base/arguments.js';
import { type Durability, durabilities } from '../../base/durability.js';
import { divergedFrom, gapIn, invalid } from '../../base/errors.js';
import { checkOnGap } from '../../chronicle/call-options.js';
import type { Chronicle } from '../../chronicle/chronicle.js';
import { type OnGap, reportGap } from '../../event/gap.js';
import type { LineEntry } from '../file/lines/line-entry.js';
import { MirrorFile } from './mirror-file.js';
import type { Start } from './page-stream.js';
import { engineBehind } from './postgres-engine.js';
import type { Source } from './read.js';

/**
 * Options of {@link mirror}.
 *
 * @example
 *   await mirror(orders, 'orders.ndjson', { follow: false }); // from a job that runs each night
 */
export interface MirrorOptions {
  /** Go on with what comes; else it ends with what is there when it begins. Default: true. */
  follow?: boolean | undefined;
  /** Ends it, quietly. Default: none. */
  signal?: AbortSignal | undefined;
  /**
   * What to do where events are gone before they were mirrored, since `retain` has removed them: `'throw'`, or go on with
   * what is there. Default: `'throw'`, which is `EGAP`.
   */
  onGap?: OnGap | undefined;
  /** What lines in the file survive. Default: `'data'`. */
  durability?: Durability | undefined;
  /** How long to wait for the file's lock, in milliseconds. Default: 2000. */
  lockTimeout?: number | undefined;
}

/** What {@link mirror} has added to the file. */
export interface Mirrored {
  /** How many events. */
  readonly events: number;
  /** How many bytes their lines have, with their newlines. */
  readonly bytes: number;
}

/**
 * Follows a chronicle on PostgreSQL into a file of this machine, which then holds its lines byte for byte: for `cat`,
 * `tail -f`, jq, and everything that reads lines. A server that fails is waited for.
 *
 * It may be killed at any moment, and begun again: it goes on after the last line of the file, and nothing is lost or
 * doubled. Nobody else may write to the file. Two mirrors of one file do no harm: one of them ends with `ECONFLICT`.
 * Where `retain` had removed events before they were mirrored, the file `<path>.mirror` notes how far its offsets are
 * from those of the chronicle; it belongs to the mirror.
 *
 * Resolves when `signal` is aborted, or the chronicle is closed; with `follow: false`, at the end.
 *
 * @param chronicle opened by `openChronicle` of `holdfast/postgres`
 * @param path of the file; it and the directories above it are made if they are missing
 * @throws `EVALIDATION` for a bad argument, and a file that is the mirror of another chronicle or none; `EGAP` for events
 *   that are gone, and a file that ends with an event which the server does not have; `ECONFLICT` if somebody else writes
 *   to the file; `ELOCK_TIMEOUT`, `EIO`
 * @example
 *   await mirror(orders, '/var/log/orders.ndjson', { signal: stopping });
 */
export async function mirror<T extends object>(
  chronicle: Chronicle<T>,
  path: FilePath,
  options?: MirrorOptions,
): Promise<Mirrored> {
  const { engine, closed } = engineBehind(chronicle, 'chronicle');
  const nativePath = toNativePath(path, 'path');
  const given = checkOptions(options, ['follow', 'signal', 'onGap', 'durability', 'lockTimeout']);
  const { durability = 'data', lockTimeout = 2000, onGap = 'throw', follow = true } = given;
  const settings = {
    durability: checkOneOf(durability, durabilities, 'durability'),
    lockTimeout: checkTimeout(lockTimeout, 'lockTimeout'),
  };
  const query = { follow: checkBoolean(follow, 'follow'), onGap: checkOnGap(onGap) };
  const signal = checkSignal(given.signal, 'signal');
  const done = { events: 0, bytes: 0 };
  const stop = new AbortController();
  const forget = [signal, closed].map((each) => each && onAbort(each, () => stop.abort()));
  if (signal?.aborted || closed.aborted) stop.abort();
  try {
    if (stop.signal.aborted) return done;
    const { source } = engine;
    const file = await MirrorFile.open(nativePath, source.name, settings, stop.signal);
    const pages = engine.pages(
      {
        start: () => startOf(file, source),
        follow: query.follow,
        onGap: ({ ends }, at) => {
          if (ends < at) throw divergedFrom(file.path, source.name);
          reportGap(gapIn(source.name, { after: undefined, files: [], next: undefined }), query.onGap);
        },
      },
      stop.signal,
    );
    for await (const { head, batch } of pages) {
      const { bytes, begin } = batch;
      await file.append({ bytes, offset: begin, fingerprint: head.fingerprint as string }, source.name);
      done.events += batch.entries.length + batch.nonEvents.length;
      done.bytes += bytes.length;
    }
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
  } finally {
    for (const each of forget) each?.();
  }
  return done;
}

/** Where the chronicle goes on after the file, which must end with a line of it. */
async function startOf(file: MirrorFile, { name, pages }: Source): Promise<Start> {
  const { fingerprint, last, next } = file;
  if (fingerprint === undefined) return { at: 0, begun: false };
  const { head, batch } = await pages.lineAt(last?.offset ?? next);
  if (head.fingerprint !== fingerprint) {
    throw invalid('path', `'${file.path}' holds lines, and they are not those of '${name}'`);
  }
  const [entry] = (batch?.entries ?? []) as LineEntry[];
  const isKnown = last === undefined || (entry ? entry.was(last) : last.offset < head.begins);
  if (!isKnown) throw divergedFrom(file.path, name);
  return { at: next, begun: true };
}
