/**
 * Reading the events of a chronicle: all, or the last ones.
 */
import { checkInteger } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import * as chronicle from '../../engines/file/functions.js';
import type { ChronicleEvent, ChronicleEventBase } from './events.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/**
 * All events, in the order of the file. A file that does not exist holds none. Lines that are no event are
 * skipped with a warning.
 *
 * @throws `EIO`
 * @example
 *   const events = await sage.readChronicle('src/user.ts.sage');
 */
export async function readChronicle<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
): Promise<T[]> {
  return chronicle.readChronicle<T>(checkChroniclePath(path));
}

/**
 * The last `n` events, in the order of the file. Costs what they hold, not what the file holds.
 *
 * @param n `Infinity`: all
 * @throws `EVALIDATION`, `EIO`
 */
export async function tailChronicle<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
  n = 10,
): Promise<T[]> {
  return chronicle.tailChronicle<T>(checkChroniclePath(path), checkCount(n));
}

/** As {@link readChronicle}. */
export function readChronicleFile<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
): Promise<T[]> {
  return readChronicle<T>(path);
}

/** As {@link tailChronicle}. */
export function tailChronicleFile<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
  n: number,
): Promise<T[]> {
  return tailChronicle<T>(path, n);
}

function checkCount(n: number): number {
  if (n === Number.POSITIVE_INFINITY) return Number.MAX_SAFE_INTEGER;
  // Callers match this message.
  if (typeof n === 'number' && n < 0) throw invalid('n', `Tail count must be non-negative: ${n}`);
  return checkInteger(n, 'n', 0);
}
