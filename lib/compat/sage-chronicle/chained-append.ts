/**
 * Appending with a causal link: the event names the last one of the file as the one before it.
 *
 * The last event is read under the lock that every append takes, and the append asks that the file still ends
 * there (`ifEnd`). It takes the lock by itself, so between the two somebody else may write; then all of it is
 * done again. The append is handed over before the lock is released, so that it waits in the kernel with
 * everybody else who wants to write, and gets its turn.
 */
import { checkOptions, checkTimeout } from '../../base/arguments.js';
import { HoldfastError, lockTimeout } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';
import { arrayOf } from '../../chronicle/batches.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions, type Settings } from '../../chronicle/options.js';
import type { AppendResult, Position } from '../../chronicle/results.js';
import type { FileEngine } from '../../engines/file/file-engine.js';
import { orMissing } from '../../engines/file/functions.js';
import { openForReading } from '../../engines/file/lines/open-file.js';
import { readBatches, readOpenFile } from '../../engines/file/read/read.js';
import { SharedChronicles } from '../../engines/file/shared-chronicles.js';
import { idOf } from '../../event/event-id.js';
import { type EventLine, lineOfText, toJsonWithout } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import { checkAppend, defaultLockTimeout } from './append.js';
import { checkEnvelope, checkText } from './envelope.js';
import { type ChronicleEvent, type ChronicleEventBase, idKey, previousKey } from './events.js';
import { lockPath } from './locks.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/** How an event is linked and appended. */
export interface ChainedAppendOptions {
  /** The id of the event before. Default: the one that the event names, or else that of the last event of the file. */
  forcePrevEventId?: string | undefined;
  /** How long to wait until the event can be written, in milliseconds. Default: 2000. */
  lockTimeoutMs?: number | undefined;
}

/** Not those of plain appends: what they append in the same turn would be written first, and move the end. */
const shared = new SharedChronicles();

/** The last call for each path that has not ended. Calls of one thread never conflict with each other. */
const turns = new Map<string, Promise<unknown>>();

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
): Promise<T> {
  const nativePath = checkChroniclePath(path);
  const { forcePrevEventId, lockTimeoutMs = defaultLockTimeout } = checkOptions(options, [
    'forcePrevEventId',
    'lockTimeoutMs',
  ]);
  if (forcePrevEventId !== undefined) checkText(forcePrevEventId, 'forcePrevEventId');
  const settings = checkChronicleOptions(checkAppend({ lockTimeoutMs }));
  checkEnvelope(event);
  // Now: what its caller changes later is not written.
  const { text, value: named } = toJsonWithout(event, 'event', previousKey);
  const lineAfter = (id: string | undefined) => lineOfText(withLink(text, id), 'event', settings);
  const given = forcePrevEventId ?? (typeof named === 'string' && named !== '' ? named : undefined);

  const { line, result } = await shared.use(nativePath, settings, async (engine) => {
    if (given === undefined)
      return inTurn(nativePath, () => appendLast(engine, nativePath, lineAfter, settings));
    const line = lineAfter(given);
    return { line, result: await appendLine(engine, line) };
  });
  const written =
    (result.duplicate ? await firstCopy(nativePath, result) : undefined) ?? JSON.parse(line.text);
  if (Object.hasOwn(written, previousKey)) Reflect.set(event, previousKey, written[previousKey]);
  return written as T;
}

/** The JSON of an event with the id of the one before it. */
function withLink(text: string, id: string | undefined): string {
  if (id === undefined) return text;
  return `${text.slice(0, -1)},${JSON.stringify(previousKey)}:${JSON.stringify(id)}}`;
}

interface Appended {
  readonly line: EventLine;
  readonly result: AppendResult;
}

/** Appends the line that comes after the last event. */
async function appendLast(
  engine: FileEngine,
  path: NativePath,
  lineAfter: (id: string | undefined) => EventLine,
  { lockTimeout: timeout }: Settings,
): Promise<Appended> {
  const began = performance.now();
  for (;;) {
    const waited = performance.now() - began;
    const held = await lockPath(path, checkTimeout(Math.max(0, timeout - waited), 'lockTimeoutMs'));
    try {
      const { end, id } = await lastEvent(path);
      const line = lineAfter(id);
      const [result] = await Promise.all([appendLine(engine, line, end), held.release()]);
      return { line, result };
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'ECONFLICT')) throw error;
      const waited = performance.now() - began;
      if (waited >= timeout) {
        throw lockTimeout({ path: path.toString(), mode: 'exclusive', waited, holders: [] });
      }
    } finally {
      await held.release();
    }
  }
}

/** The id of the last event, if it has one, and where the file ends. */
async function lastEvent(path: NativePath): Promise<{ end: number; id: string | undefined }> {
  const file = await openForReading(path);
  try {
    const { size: end } = await file.stat();
    const query = checkReadRange({ reverse: true, limit: 1, to: end });
    const settings = checkChronicleOptions({ onCorrupt: 'skip' });
    const [last] = await arrayOf(readOpenFile(file, path, settings, query));
    return { end, id: last && idOf(last.event, idKey) };
  } finally {
    await file.close();
  }
}

/** The event that a duplicate repeats; undefined if its file is gone. */
async function firstCopy(
  path: NativePath,
  { offset, rotated }: AppendResult,
): Promise<JsonObject | undefined> {
  const query = checkReadRange({ from: offset, limit: 1 });
  const settings = checkChronicleOptions({ onCorrupt: 'skip' });
  const [first] = (await orMissing(() => arrayOf(readBatches(rotated ?? path, settings, query)))) ?? [];
  return first?.event;
}

function appendLine(engine: FileEngine, line: EventLine, ifEnd?: Position): Promise<AppendResult> {
  return new Promise((resolve, reject) => engine.append(line, ifEnd, resolve, reject));
}

/** Calls `work` when all calls before it, for the same path, have ended. */
async function inTurn<T>(path: NativePath, work: () => Promise<T>): Promise<T> {
  const key = path.toString();
  const turn = (turns.get(key) ?? Promise.resolve()).then(work, work);
  turns.set(key, turn);
  try {
    return await turn;
  } finally {
    if (turns.get(key) === turn) turns.delete(key);
  }
}
