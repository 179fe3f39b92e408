/**
 * Following a chronicle: its events as they are there, and then as they come, across rotation, replacement
 * and truncation of the file.
 */
import { checkOptions, type FilePath, toNativePath } from '../../../base/arguments.js';
import type { NativePath } from '../../../base/paths.js';
import { type FollowOptions, type FollowQuery, followOptionNames } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import { followEntries } from '../../../chronicle/follow-entries.js';
import { checkReadOptions, type ReadOptions, type ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import type { JsonObject } from '../../../event/line.js';
import { type FollowedEntries, Follower, type Following } from './follower.js';

/**
 * Follows a file that need not be open, or exist yet; see {@link Chronicle.follow}.
 *
 * @example
 *   for await (const { event } of followChronicle('orders.ndjson', { from: 'end' })) console.log(event);
 */
export function followChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: FollowOptions & ReadOptions,
): AsyncGenerator<Entry<T>, void, undefined> {
  const nativePath = toNativePath(path, 'path');
  const given = checkOptions(options);
  const settings = checkReadOptions(given, followOptionNames);
  return followEntries<T>((query, stop) => followBatches(nativePath, settings, { ...query, stop }), given);
}

/** Follows until `stop` is aborted, also while it waits. */
export async function* followBatches(
  path: NativePath,
  settings: ReadSettings,
  following: FollowQuery & Following,
): Batches {
  for await (const { entries } of followFile(path, settings, following)) yield entries;
}

/** As {@link followBatches}, for those who want the bytes. */
export async function* followFile(
  path: NativePath,
  settings: ReadSettings,
  following: Following,
): AsyncGenerator<FollowedEntries, void, undefined> {
  const follower = new Follower(path, settings, following);
  try {
    yield* follower.batches();
  } finally {
    await follower.close();
  }
}
