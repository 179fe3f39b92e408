/**
 * Following a chronicle: its events as they are there, and then as they come, across rotation, replacement and
 * truncation of the file. Takes no lock, except for a moment on a file that the path has ceased to name.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { type FilePath, toNativePath } from '../../../base/arguments.js';
import { eachWithIoErrors, ioError, isMissing, withIoErrors } from '../../../base/errors.js';
import { directoryOf } from '../../../base/paths.js';
import type { FollowOptions, FollowQuery } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import { followEntries } from '../../../chronicle/follow-entries.js';
import { checkReadOptions, type ReadOptions, type ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import type { JsonObject } from '../../../event/line.js';
import type { Where } from '../../../event/where.js';
import { lock } from '../../../lock/lock.js';
import type { NativePath } from '../../../native/addon.js';
import { offsetOfLast } from '../lines/last-events.js';
import { openForReading } from '../lines/open-file.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { scanBackwards, scanForwards } from '../lines/scanner.js';
import { ReadFilter, splitAtDamage } from '../read/read-filter.js';
import { ChangeWatcher } from './change-watcher.js';

const newline = 0x0a;
/** As many bytes before a place tell whether the file was truncated there and written anew. */
const markBytes = 96;
/** So many places are remembered to which a truncated file is compared. */
const mostMarks = 128;
/** Milliseconds that writers of a replaced file are given to finish. */
const lastWriteTimeout = 2000;

/** Follows a file that need not be open, or exist yet; see {@link Chronicle.follow}. */
export function followChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: FollowOptions & ReadOptions,
): AsyncGenerator<Entry<T>, void, undefined> {
  const nativePath = toNativePath(path, 'path');
  const settings = checkReadOptions(options);
  return followEntries<T>((query, stop) => followBatches(nativePath, settings, query, stop), options);
}

/** Follows until `stop` is aborted, also while it waits. */
export async function* followBatches(
  path: NativePath,
  settings: ReadSettings,
  { from, where }: FollowQuery,
  stop: AbortSignal,
): Batches {
  for await (const { entries } of followFile(path, settings, from, stop, where)) yield entries;
}

/** Events that stand in one file, in its order. */
export interface FollowedEntries {
  readonly entries: Entry<JsonObject>[];
  /** Open until the next ones are asked for. */
  readonly file: FileHandle;
}

/** Where following begins: at an offset, at the end, or with the last so many events. */
export type Start = number | 'end' | { readonly last: number };

/** As {@link followBatches}, for those who want the bytes. */
export async function* followFile(
  path: NativePath,
  settings: ReadSettings,
  start: Start,
  stopped: AbortSignal,
  where?: Where,
): AsyncGenerator<FollowedEntries, void, undefined> {
  const follower = new Follower(path, settings, stopped, where);
  try {
    yield* follower.batches(start);
  } finally {
    await follower.close();
  }
}

/** A file that is being read, and how far. */
interface OpenFile {
  readonly file: FileHandle;
  readonly id: string;
  readonly size: number;
  /** Where the next line begins. */
  at: number;
  /** The bytes before that, and those before places where earlier lines ended. */
  readonly marks: Mark[];
}

interface Mark {
  readonly end: number;
  readonly bytes: Buffer;
}

class Follower {
  readonly #path: NativePath;
  readonly #settings: ReadSettings;
  readonly #filter: ReadFilter;
  readonly #stopped: AbortSignal;
  readonly #watcher: ChangeWatcher;
  readonly #opened = new Set<FileHandle>();
  /** The file that the path named when it was last looked at. */
  #current: OpenFile | undefined;
  /** The last rotated file that need not be read any more. */
  #lastRotated: Buffer = Buffer.alloc(0);

  constructor(path: NativePath, settings: ReadSettings, stopped: AbortSignal, where: Where | undefined) {
    this.#path = path;
    this.#settings = settings;
    this.#filter = new ReadFilter(settings, where);
    this.#stopped = stopped;
    this.#watcher = new ChangeWatcher(stopped);
  }

  async close(): Promise<void> {
    this.#watcher.close();
    await Promise.all([...this.#opened].map((file) => file.close()));
  }

  async *batches(start: Start): AsyncGenerator<FollowedEntries> {
    this.#lastRotated = (await rotatedFiles(this.#path)).at(-1) ?? this.#lastRotated;
    this.#current = await this.#openFile(this.#path);
    if (this.#current) await this.#withIoErrors(begin(this.#current, start, this.#settings.maxLineBytes));
    while (!this.#stopped.aborted) {
      const file = this.#current;
      if (file) {
        // Watched before it is read, so that nothing comes unseen between.
        this.#watcher.watch(this.#path, file.id);
        yield* this.#read(file, true);
        if (await this.#isNamed(file)) {
          if (await this.#isSame(file)) await this.#watcher.change();
          continue;
        }
        await this.#lastWrite(file);
        yield* this.#read(file, false);
      } else {
        this.#watcher.watch(directoryOf(this.#path), 'directory');
      }
      yield* this.#goOn(file);
      if (!file && !this.#current) await this.#watcher.change();
    }
  }

  /** Reads the rotated files that came behind `file`, and makes the one current that the path names now, if any. */
  async *#goOn(file: OpenFile | undefined): AsyncGenerator<FollowedEntries> {
    const current = await this.#openFile(this.#path);
    // Listed when that is open, so that all that came before it is in the list.
    const names = (await rotatedFiles(this.#path)).filter((name) => name.compare(this.#lastRotated) > 0);
    const ids = await Promise.all(names.map((name) => this.#idOf(name)));
    const own = file ? ids.lastIndexOf(file.id) : -1;
    const end = current && ids.includes(current.id) ? ids.indexOf(current.id) : ids.length;
    const between = names.slice(own + 1, end);
    for (const name of between) {
      const rotated = await this.#openFile(name);
      // Removed already, because only so many are kept.
      if (!rotated) continue;
      yield* this.#read(rotated, false);
      await this.#closeFile(rotated);
    }
    this.#lastRotated = names[end - 1] ?? this.#lastRotated;
    if (file) {
      if (current && own === -1 && between.length === 0) {
        const at = await this.#continuation(file, current);
        setPlace(current, at, await this.#withIoErrors(bytesBefore(current.file, at)));
      }
      await this.#closeFile(file);
    }
    this.#current = current;
  }

  async *#read(file: OpenFile, leaveUnfinished: boolean): AsyncGenerator<FollowedEntries> {
    const { maxLineBytes, onCorrupt } = this.#settings;
    const filter = this.#filter.lines;
    for (let same = false; !same; ) {
      await this.#goBack(file);
      same = true;
      const range = { from: file.at, to: Number.MAX_SAFE_INTEGER, maxLineBytes, leaveUnfinished, filter };
      for await (const batch of eachWithIoErrors(scanForwards(file.file, range), this.#path)) {
        // After the batch was read: in a file that was truncated meanwhile, no line need begin where it began.
        same = await this.#isSame(file);
        if (!same) break;
        for (const part of splitAtDamage(await this.#filter.apply(batch, false), false)) {
          if (Array.isArray(part)) yield { entries: part, file: file.file };
          else reportCorruptLine({ path: this.#path.toString(), ...part }, onCorrupt);
        }
        setPlace(file, batch.end, batch.mark.bytes);
        if (this.#stopped.aborted) return;
      }
    }
  }

  /** False where the file was truncated before the place where reading goes on, whatever was written since. */
  async #isSame({ file, at, marks }: OpenFile): Promise<boolean> {
    const mark = marks.at(-1)?.bytes ?? Buffer.alloc(0);
    const now = await this.#withIoErrors(bytesAt(file, at - mark.length, mark.length));
    if (!now.equals(mark)) return false;
    return mark.length > 0 || (await this.#withIoErrors(file.stat())).size >= at;
  }

  /**
   * To the last place up to which the file is as it was: a little back where a writer has cut a failed write off
   * (C6), to the beginning where somebody has emptied the file.
   */
  async #goBack(file: OpenFile): Promise<void> {
    while (!(await this.#isSame(file))) {
      file.marks.pop();
      file.at = file.marks.at(-1)?.end ?? 0;
    }
  }

  /**
   * Where the events go on in a file that took the place of `old`: behind the same lines, where it begins with all that
   * are not corrupt, as repair() leaves it; at its beginning, where it is another file.
   */
  async #continuation(old: OpenFile, current: OpenFile): Promise<number> {
    const { maxLineBytes } = this.#settings;
    const range = { from: 0, to: Number.MAX_SAFE_INTEGER, maxLineBytes };
    let at = 0;
    for await (const { begin, end, nonEvents } of eachWithIoErrors(
      scanForwards(old.file, range),
      this.#path,
    )) {
      let from = begin;
      for (const { offset, length } of [
        ...nonEvents.filter(({ kind }) => kind === 'corrupt'),
        { offset: end, length: 0 },
      ]) {
        const same = offset - from;
        const [before, now] = await this.#withIoErrors(
          Promise.all([bytesAt(old.file, from, same), bytesAt(current.file, at, same)]),
        );
        if (!before.equals(now)) return 0;
        at += same;
        from = offset + length;
      }
    }
    return at;
  }

  /** Lets a writer finish that had taken the lock while the path still named this file; none will write after it. */
  async #lastWrite({ file }: OpenFile): Promise<void> {
    try {
      const options = { mode: 'shared', timeout: lastWriteTimeout, signal: this.#stopped } as const;
      await (await lock(file, options)).release();
    } catch {
      // Held by somebody else for longer than a write takes, or not to be had on this file system.
    }
  }

  async #isNamed({ id }: OpenFile): Promise<boolean> {
    return (await this.#idOf(this.#path)) === id;
  }

  async #idOf(path: NativePath): Promise<string | undefined> {
    try {
      return idFrom(await stat(path, { bigint: true }));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioError(error, path);
    }
  }

  async #openFile(path: NativePath): Promise<OpenFile | undefined> {
    let file: FileHandle;
    try {
      file = await openForReading(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    this.#opened.add(file);
    const stats = await this.#withIoErrors(file.stat({ bigint: true }));
    return { file, id: idFrom(stats), size: Number(stats.size), at: 0, marks: [] };
  }

  async #closeFile({ file }: OpenFile): Promise<void> {
    this.#opened.delete(file);
    await file.close();
  }

  #withIoErrors<T>(call: Promise<T>): Promise<T> {
    return withIoErrors(call, this.#path);
  }
}

function idFrom({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function setPlace(open: OpenFile, end: number, bytes: Buffer): void {
  open.at = end;
  open.marks.push({ end, bytes });
  if (open.marks.length > mostMarks) open.marks.shift();
}

/** Sets the place where reading begins. */
async function begin(open: OpenFile, start: Start, maxLineBytes: number): Promise<void> {
  let at = start;
  if (typeof at !== 'number') {
    const end = await endOfLines(open, maxLineBytes);
    at = at === 'end' ? end : await offsetOfLast(open.file, end, at.last, maxLineBytes);
  }
  if (at <= open.size) setPlace(open, at, await bytesBefore(open.file, at));
}

/** Where the last line ends that has a newline: one that is not finished is one that comes. */
async function endOfLines({ file, size }: OpenFile, maxLineBytes: number): Promise<number> {
  const [last] = await bytesAt(file, size - 1, Math.min(size, 1));
  if (size === 0 || last === newline) return size;
  for await (const { entries, nonEvents } of scanBackwards(file, { from: 0, to: size, maxLineBytes })) {
    return Math.max(entries[0]?.offset ?? 0, nonEvents[0]?.offset ?? 0);
  }
  return 0;
}

function bytesBefore(file: FileHandle, end: number): Promise<Buffer> {
  const length = Math.min(end, markBytes);
  return bytesAt(file, end - length, length);
}

/** Fewer than `length` only where the file ends before. */
async function bytesAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
