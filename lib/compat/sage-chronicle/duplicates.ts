/**
 * Events that are in the file already.
 */
import { checkArray, checkInteger, checkOptions } from '../../base/arguments.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { OneByOne } from '../../chronicle/one-by-one.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import { orMissing } from '../../engines/file/functions.js';
import { findEvent } from '../../engines/file/read/read.js';
import { readFile } from '../../engines/file/read/read-file.js';
import { rewriteChronicle, type Selection } from '../../engines/file/upkeep/rewrite.js';
import { idOf } from '../../event/event-id.js';
import { window } from './append.js';
import { refuseChained } from './chained-file.js';
import { checkText } from './envelope.js';
import { idKey } from './events.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/** Where ids are looked for. */
export interface DuplicateCheckOptions {
  /** How many of the last events are compared. Default: 10,000, as in an append. */
  windowSize?: number | undefined;
  /** Compare all events. Default: false. */
  useIndex?: boolean | undefined;
}

/** Whether an event with this id is among the last ones. */
export async function isDuplicateEvent(
  path: ChroniclePath,
  eventId: string,
  options?: DuplicateCheckOptions,
): Promise<boolean> {
  checkText(eventId, 'eventId');
  return (await batchCheckDuplicates(path, [eventId], options)).get(eventId) === true;
}

/**
 * Whether any event of the file has this id. Looks for the bytes of the id in the file itself, in bounded
 * memory and without an index, which could be out of date.
 *
 * @throws `EVALIDATION`, `EIO`
 */
export async function isDuplicateUsingIndex(path: ChroniclePath, eventId: string): Promise<boolean> {
  const nativePath = checkChroniclePath(path);
  checkText(eventId, 'eventId');
  const find = () => findEvent(nativePath, checkChronicleOptions({}), idKey, eventId, 'all');
  return (await orMissing(find)) !== undefined;
}

/**
 * For each id whether an event with it is among the last ones. The file is read once, from its end.
 *
 * @example
 *   const found = await sage.batchCheckDuplicates('src/user.ts.sage', ['one', 'two'], { windowSize: 500 });
 *   console.log(found.get('one'));
 */
export async function batchCheckDuplicates(
  path: ChroniclePath,
  eventIds: readonly string[],
  options?: DuplicateCheckOptions,
): Promise<Map<string, boolean>> {
  const nativePath = checkChroniclePath(path);
  const { windowSize = window, useIndex = false } = checkOptions(options, ['windowSize', 'useIndex']);
  const limit = useIndex ? Number.MAX_SAFE_INTEGER : checkInteger(windowSize, 'windowSize', 0);
  const found = new Map<string, boolean>();
  for (const [index, id] of checkArray(eventIds, 'eventIds').entries()) {
    checkText(id, `eventIds[${index}]`);
    found.set(id, false);
  }
  let missing = found.size;
  const settings = checkChronicleOptions({ onCorrupt: 'skip' });
  const query = checkReadRange({ reverse: true, limit });
  const entries = new OneByOne(readFile(nativePath, settings, query));
  await orMissing(async () => {
    for await (const { event } of entries) {
      if (missing === 0) break;
      const id = idOf(event, idKey);
      if (id === undefined || found.get(id) !== false) continue;
      found.set(id, true);
      missing--;
    }
  });
  return found;
}

/**
 * Removes each event that has the id of the event before it, while others keep appending, and resolves to
 * their number. The file is replaced atomically, under the writers' lock; every other line stays as it is,
 * byte for byte.
 *
 * @throws `EVALIDATION` for a file with a chain (`openChronicle(path, { chain: true })`), which this would
 *   break; `ELOCK_TIMEOUT`, `EIO`; the file is as it was then, unless `outcomeUnknown` is set
 */
export async function deduplicateConsecutiveEvents(path: ChroniclePath): Promise<number> {
  return removeEvents(path, () => {
    let last: string | undefined;
    return (id) => {
      const repeats = id !== undefined && id === last;
      last = id;
      return repeats;
    };
  });
}

/**
 * Removes events, and resolves to their number. See {@link deduplicateConsecutiveEvents}.
 *
 * @param begin makes the test anew each time that the file is read through; it is asked for each event, in
 *   their order, whether the one with this id is to be removed
 */
export async function removeEvents(
  path: ChroniclePath,
  begin: () => (id: string | undefined) => boolean,
): Promise<number> {
  const nativePath = checkChroniclePath(path);
  let removed = 0;
  const select = (): Selection => {
    const isToRemove = begin();
    removed = 0;
    return {
      keepsEvent({ event }) {
        if (!isToRemove(idOf(event, idKey))) return true;
        refuseChained(event, nativePath);
        removed++;
        return false;
      },
    };
  };
  const rewritten = await orMissing(() => rewriteChronicle(nativePath, checkChronicleOptions({}), select));
  return rewritten ? removed : 0;
}

/**
 * Does nothing, and is kept for its callers: {@link isDuplicateUsingIndex} looks at the file itself, so there
 * is no index that could be missing, or out of date.
 */
export async function maintainEventIndex(path: ChroniclePath): Promise<void> {
  checkChroniclePath(path);
}
