/**
 * Rewriting a chronicle without some of its lines, while others append to it.
 *
 * Complete lines never change (C3), so nearly all of the file is copied without the lock. What is certainly
 * there to stay is known only under the lock, because a writer cuts a failed write back (C6): so the lock is
 * taken for a moment to see how far the file goes, and again for the last part and for the replacement
 * itself. Writers that wait for the lock meanwhile find that the path names another file, and go on there.
 */
import { replacedMeanwhile, replaceFile } from '../../../atomic/replace-file.js';
import { removeAlias } from '../../../atomic/sync.js';
import { throwIfAborted } from '../../../base/abort.js';
import type { Durability } from '../../../base/durability.js';
import { eachWithIoErrors, HoldfastError, ioError, isMissing, withIoErrors } from '../../../base/errors.js';
import { followLinks, type NativePath } from '../../../base/paths.js';
import type { RepairOptions } from '../../../chronicle/call-options.js';
import type { Entry } from '../../../chronicle/results.js';
import type { JsonObject } from '../../../event/line.js';
import type { FileLock } from '../../../lock/file-lock.js';
import { lock } from '../../../lock/lock.js';
import { stillNames } from '../../../lock/named-file.js';
import type { LineBatch, NonEventLine } from '../lines/line-batch.js';
import { hasMark, type Mark, markAt } from '../lines/mark.js';
import { type OpenFile, openForReading, readAt } from '../lines/open-file.js';
import { scanForwards } from '../lines/scanner.js';

export interface RewriteSettings {
  /** In milliseconds; the lock is waited for a few times. */
  readonly lockTimeout: number;
  readonly durability: Durability;
  readonly maxLineBytes: number;
  /** Ends the work before the replacement; the file stays as it is. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: RepairOptions['onProgress'] | undefined;
}

/** Which lines stay. */
export interface Selection {
  /**
   * Asked once for each event, in the order of the file. Default: it stays, byte for byte, as every line that
   * stays.
   */
  keepsEvent?(entry: Entry<JsonObject>): boolean;
  /** Asked once for each line that is no event, in the order of the file. Default: it stays. */
  keepsNonEvent?(line: NonEventLine): boolean;
  /** Called before the first line is dropped for good, and without the lock, with the file that has the lines. */
  prepare?(file: OpenFile): Promise<void>;
  /** Gets the bytes of the lines that do not stay, in their order; a long line comes in several pieces. */
  drop?(bytes: Uint8Array): Promise<void>;
  /** Called under the lock, when all is copied and before the file is replaced. */
  finish?(): Promise<void>;
}

/** In bytes: no more than this is copied under the lock, unless writers are faster than the copying. */
const maxCopyUnderLock = 1024 * 1024;
const copyBytes = 1024 * 1024;

/** Thrown if the path names another file than before, or what was read of it has changed: begin again. */
const changed = Symbol('the file was replaced or truncated');

/**
 * Replaces the file by one without the lines that are not kept. False if all of them are: then nothing is
 * written. The new file is durable when this resolves, with the rights of the old one; no line that
 * others append meanwhile is lost. The offsets of lines after one that was dropped change.
 *
 * @param begin makes a selection each time that the file is read through
 * @throws `ELOCK_TIMEOUT`, `EIO`, the reason of an abort; nothing is replaced then, unless `outcomeUnknown`
 *   is set
 */
export async function rewriteChronicle(
  path: NativePath,
  settings: RewriteSettings,
  begin: () => Selection,
): Promise<boolean> {
  for (;;) {
    const file = await openForReading(path);
    const rewriting = new Rewriting(path, file, settings);
    try {
      if (!(await rewriting.isNeeded(begin()))) return false;
      await rewriting.replace(begin());
      return true;
    } catch (error) {
      if (error !== changed && error !== replacedMeanwhile) throw error;
    } finally {
      await rewriting.unlock();
      await file.close();
    }
  }
}

class Rewriting {
  readonly #path: NativePath;
  readonly #file: OpenFile;
  readonly #settings: RewriteSettings;
  #lock: FileLock | undefined;
  /** At the end that the file had when it was last locked: nothing before it is cut back any more. */
  #settled: Mark = { end: 0, bytes: Buffer.alloc(0) };

  constructor(path: NativePath, file: OpenFile, settings: RewriteSettings) {
    this.#path = path;
    this.#file = file;
    this.#settings = settings;
  }

  async unlock(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Whether the selection drops a line. */
  async isNeeded(selection: Selection): Promise<boolean> {
    for await (const { keep } of this.#ranges('look', selection)) {
      if (!keep) return true;
    }
    return false;
  }

  async replace(selection: Selection): Promise<void> {
    const { durability, signal } = this.#settings;
    await this.unlock();
    await selection.prepare?.(this.#file);
    const replacement = { mode: 0o600, durability, signal, old: this.#file };
    await replaceFile(this.#path, replacement, async (output) => {
      const write = (bytes: Uint8Array) => output.write(bytes);
      const drop = async (bytes: Uint8Array) => selection.drop?.(bytes);
      for await (const { from, to, keep } of this.#ranges('copy', selection, () => output.sync())) {
        await this.#copy(from, to, keep ? write : drop);
      }
      await selection.finish?.();
      await this.#withIoErrors(followLinks(this.#path).then((path) => removeAlias(path, this.#file)));
    });
  }

  /**
   * The file in ranges of lines that are kept or dropped. After the last range the lock is held, so no line
   * comes after.
   */
  async *#ranges(
    phase: 'look' | 'copy',
    selection: Selection,
    beforeLock?: () => Promise<void>,
  ): AsyncGenerator<{ from: number; to: number; keep: boolean }> {
    const { maxLineBytes, signal, onProgress } = this.#settings;
    let at = 0;
    for (let last = false, remainingBefore = Number.POSITIVE_INFINITY; !last; ) {
      if (at > 0) await beforeLock?.();
      await this.#settle();
      const { end } = this.#settled;
      const remaining = end - at;
      // If it does not become less (a line without end, writers that are faster than the copying), writers
      // have to wait.
      last = remaining <= maxCopyUnderLock || remaining >= remainingBefore;
      remainingBefore = remaining;
      if (!last) await this.unlock();
      // A last line without newline may still be healed, or cut back, until nobody else can write.
      const range = { from: at, to: end, maxLineBytes, leaveUnfinished: !last };
      for await (const scanned of eachWithIoErrors(scanForwards(this.#file, range), this.#path)) {
        throwIfAborted(signal);
        const batch = upTo(end, scanned);
        for (const [from, to] of dropped(batch, selection)) {
          if (from > at) yield { from: at, to: from, keep: true };
          yield { from, to, keep: false };
          at = to;
        }
        if (batch.end > at) yield { from: at, to: batch.end, keep: true };
        at = batch.end;
        onProgress?.({ phase, done: at, total: end });
      }
    }
    if (at !== this.#settled.end) throw changed;
  }

  /** Takes the lock, unless it is held, and finds how far the file goes. */
  async #settle(): Promise<void> {
    if (this.#lock) return;
    const { lockTimeout: timeout, signal } = this.#settings;
    try {
      this.#lock = await lock(this.#path, { timeout, create: false, ...(signal && { signal }) });
    } catch (error) {
      if (error instanceof HoldfastError || signal?.aborted) throw error;
      if (isMissing(error)) throw changed;
      throw ioError(error, this.#path);
    }
    // The lock is on the file that the path names now, which need not be the one that is open here.
    const isSame = await this.#withIoErrors(stillNames(this.#path, this.#file));
    if (!isSame || !(await this.#withIoErrors(hasMark(this.#file, this.#settled)))) throw changed;
    const { size } = await this.#withIoErrors(this.#file.stat());
    this.#settled = await this.#withIoErrors(markAt(this.#file, size));
  }

  async #copy(from: number, to: number, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let at = from; at < to; ) {
      throwIfAborted(this.#settings.signal);
      const buffer = Buffer.allocUnsafe(Math.min(copyBytes, to - at));
      const bytes = await this.#withIoErrors(readAt(this.#file, at, buffer));
      if (bytes.length < buffer.length) throw changed;
      await write(bytes);
      at += bytes.length;
    }
  }

  #withIoErrors<T>(call: Promise<T>): Promise<T> {
    return withIoErrors(call, this.#path);
  }
}

/** The lines that do not stay, as ranges in the order of the file; those that touch are one. */
function dropped({ entries, nonEvents }: LineBatch, selection: Selection): [number, number][] {
  const lines = [
    ...entries.filter((entry) => selection.keepsEvent?.(entry) === false),
    ...nonEvents.filter((line) => selection.keepsNonEvent?.(line) === false),
  ].sort((a, b) => a.offset - b.offset);
  const ranges: [number, number][] = [];
  for (const { offset, length } of lines) {
    const last = ranges.at(-1);
    if (last?.[1] === offset) last[1] += length;
    else ranges.push([offset, offset + length]);
  }
  return ranges;
}

/** Without a line that goes on after `end`: it was written, or became longer, since the file was locked. */
function upTo(end: number, batch: LineBatch): LineBatch {
  if (batch.end <= end) return batch;
  const endOf = (line: { offset: number; length: number } | undefined) =>
    line ? line.offset + line.length : batch.begin;
  const entries = batch.entries.filter((entry) => endOf(entry) <= end);
  const nonEvents = batch.nonEvents.filter((line) => endOf(line) <= end);
  return { ...batch, entries, nonEvents, end: Math.max(endOf(entries.at(-1)), endOf(nonEvents.at(-1))) };
}
