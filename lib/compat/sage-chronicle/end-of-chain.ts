/**
 * Appending at the end of a causal chain: lines that name the last event of the file, whoever else appends.
 *
 * The last event is read under the lock that every append takes, and the append asks that the file still ends
 * there (`ifEnd`). It takes the lock by itself, so between the two somebody else may write; then all of it is
 * done again. The append is handed over before the lock is released, so that it waits in the kernel with
 * everybody else who wants to write, and gets its turn.
 *
 * Calls of one thread that wait at the same time are linked one after the other, and appended together.
 */
import { HoldfastError, lockTimeout } from '../../base/errors.js';
import type { LockHolder } from '../../base/lock-holder.js';
import type { NativePath } from '../../base/paths.js';
import { arrayOf } from '../../chronicle/batches.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import type { AppendResult, Position } from '../../chronicle/results.js';
import type { FileEngine } from '../../engines/file/file-engine.js';
import { openForReading } from '../../engines/file/lines/open-file.js';
import { readOpenFile } from '../../engines/file/read/read-file.js';
import { idOf } from '../../event/event-id.js';
import type { EventLine } from '../../event/event-line.js';
import { idKey } from './events.js';
import { lockPath } from './locks.js';

/** What is to be appended. */
interface Order {
  readonly engine: FileEngine;
  /** Its line, after the event with this id. */
  readonly lineAfter: (id: string | undefined) => EventLine;
  /** Whether it brings its id. Then it may be a duplicate, and nothing is linked to it before that is known. */
  readonly carriesId: boolean;
  /** Of its JSON, in characters. */
  readonly length: number;
}

interface Appended {
  readonly line: EventLine;
  readonly result: AppendResult;
}

interface Call extends Order {
  /** On the clock of `performance`. */
  readonly began: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/** A group takes no further call once it has so many characters. */
const maxGroupLength = 1024 * 1024;

/** Those that wait, by their path and time-out. */
const waiting = new Map<string, Call[]>();

/** @param timeout in milliseconds, for all of it until the line is written */
export function appendAtEnd(path: NativePath, order: Order, timeout: number): Promise<Appended> {
  return new Promise((resolve, reject) => {
    const key = JSON.stringify([path, timeout]);
    const call = { ...order, began: performance.now(), resolve, reject };
    const calls = waiting.get(key);
    if (calls) {
      calls.push(call);
      return;
    }
    const first = [call];
    waiting.set(key, first);
    serve(path, first, timeout).then(() => waiting.delete(key));
  });
}

/** Appends a line, wherever the file ends. */
export async function appendLine(engine: FileEngine, line: EventLine): Promise<Appended> {
  return {
    line,
    result: await new Promise((resolve, reject) => engine.append(line, undefined, resolve, reject)),
  };
}

/** Until nobody waits. */
async function serve(path: NativePath, calls: Call[], timeout: number): Promise<void> {
  while (calls.length > 0) {
    const group = takeGroup(calls);
    try {
      await appendGroup(path, group, timeout);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'ELOCK_TIMEOUT') {
        // Those that came later than the first have more time.
        calls.unshift(...group.filter((call) => !rejectLate(call, path, timeout, error.holders)));
      } else {
        for (const { reject } of group) reject(error);
      }
    }
  }
}

/** False if the call has time left. */
function rejectLate(
  { began, reject }: Call,
  path: NativePath,
  timeout: number,
  holders: readonly LockHolder[],
): boolean {
  const waited = performance.now() - began;
  if (waited < timeout) return false;
  reject(lockTimeout({ path: path.toString(), mode: 'exclusive', waited, holders }));
  return true;
}

function takeGroup(calls: Call[]): Call[] {
  let count = 0;
  for (let length = 0; count < calls.length && length < maxGroupLength; ) {
    const call = calls[count++] as Call;
    length += call.length;
    if (call.carriesId) break;
  }
  return calls.splice(0, count);
}

async function appendGroup(path: NativePath, group: readonly Call[], timeout: number): Promise<void> {
  const waited = () => performance.now() - (group[0] as Call).began;
  for (;;) {
    const held = await lockPath(path, Math.max(0, timeout - waited()));
    try {
      const { end, id } = await lastEvent(path);
      const linked = link(group, id);
      const lines = linked.map(({ line }) => line);
      const [results] = await Promise.all([appendLines(group, lines, end), held.release()]);
      for (const [i, { call, line }] of linked.entries()) {
        call.resolve({ line, result: results[i] as AppendResult });
      }
      return;
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'ECONFLICT')) throw error;
      if (waited() >= timeout) {
        throw lockTimeout({ path: path.toString(), mode: 'exclusive', waited: waited(), holders: [] });
      }
    } finally {
      await held.release();
    }
  }
}

/** The lines of a group, each after the one before it. A call whose line cannot be written rejects. */
function link(group: readonly Call[], last: string | undefined): { call: Call; line: EventLine }[] {
  const linked: { call: Call; line: EventLine }[] = [];
  let id = last;
  for (const call of group) {
    try {
      const line = call.lineAfter(id);
      linked.push({ call, line });
      id = line.id;
    } catch (error) {
      call.reject(error);
    }
  }
  return linked;
}

function appendLines([first]: readonly Call[], lines: EventLine[], ifEnd: Position): Promise<AppendResult[]> {
  if (!first || lines.length === 0) return Promise.resolve([]);
  return new Promise((resolve, reject) => first.engine.appendMany(lines, ifEnd, resolve, reject));
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
