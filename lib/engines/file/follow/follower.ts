/**
 * From one file of a chronicle to the next: what a path names now, the rotated files before it and in between, and a
 * file that was replaced or truncated. Takes no lock, except for a moment on a file that the path has ceased to name.
 */
import { eachWithIoErrors, gapIn, invalid, withIoErrors } from '../../../base/errors.js';
import { directoryOf, followLinks, type NativePath } from '../../../base/paths.js';
import type { FollowQuery } from '../../../chronicle/call-options.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import { type OnGap, reportGap } from '../../../event/gap.js';
import type { JsonObject } from '../../../event/line.js';
import type { Where } from '../../../event/where.js';
import { lock } from '../../../lock/lock.js';
import { namedFileId } from '../../../lock/named-file.js';
import { openRotated, type Snapshot, takeSnapshot } from '../lines/chronicle-files.js';
import { OpenFile, type ReadableFile } from '../lines/open-file.js';
import { type FileSource, parsePosition } from '../lines/position.js';
import { rotatedName } from '../lines/rotated-files.js';
import { scanForwards } from '../lines/scanner.js';
import { comesAfter, comesAfterIn, successionOf } from '../lines/succession.js';
import { FilesInOrder } from '../read/files-in-order.js';
import { locate, pathAt } from '../read/locate.js';
import { ReadFilter, splitAtDamage } from '../read/read-filter.js';
import { ChangeWatcher } from './change-watcher.js';
import { continuationIn, FollowedFile, indexOf, type Start } from './followed-file.js';
import { isPassing, Retries } from './retry.js';

export interface Following {
  readonly from: Start;
  readonly after?: FollowQuery['after'];
  readonly onGap?: OnGap;
  readonly files?: FollowQuery['files'];
  readonly where?: Where | undefined;
  /** Ends it, also while it waits. */
  readonly stop: AbortSignal;
}

/** Events of one file, in its order. */
export interface FollowedEntries {
  readonly entries: Entry<JsonObject>[];
  /** Open until the next ones are asked for. */
  readonly file: ReadableFile;
}

/** In milliseconds: how long writers of a replaced file are given to finish. */
const lastWriteTimeout = 2000;

export class Follower {
  readonly #path: NativePath;
  readonly #settings: ReadSettings;
  readonly #following: Following;
  readonly #filter: ReadFilter;
  readonly #stopped: AbortSignal;
  readonly #watcher: ChangeWatcher;
  readonly #retries: Retries;
  readonly #opened = new Set<FollowedFile | FilesInOrder>();
  /** The file that the path named when it was last opened. */
  #current: FollowedFile | undefined;
  /** The name of the last rotated file that need not be read any more. */
  #lastRotated: Buffer = Buffer.alloc(0);
  #lastPosition: string | undefined;

  constructor(path: NativePath, settings: ReadSettings, following: Following) {
    this.#path = path;
    this.#settings = settings;
    this.#following = following;
    this.#filter = new ReadFilter(settings, following.where);
    this.#stopped = following.stop;
    this.#lastPosition = following.after;
    this.#watcher = new ChangeWatcher(following.stop);
    this.#retries = new Retries(path.toString(), following.stop);
  }

  async close(): Promise<void> {
    this.#watcher.close();
    await Promise.all(
      [...this.#opened].map((opened) => ('handle' in opened ? opened.handle : opened).close()),
    );
  }

  async *batches(): AsyncGenerator<FollowedEntries> {
    try {
      yield* this.#batches();
    } catch (error) {
      if (!this.#stopped.aborted || !isPassing(error)) throw error;
    }
  }

  async *#batches(): AsyncGenerator<FollowedEntries> {
    yield* this.#begin();
    while (!this.#stopped.aborted) {
      const file = this.#current;
      if (file) {
        // Watched before it is read, so that nothing is missed in between.
        this.#watcher.watch(this.#path, file.id);
        yield* this.#read(file, { leaveUnfinished: true });
        if ((await this.#try(() => namedFileId(this.#path))) === file.id) {
          if (await this.#try(() => file.isUnchanged())) await this.#watcher.change();
          continue;
        }
        await this.#waitForLastWrite(file);
        yield* this.#read(file, { leaveUnfinished: false });
      } else {
        // Where the file is to come.
        const target = await this.#try(() => followLinks(this.#path));
        this.#watcher.watch(directoryOf(target), 'directory');
      }
      yield* this.#moveOn(file);
      if (!file && !this.#current) await this.#watcher.change();
    }
  }

  /** Reads the rotated files from where following begins, and goes to where it begins in the current one. */
  async *#begin(): AsyncGenerator<FollowedEntries> {
    const { from, after, onGap = 'throw', files = 'all' } = this.#following;
    const { maxLineBytes } = this.#settings;
    if (after !== undefined) {
      const place = parsePosition(after, 'after');
      const located = await this.#try(() => locate(this.#path, place, maxLineBytes));
      const { snapshot, index } = located;
      if (located.from === undefined) {
        await this.#take(snapshot);
        reportGap(gapIn(this.#path.toString(), { after, files: [], next: pathAt(located) }), onGap);
      }
      yield* this.#beginWith(snapshot, index, located.from ?? 0, located.from !== undefined);
      return;
    }
    const snapshot = await this.#try(() => takeSnapshot(this.#path, 'all', true));
    const { rotated } = snapshot;
    if (typeof from === 'number' && from > 0 && rotated.length > 0 && files === 'all') {
      await snapshot.current?.file.close();
      throw invalid('from', 'an offset is one of a single file, and there are rotated files: use after');
    }
    if (typeof from === 'number' && (from > 0 || files === 'current')) {
      yield* this.#beginWith(snapshot, rotated.length, from, false);
    } else if (typeof from === 'number') {
      yield* this.#beginWith(snapshot, 0, 0, false);
    } else {
      await this.#take(snapshot);
      const missing = await this.#try(async () => this.#current?.begin(from, maxLineBytes));
      if (from !== 'end' && files === 'all') yield* this.#lastOf(rotated, missing ?? from.last);
    }
  }

  async *#beginWith(
    snapshot: Snapshot,
    index: number,
    from: number,
    hasBegun: boolean,
  ): AsyncGenerator<FollowedEntries> {
    await this.#take(snapshot);
    const current = this.#current;
    if (index === snapshot.rotated.length) {
      await this.#try(async () => current?.begin(from, this.#settings.maxLineBytes));
      return;
    }
    yield* this.#readRotated(snapshot.rotated.slice(index), hasBegun, from);
  }

  /** Makes the file that is written the current one. */
  async #take({ current, rotated }: Snapshot): Promise<void> {
    this.#current = current && (await FollowedFile.of(current));
    if (this.#current) this.#opened.add(this.#current);
    const last = rotated.at(-1);
    if (last) this.#lastRotated = rotatedName(last);
  }

  /** The last events of rotated files. */
  async *#lastOf(rotated: readonly Buffer[], count: number): AsyncGenerator<FollowedEntries> {
    let missing = count;
    let index = rotated.length;
    let from = 0;
    while (missing > 0 && index > 0) {
      index--;
      const opened = await this.#try(() => openRotated(rotated[index] as Buffer));
      if (opened === 'removed') break;
      if (opened === 'not ours') continue;
      const file = await FollowedFile.of(opened);
      this.#opened.add(file);
      const wanted = { last: missing };
      missing = await this.#try(() => file.begin(wanted, this.#settings.maxLineBytes));
      from = file.offset;
      await this.#close(file);
    }
    if (index < rotated.length) yield* this.#readRotated(rotated.slice(index), false, from);
  }

  /**
   * Reads the rotated files that came after `file`, and makes the file current that the path names now, if
   * any.
   */
  async *#moveOn(file: FollowedFile | undefined): AsyncGenerator<FollowedEntries> {
    const snapshot = await this.#try(() => takeSnapshot(this.#path, 'all', true));
    const newer = snapshot.rotated.filter((name) => rotatedName(name).compare(this.#lastRotated) > 0);
    const own = file ? await this.#try(() => indexOf(file, newer)) : -1;
    const between = newer.slice(own + 1);
    await this.#take(snapshot);
    const from = file ? await this.#goOnAfter(file, own !== -1, between[0]) : 0;
    if (file) await this.#close(file);
    if (between.length === 0) {
      const current = this.#current;
      if (file) await this.#try(async () => current?.advanceTo(from));
      return;
    }
    yield* this.#readRotated(between, file !== undefined, from);
  }

  /**
   * Where to go on after a file that the path does not name any more: in the first of the rotated files after it, or in
   * the one that is written now.
   */
  async #goOnAfter(file: FollowedFile, isThere: boolean, path: Buffer | undefined): Promise<number> {
    const { maxLineBytes } = this.#settings;
    const opened = path && (await this.#try(() => openRotated(path)));
    if (typeof opened === 'string') return 0; // which is told when it is to be read
    const next = opened ? await this.#try(() => FollowedFile.of(opened)) : this.#current;
    if (!next) return 0;
    try {
      const noted = await this.#try(() => successionOf(opened ?? placeOf(next)));
      // While it is open, no other file has its inode.
      let follows = noted && file.id.endsWith(`:${noted.inode}`);
      if (!noted && opened && this.#current) {
        const current = this.#current;
        const newest = await this.#try(() => successionOf(placeOf(current)));
        await this.#try(() => Promise.all([next.source.load(next.handle), file.source.load(file.handle)]));
        follows = comesAfterIn(newest, next.source, file.source);
      }
      if (follows || isThere) {
        if (follows === false) this.#reportGone([], next.path.toString());
        return 0;
      }
      // It was replaced, as by repair: by one with the same lines, or by another one.
      const offset = await this.#try(() => continuationIn(next, file, maxLineBytes));
      if (offset !== undefined && (offset > 0 || !noted)) return offset;
      follows ??= !(await this.#try(() => file.isRemoved()));
      if (!follows && !noted && !opened) follows = await this.#try(() => next.wasThereBefore(file));
      // Nothing tells that the next one came directly after it.
      if (!follows) this.#reportGone([], next.path.toString());
      return 0;
    } finally {
      if (opened) await opened.file.close();
    }
  }

  /** @param from where the first of them is begun */
  async *#readRotated(
    rotated: readonly Buffer[],
    hasBegun: boolean,
    from: number,
  ): AsyncGenerator<FollowedEntries> {
    const snapshot = { current: undefined, rotated };
    const newest = this.#current && placeOf(this.#current);
    const attempt = <T>(call: () => Promise<T>) => this.#try(call);
    const files = new FilesInOrder(snapshot, { hasBegun, isComplete: true, newest, attempt });
    this.#opened.add(files);
    let last: FileSource | undefined;
    for await (const each of files.each()) {
      if ('gone' in each) {
        last = undefined;
        this.#reportGone(each.gone, each.next ?? this.#current?.path.toString());
        continue;
      }
      last = each.source;
      const file = await FollowedFile.of(each);
      if (each.isFirst) await this.#try(() => file.advanceTo(from));
      yield* this.#read(file, { leaveUnfinished: false });
      if (this.#stopped.aborted) return;
    }
    this.#opened.delete(files);
    const current = this.#current;
    const noted = current && (await this.#try(() => successionOf(placeOf(current))));
    if (comesAfter(noted, last) === false) this.#reportGone([], current?.path.toString());
  }

  #reportGone(files: readonly string[], next: string | undefined): void {
    const gap = gapIn(this.#path.toString(), { after: this.#lastPosition, files, next });
    reportGap(gap, this.#following.onGap ?? 'throw');
  }

  async *#read(
    file: FollowedFile,
    { leaveUnfinished }: { readonly leaveUnfinished: boolean },
  ): AsyncGenerator<FollowedEntries> {
    const { maxLineBytes, onCorrupt } = this.#settings;
    const filter = this.#filter.lines;
    const { source, path } = file;
    for (let unchanged = false; !unchanged; ) {
      await this.#try(() => file.goBack());
      unchanged = true;
      const range = {
        from: file.offset,
        to: Number.MAX_SAFE_INTEGER,
        maxLineBytes,
        leaveUnfinished,
        filter,
        source,
      };
      const scanned = eachWithIoErrors(scanForwards(file.handle, range), path);
      for (;;) {
        let next: Awaited<ReturnType<typeof scanned.next>>;
        try {
          next = await scanned.next();
          this.#retries.succeeded();
        } catch (error) {
          await this.#retries.after(error);
          unchanged = false; // and so from the last offset on, anew
          break;
        }
        if (next.done) break;
        const batch = next.value;
        // After the batch was read: if the file was truncated meanwhile, the batch need not begin at a line.
        unchanged = await this.#try(() => file.isUnchanged());
        if (!unchanged) break;
        for (const part of splitAtDamage(await this.#filter.apply(batch, false), false)) {
          if (Array.isArray(part)) {
            yield { entries: part, file: file.handle };
            this.#lastPosition = part.at(-1)?.position ?? this.#lastPosition;
          } else {
            reportCorruptLine({ path: path.toString(), ...part }, onCorrupt);
          }
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
    if (!(handle instanceof OpenFile)) return;
    try {
      const options = { mode: 'shared', timeout: lastWriteTimeout, signal: this.#stopped } as const;
      await (await lock(handle.fd, options)).release();
    } catch {
      // Somebody holds it for longer than a write takes, or this file system has no locks.
    }
  }

  async #close(file: FollowedFile): Promise<void> {
    this.#opened.delete(file);
    await file.handle.close();
  }

  #try<T>(call: () => Promise<T>): Promise<T> {
    return this.#retries.until(() => withIoErrors(call(), this.#path));
  }
}

const placeOf = ({ handle, path }: FollowedFile) => ({ file: handle, path });
