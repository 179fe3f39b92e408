/**
 * Putting the events of a chronicle in the order of their timestamps.
 *
 * What follows an event up to the next one that has a timestamp goes along with it: lines that are no event,
 * and events without a timestamp. What is before the first one stays there.
 */
import { replacedMeanwhile, replaceFile } from '../../atomic/replace-file.js';
import { withIoErrors } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import { orMissing } from '../../engines/file/functions.js';
import {
  type OpenFile,
  openForReading,
  type ReadableFile,
  readAt,
} from '../../engines/file/lines/open-file.js';
import { readOpenFile } from '../../engines/file/read/read-file.js';
import { stillNames } from '../../lock/named-file.js';
import { refuseChained } from './chained-file.js';
import { copyRange } from './copy-range.js';
import { compareText } from './ids.js';
import { lockPath } from './locks.js';

const settings = checkChronicleOptions({ onCorrupt: 'skip' });
const newline = 0x0a;
const byteOrderMark = Buffer.from('\ufeff');

/** How much is written at once, if it is in many pieces. */
const bufferBytes = 256 * 1024;

/** Thrown if the file is shorter than it was: begin again, as after {@link replacedMeanwhile}. */
const truncated = Symbol('the file was truncated');

/**
 * Whether the file was not in order; then it is replaced. It is read without the lock to see that, and if it
 * is not in order, all of the work is done under the lock: an event that comes last may belong first.
 */
export async function sortByTimestamp(path: NativePath): Promise<boolean> {
  for (;;) {
    const file = await orMissing(() => openForReading(path));
    if (!file) return false;
    try {
      if ((await timesOf(file, path)).areInOrder) return false;
      const held = await lockPath(path, settings.lockTimeout);
      try {
        if (!(await withIoErrors(stillNames(path, file), path))) continue;
        return await sort(file, path);
      } finally {
        await held.release();
      }
    } catch (error) {
      if (error !== truncated && error !== replacedMeanwhile) throw error;
    } finally {
      await file.close();
    }
  }
}

/** The events with a timestamp, in the order of the file. */
interface Times {
  readonly timestamps: string[];
  readonly offsets: number[];
  areInOrder: boolean;
}

async function timesOf(file: ReadableFile, path: NativePath): Promise<Times> {
  const times: Times = { timestamps: [], offsets: [], areInOrder: true };
  let last = '';
  for await (const entries of readOpenFile(file, path, settings, checkReadRange({}))) {
    for (const { event, offset } of entries) {
      const { timestamp } = event;
      if (typeof timestamp !== 'string') continue;
      if (timestamp < last) {
        refuseChained(event, path);
        times.areInOrder = false;
      }
      last = timestamp;
      times.timestamps.push(timestamp);
      times.offsets.push(offset);
    }
  }
  return times;
}

/** To be called under the lock. */
async function sort(file: OpenFile, path: NativePath): Promise<boolean> {
  const { timestamps, offsets, areInOrder } = await timesOf(file, path);
  if (areInOrder) return false; // by now: somebody else has sorted it
  const { size } = await withIoErrors(file.stat(), path);
  const start = await startOfLines(file, path);
  if (offsets[0] === 0) offsets[0] = start;
  const order = Array.from(offsets.keys()).sort((a, b) =>
    compareText(timestamps[a] as string, timestamps[b] as string),
  );
  await replaceFile(
    path,
    { mode: 0o600, durability: settings.durability, signal: undefined, old: file },
    async (output) => {
      const pieces = new Pieces((bytes) => output.write(bytes));
      const copy = async (from: number, to: number) => {
        await withIoErrors(
          copyRange(file, from, to, (bytes) => pieces.add(bytes)),
          path,
        );
        // A last line without newline: another one may come after it now.
        if (to === size && pieces.last !== newline) await pieces.add(Buffer.from('\n'));
      };
      await copy(0, offsets[0] as number);
      for (let at = 0; at < order.length; ) {
        const first = order[at] as number;
        let last = first;
        for (at++; order[at] === last + 1; at++) last++;
        await copy(offsets[first] as number, offsets[last + 1] ?? size);
      }
      await pieces.write();
    },
  );
  return true;
}

/** A byte order mark stays where it is, because in front of any other line it would be damage. */
async function startOfLines(file: ReadableFile, path: NativePath): Promise<number> {
  const begin = await withIoErrors(readAt(file, 0, Buffer.alloc(byteOrderMark.length)), path);
  return begin.equals(byteOrderMark) ? byteOrderMark.length : 0;
}

/** Writes small pieces together. */
class Pieces {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #filled = 0;
  /** The last byte. */
  last: number | undefined;

  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.last = bytes.at(-1);
    if (this.#filled + bytes.length > bufferBytes) await this.write();
    if (bytes.length > bufferBytes) {
      await this.#write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  /** Writes what was gathered. */
  async write(): Promise<void> {
    await this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }
}
