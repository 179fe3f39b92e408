/**
 * Appending with a causal link: the event names the last one of the file as the one before it.
 */
import { checkOptions } from '../../base/arguments.js';
import type { NativePath } from '../../base/paths.js';
import { arrayOf } from '../../chronicle/batches.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import type { AppendResult } from '../../chronicle/results.js';
import { orMissing } from '../../engines/file/functions.js';
import { readFile } from '../../engines/file/read/read-file.js';
import { SharedChronicles } from '../../engines/file/shared-chronicles.js';
import { idOf } from '../../event/event-id.js';
import { assertDistinct, lineOfText, toJsonWithout } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import { checkAppend, defaultLockTimeout } from './append.js';
import { appendAtEnd, appendLine } from './end-of-chain.js';
import { checkEnvelope, checkText } from './envelope.js';
import { type ChronicleEvent, type ChronicleEventBase, idKey, previousKey } from './events.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/** How an event is linked and appended. */
export interface ChainedAppendOptions {
  /** The id of the event before. Default: the one that the event names, or else that of the last event of the file. */
  forcePrevEventId?: string | undefined;
  /** How long to wait until the event can be written, in milliseconds. Default: 2000. */
  lockTimeoutMs?: number | undefined;
}

/** An event as it is in the file. The first one of a file names none before it. */
export type ChainedEvent<T> = T & {
  /** The id that it carried, or was given. */
  eventId: string;
  /** The id of the event before it. */
  prevEventId?: string;
};

/** Not those of plain appends: what they append in the same turn would be written first, and move the end. */
const shared = new SharedChronicles();

/**
 * Appends an event that names the last one of the file as its `prevEventId`, unless it names one already. No
 * other call, in whatever process, links to the same event. It is durable as after `appendEvent`. An event
 * whose id is among the last 10,000 is not written again.
 *
 * Resolves to the event as it is in the file, with its `eventId`. The event that was given has its
 * `prevEventId` as well then, so that to append it once more is to append a duplicate.
 *
 * @example
 *   const { eventId, prevEventId } = await sage.appendWithCausalChain('audit.sage', event);
 *
 * @throws `EVALIDATION` with the field that is wrong; `ELOCK_TIMEOUT`, also if others wrote each time before
 *   this could; `EIO`. The event that was given stays as it is then.
 */
export async function appendWithCausalChain<T extends ChronicleEventBase = ChronicleEvent>(
  path: ChroniclePath,
  event: T,
  options?: ChainedAppendOptions,
): Promise<ChainedEvent<T>> {
  const nativePath = checkChroniclePath(path);
  const { forcePrevEventId, lockTimeoutMs = defaultLockTimeout } = checkOptions(options, [
    'forcePrevEventId',
    'lockTimeoutMs',
  ]);
  if (forcePrevEventId !== undefined) checkText(forcePrevEventId, 'forcePrevEventId');
  const settings = checkChronicleOptions(checkAppend({ lockTimeoutMs }));
  const carriesId = idOf(checkEnvelope(event), idKey) !== undefined;
  // Now: what its caller changes later is not written.
  const { text, value: named } = toJsonWithout(event, 'event', previousKey);
  if (!carriesId) assertDistinct(event, text, 'event');
  const lineAfter = (id: string | undefined) => lineOfText(withLink(text, id), 'event', settings);
  const given = forcePrevEventId ?? (typeof named === 'string' && named !== '' ? named : undefined);

  const { line, result } = await shared.use(nativePath, settings, (engine) =>
    given === undefined
      ? appendAtEnd(nativePath, { engine, lineAfter, carriesId, length: text.length }, settings.lockTimeout)
      : appendLine(engine, lineAfter(given)),
  );
  const written =
    (result.duplicate ? await firstCopy(nativePath, result) : undefined) ?? JSON.parse(line.text);
  if (Object.hasOwn(written, previousKey)) Reflect.set(event, previousKey, written[previousKey]);
  return written as ChainedEvent<T>;
}

/** The JSON of an event with the id of the one before it. */
function withLink(text: string, id: string | undefined): string {
  if (id === undefined) return text;
  return `${text.slice(0, -1)},${JSON.stringify(previousKey)}:${JSON.stringify(id)}}`;
}

/** The event that a duplicate repeats; undefined if its file is gone. */
async function firstCopy(
  path: NativePath,
  { offset, rotated }: AppendResult,
): Promise<JsonObject | undefined> {
  const query = checkReadRange({ from: offset, limit: 1 });
  const settings = checkChronicleOptions({ onCorrupt: 'skip' });
  const [first] = (await orMissing(() => arrayOf(readFile(rotated ?? path, settings, query)))) ?? [];
  return first?.event;
}
