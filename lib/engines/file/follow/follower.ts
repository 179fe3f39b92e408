/**
 * From one file of a chronicle to the next: what a path names now, the rotated files in between, and a file
 * that was replaced or truncated. Takes no lock, except for a moment on a file that the path has ceased to
 * name.
 */
import type { FileHandle } from 'node:fs/promises';
import { eachWithIoErrors, isMissing, withIoErrors } from '../../../base/errors.js';
import { directoryOf, type NativePath } from '../../../base/paths.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import type { JsonObject } from '../../../event/line.js';
import type { Where } from '../../../event/where.js';
import { lock } from '../../../lock/lock.js';
import { namedFileId } from '../../../lock/named-file.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { scanForwards } from '../lines/scanner.js';
import { ReadFilter, splitAtDamage } from '../read/read-filter.js';
import { ChangeWatcher } from './change-watcher.js';
import { continuationIn, FollowedFile, type Start } from './followed-file.js';

export interface Following {
  readonly from: Start;
  readonly where?: Where | undefined;
  /** Ends it, also while it waits. */
  readonly stop: AbortSignal;
}

/** Events of one file, in its order. */
export interface FollowedEntries {
  readonly entries: Entry<JsonObject>[];
  /** Open until the next ones are asked for. */
  readonly file: FileHandle;
}

/** In milliseconds: how long writers of a replaced file are given to finish. */
const lastWriteTimeout = 2000;

export class Follower {
  readonly #path: NativePath;
  readonly #settings: ReadSettings;
  readonly #from: Start;
  readonly #filter: ReadFilter;
  readonly #stopped: AbortSignal;
  readonly #watcher: ChangeWatcher;
  readonly #opened = new Set<FollowedFile>();
  /** The file that the path named when it was last opened. */
  #current: FollowedFile | undefined;
  /** The last rotated file that need not be read any more. */
  #lastRotated: Buffer = Buffer.alloc(0);

  constructor(path: NativePath, settings: ReadSettings, { from, where, stop }: Following) {
    this.#path = path;
    this.#settings = settings;
    this.#from = from;
    this.#filter = new ReadFilter(settings, where);
    this.#stopped = stop;
    this.#watcher = new ChangeWatcher(stop);
  }

  async close(): Promise<void> {
    this.#watcher.close();
    await Promise.all([...this.#opened].map(({ handle }) => handle.close()));
  }

  async *batches(): AsyncGenerator<FollowedEntries> {
    this.#lastRotated = (await rotatedFiles(this.#path)).at(-1) ?? this.#lastRotated;
    this.#current = await this.#open(this.#path);
    if (this.#current) {
      await this.#withIoErrors(this.#current.begin(this.#from, this.#settings.maxLineBytes));
    }
    while (!this.#stopped.aborted) {
      const file = this.#current;
      if (file) {
        // Watched before it is read, so that nothing is missed in between.
        this.#watcher.watch(this.#path, file.id);
        yield* this.#read(file, { leaveUnfinished: true });
        if ((await this.#idOf(this.#path)) === file.id) {
          if (await this.#withIoErrors(file.isUnchanged())) await this.#watcher.change();
          continue;
        }
        await this.#waitForLastWrite(file);
        yield* this.#read(file, { leaveUnfinished: false });
      } else {
        this.#watcher.watch(directoryOf(this.#path), 'directory');
      }
      yield* this.#moveOn(file);
      if (!file && !this.#current) await this.#watcher.change();
    }
  }

  /**
   * Reads the rotated files that came after `file`, and makes the file current that the path names now, if
   * any.
   */
  async *#moveOn(file: FollowedFile | undefined): AsyncGenerator<FollowedEntries> {
    const current = await this.#open(this.#path);
    // Listed when that is open, so that the list has every file before it.
    const names = (await rotatedFiles(this.#path)).filter((name) => name.compare(this.#lastRotated) > 0);
    const ids = await Promise.all(names.map((name) => this.#idOf(name)));
    const fileIndex = file ? ids.lastIndexOf(file.id) : -1;
    const end = current && ids.includes(current.id) ? ids.indexOf(current.id) : ids.length;
    const between = names.slice(fileIndex + 1, end);
    for (const name of between) {
      const rotated = await this.#open(name);
      // Removed already, if only some are kept.
      if (!rotated) continue;
      yield* this.#read(rotated, { leaveUnfinished: false });
      await this.#close(rotated);
    }
    this.#lastRotated = names[end - 1] ?? this.#lastRotated;
    if (file) {
      if (current && fileIndex === -1 && between.length === 0) {
        const { maxLineBytes } = this.#settings;
        await this.#withIoErrors(
          continuationIn(current, file, maxLineBytes).then((offset) => current.advanceTo(offset)),
        );
      }
      await this.#close(file);
    }
    this.#current = current;
  }

  async *#read(
    file: FollowedFile,
    { leaveUnfinished }: { readonly leaveUnfinished: boolean },
  ): AsyncGenerator<FollowedEntries> {
    const { maxLineBytes, onCorrupt } = this.#settings;
    const filter = this.#filter.lines;
    for (let unchanged = false; !unchanged; ) {
      await this.#withIoErrors(file.goBack());
      unchanged = true;
      const range = { from: file.offset, to: Number.MAX_SAFE_INTEGER, maxLineBytes, leaveUnfinished, filter };
      for await (const batch of eachWithIoErrors(scanForwards(file.handle, range), this.#path)) {
        // After the batch was read: if the file was truncated meanwhile, the batch need not begin at a line.
        unchanged = await this.#withIoErrors(file.isUnchanged());
        if (!unchanged) break;
        for (const part of splitAtDamage(await this.#filter.apply(batch, false), false)) {
          if (Array.isArray(part)) yield { entries: part, file: file.handle };
          else reportCorruptLine({ path: this.#path.toString(), ...part }, onCorrupt);
        }
        file.advance(batch.mark);
        if (this.#stopped.aborted) return;
      }
    }
  }

  /**
   * Waits for a writer that took the lock while the path still named this file. No other will write to it.
   */
  async #waitForLastWrite({ handle }: FollowedFile): Promise<void> {
    try {
      const options = { mode: 'shared', timeout: lastWriteTimeout, signal: this.#stopped } as const;
      await (await lock(handle, options)).release();
    } catch {
      // Somebody holds it for longer than a write takes, or this file system has no locks.
    }
  }

  #idOf(path: NativePath): Promise<string | undefined> {
    return withIoErrors(namedFileId(path), path);
  }

  /** Undefined if there is no such file. */
  async #open(path: NativePath): Promise<FollowedFile | undefined> {
    try {
      const file = await FollowedFile.open(path);
      this.#opened.add(file);
      return file;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #close(file: FollowedFile): Promise<void> {
    this.#opened.delete(file);
    await file.handle.close();
  }

  #withIoErrors<T>(call: Promise<T>): Promise<T> {
    return withIoErrors(call, this.#path);
  }
}
