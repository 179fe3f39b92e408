/**
 * One subject, the handle of a chronicle, and half of it is what its users read: an append-only log of JSON objects
 * that many processes append to at once. What keeps it is an {@link Engine}.
 */
import type { Readable } from 'node:stream';
import { copyForLater, describe } from '../base/arguments.js';
import { HoldfastError, invalid, unreadable } from '../base/errors.js';
import { type EventLine, lineOfEvent, lineOfText } from '../event/event-line.js';
import type { JsonObject } from '../event/line.js';
import { assertSynchronous } from '../event/schema.js';
import { arrayOf, streamOf } from './batches.js';
import {
  type AppendCondition,
  type AppendOptions,
  checkAppendOptions,
  checkEventId,
  checkFilesOption,
  checkListOptions,
  checkReadRange,
  checkRepairOptions,
  checkTail,
  checkVerifyOptions,
  type FilesOption,
  type FollowOptions,
  filesOptionNames,
  followOptionNames,
  type ListOptions,
  type ReadQuery,
  type ReadRange,
  type RepairOptions,
  repairOptionNames,
  type VerifyOptions,
  verifyOptionNames,
  type WhichFiles,
} from './call-options.js';
import type { Engine } from './engine.js';
import { type Follow, followEntries } from './follow-entries.js';
import { OneByOne } from './one-by-one.js';
import type { Settings } from './options.js';
import type { AppendResult, ChronicleFile, Entry, Head, Repair, Verification } from './results.js';
import type { ChronicleStats } from './stats.js';

/** Set by the class, of which only this module can make instances. */
let make: <T extends object>(engine: Engine, settings: Settings) => Chronicle<T>;

/** The handle of a chronicle that an engine has opened with these settings. */
export function chronicleOn<T extends object>(engine: Engine, settings: Settings): Chronicle<T> {
  return make<T>(engine, settings);
}

/** Set likewise. */
let lookInside: (chronicle: object) => Inside | undefined;

/** What is behind a handle: for what works on whole lines, as an engine keeps them. */
export interface Inside {
  readonly engine: Engine;
  readonly settings: Settings;
  /** Aborted when the handle is closed. */
  readonly closed: AbortSignal;
  /** Throws `ECLOSED` if it is closed. */
  readonly checkOpen: () => void;
}

/** Undefined for what is no handle of this package. */
export function insideOf(chronicle: unknown): Inside | undefined {
  return typeof chronicle === 'object' && chronicle !== null ? lookInside(chronicle) : undefined;
}

/**
 * An open chronicle: a file of JSON objects, one in each line, that many processes append to at once. Made by
 * {@link openChronicle}.
 *
 * @example
 *   await using orders = await openChronicle('data/orders.ndjson'); // closed at the end of the block
 *   await orders.append({ type: 'order', number: 17 });
 *   for await (const { event } of orders.read()) console.log(event);
 */
export class Chronicle<T extends object = JsonObject> {
  static {
    make = <T extends object>(engine: Engine, settings: Settings) => new Chronicle<T>(engine, settings);
    lookInside = (chronicle) =>
      #engine in chronicle
        ? {
            engine: chronicle.#engine,
            settings: chronicle.#settings,
            closed: chronicle.#closed.signal,
            checkOpen: () => chronicle.#checkOpen(),
          }
        : undefined;
  }

  /** The absolute path of the file. */
  readonly path: string;
  readonly #engine: Engine;
  readonly #settings: Settings;
  #closing: Promise<void> | undefined;
  /** Ends what would go on for ever. */
  readonly #closed = new AbortController();
  /** The last append that waits for the schema's validator. */
  #validating: Promise<void> | undefined;

  private constructor(engine: Engine, settings: Settings) {
    this.path = engine.name;
    this.#engine = engine;
    this.#settings = settings;
  }

  /**
   * Appends an event. When this resolves, the event is in the file and synced as `durability` says; a
   * duplicate is acknowledged when the first copy is. After a rejection with `outcomeUnknown` it may or may
   * not be in the file; after every other one it is not.
   *
   * @throws `EVALIDATION`, `ELOCK_TIMEOUT`, `EIO`, `ECONFLICT`, `ECLOSED`
   */
  append(event: T, options?: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#append(lineOfEvent(event, 'event', this.#settings), options, resolve, reject);
    });
  }

  /**
   * As {@link append}, for an event that is JSON already: the text of one object. It is written as it is, so
   * that numbers keep all their digits; only white space around it and line breaks in it are taken out. An id
   * that it carries is kept; a computed one is that of the same event as an object, and is added at the end.
   * If it has to be computed, a number with more digits than a double can hold is refused, because two such
   * events would get the same id.
   *
   * @throws `EVALIDATION` for what is no JSON object, has a lone surrogate, or is refused as by {@link
   *   append}
   */
  appendJson(json: string, options?: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#append(lineOfText(json, 'json', this.#settings), options, resolve, reject);
    });
  }

  /**
   * Appends events in one batch: with one lock and one sync, next to each other and in this order. Either all
   * of them are acknowledged, or none. What `events` throws is the `cause` of an `EVALIDATION`.
   */
  appendMany(events: Iterable<T>, options?: AppendOptions): Promise<AppendResult[]> {
    return new Promise((resolve, reject) => {
      this.#appendMany(this.#toLines(events, 'events', lineOfEvent), options, resolve, reject);
    });
  }

  /** As {@link appendMany}, for events that are JSON already; see {@link appendJson}. */
  appendManyJson(jsons: Iterable<string>, options?: AppendOptions): Promise<AppendResult[]> {
    return new Promise((resolve, reject) => {
      this.#appendMany(this.#toLines(jsons, 'jsons', lineOfText), options, resolve, reject);
    });
  }

  /**
   * As {@link append}, and blocks the thread until the event is synced. What was appended before is written
   * before; for the end of a process and for programs that do nothing else meanwhile.
   */
  appendSync(event: T, options?: AppendOptions): AppendResult {
    const line = lineOfEvent(event, 'event', this.#settings);
    const { ifEnd, fence } = this.#checkCondition(options);
    this.#checkOpen();
    assertSynchronous(line);
    if (!this.#engine.appendSync) throw this.#missing('appendSync');
    return this.#engine.appendSync(line, ifEnd, fence);
  }

  /**
   * Resolves when less than 16 MiB are pending. Await it before an append whose promise is not awaited, and
   * memory stays bounded however fast events come.
   */
  ready(): Promise<void> {
    return this.#engine.ready();
  }

  /** What this handle has done since it was opened. */
  stats(): ChronicleStats {
    return this.#engine.stats();
  }

  /**
   * The events, in their order: those of the rotated files, and of the one that is written. Lines that are no event are
   * skipped as `onCorrupt` says. Takes no lock.
   *
   * @throws `EVALIDATION`, `EIO`, `EGAP`
   */
  read(range?: ReadRange): AsyncGenerator<Entry<T>, void, undefined> {
    return new OneByOne(this.readBatches(range));
  }

  /**
   * As {@link read}, in batches: what is in the next 128 KiB of the file, or one longer line. This is the
   * fastest way through a large file.
   */
  readBatches(range?: ReadRange): AsyncGenerator<Entry<T>[], void, undefined> {
    const given = copyForLater(range);
    return this.#read(() => checkReadRange(given()));
  }

  /** As {@link read}, all at once, for what fits into memory. */
  toArray(range?: ReadRange): Promise<Entry<T>[]> {
    return arrayOf(this.readBatches(range));
  }

  /**
   * As {@link read}, as a stream in object mode, for those who pipe. `Readable.toWeb()` of node:stream makes
   * a web stream of it. What would reject `read` destroys it.
   */
  stream(range?: ReadRange): Readable {
    return streamOf(this.readBatches(range));
  }

  /**
   * The first event with this id, however its JSON is written. Looks for the bytes of the id and parses only
   * the lines that may hold it, so it reports no damage.
   */
  async find(eventId: string, options?: FilesOption): Promise<Entry<T> | undefined> {
    const files = checkFilesOption(options, filesOptionNames);
    return (await this.#engine.find(checkEventId(eventId), files)) as Entry<T> | undefined;
  }

  /** The last `count` events, in their order. Costs what they hold, not what the files hold. */
  async tail(count = 10, options?: FilesOption): Promise<Entry<T>[]> {
    const query = () => checkTail(count, checkFilesOption(options, filesOptionNames));
    return (await arrayOf(this.#read(query))).reverse();
  }

  /**
   * The files that the chronicle is kept in, in the order of their events; the last one is written. They tell where
   * files are missing, and with `ignored`, what lies beside them with such a name and is not read.
   */
  async files(options?: ListOptions): Promise<ChronicleFile[]> {
    if (!this.#engine.files) throw this.#missing('files');
    return this.#engine.files(checkListOptions(options));
  }

  /**
   * The events that are there, and then those that come, as they come: across rotation by holdfast (the
   * rotated files are read to their end, in order) and by others, removal, truncation, and repair. Never ends
   * by itself: `break`, `return()` and an abort of `signal` end it, quietly. Lines that are no event are
   * skipped as `onCorrupt` says; a last line without newline is waited for. Takes from the file what its
   * consumer takes, a chunk at a time.
   *
   * It begins with the oldest rotated file, unless `from` or `after` say otherwise. An event may be seen before it
   * is durable (C10). Where events are gone before they were read, since files were removed faster than that, it
   * rejects with `EGAP`, or goes on as `onGap` says; also where the file was removed and made anew before it was seen
   * that there is none, since others may have come and gone in between. A failure that passes, such as a full table of descriptors, does
   * not end it: it warns and tries again. {@link close} ends it. If the file is replaced by another one that does not begin with the same events, all
   * events of that are new.
   *
   * @throws `EVALIDATION`, `EIO`, `EGAP`
   */
  follow(options?: FollowOptions): AsyncGenerator<Entry<T>, void, undefined> {
    const follow: Follow = (query, stop) => {
      this.#checkRange(query.from !== 'end' && query.from > 0 && 'from', query.files);
      return this.#engine.follow(query, stop);
    };
    return followEntries<T>(follow, options, followOptionNames, this.#closed.signal);
  }

  /**
   * How far the chain of a chronicle that was opened with `chain: true` goes; undefined while it has no event.
   * Whoever can write to the file can write another chain from any point on; a head that is kept elsewhere
   * shows that, and that the end was cut off: `verify({ expect: head.link })`. What was appended before is
   * waited for. Events of other processes may be counted that are not durable yet (C10).
   *
   * @throws `EVALIDATION` without `chain: true`, `EIO`
   */
  async head(): Promise<Head | undefined> {
    if (!this.#settings.chain) throw invalid('chain', `'${this.path}' was opened without it`);
    if (!this.#engine.head) throw this.#missing('head');
    await this.flush();
    return this.#engine.head();
  }

  /**
   * Looks at every line, and at the ids: see {@link Verification}. Takes no lock, except for a moment if the
   * last line has no newline. What is appended meanwhile is not looked at.
   *
   * @throws `EVALIDATION`, `EIO`, the reason of an abort
   */
  async verify(options?: VerifyOptions): Promise<Verification> {
    if (!this.#engine.verify) throw this.#missing('verify');
    return this.#engine.verify(checkVerifyOptions(options, verifyOptionNames));
  }

  /**
   * Takes the corrupt lines out of the file and appends them, as they are, to `<path>.damaged`. All other
   * lines stay byte for byte, those that others append meanwhile too; offsets after a line that was taken out
   * change. The file is replaced atomically: after a crash at any moment there is the old one or the new one,
   * and what the new one does not have is in `<path>.damaged` (twice, if the repair has to be done again).
   * Mode and owner stay. If nothing is corrupt, nothing is written. Most of it is done without the lock, so
   * that writers wait only for a moment.
   *
   * @throws `EVALIDATION`, `ELOCK_TIMEOUT`, `EIO`, the reason of an abort; then the file is as it was, unless
   *   `outcomeUnknown` is set
   */
  async repair(options?: RepairOptions): Promise<Repair> {
    if (!this.#engine.repair) throw this.#missing('repair');
    return this.#engine.repair(checkRepairOptions(options, repairOptionNames));
  }

  /** Resolves when every append that was made before is acknowledged or rejected. */
  async flush(): Promise<void> {
    await this.#validating;
    await this.#engine.drain();
  }

  /** Lets the appends that were made before finish, and closes the file. To do so again has no effect. */
  close(): Promise<void> {
    this.#closed.abort();
    this.#closing ??= this.flush().then(() => this.#engine.close());
    return this.#closing;
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The range is checked when the first batch is asked for. */
  async *#read(check: () => ReadQuery): AsyncGenerator<Entry<T>[], void, undefined> {
    const query = check();
    const { from, to, files } = query;
    this.#checkRange(from > 0 ? 'from' : to < Number.MAX_SAFE_INTEGER && 'to', files);
    yield* this.#engine.read(query) as AsyncGenerator<Entry<T>[], void, undefined>;
  }

  /** @param field of an offset that was given */
  #checkRange(field: string | false, files: WhichFiles): void {
    if (field === false || !this.#settings.rotation || files === 'current') return;
    throw invalid(field, 'does not go together with rotate: an offset is one of a single file; use after');
  }

  #checkCondition(options: AppendOptions | undefined): AppendCondition {
    const condition = checkAppendOptions(options);
    if (condition.ifEnd !== undefined && this.#settings.rotation) {
      throw invalid(
        'ifEnd',
        'does not go together with rotate: an offset does not tell one file from the next',
      );
    }
    return condition;
  }

  #missing(method: string): HoldfastError {
    return invalid(method, `is not possible for '${this.path}'`);
  }

  /** Appends when the schema's validator has answered for these lines and those of all calls before. */
  #whenValid(lines: readonly EventLine[], append: () => void, reject: (error: Error) => void): void {
    const validations = lines.flatMap(({ validation }) => validation ?? []);
    if (validations.length === 0 && !this.#validating) {
      append();
      return;
    }
    const before = this.#validating ?? Promise.resolve();
    const turn = before.then(() => Promise.all(validations)).then(append);
    const validating = turn.catch(reject).finally(() => {
      if (this.#validating === validating) this.#validating = undefined;
    });
    this.#validating = validating;
  }

  #checkOpen(): void {
    if (!this.#closing) return;
    throw new HoldfastError('ECLOSED', `the chronicle '${this.path}' is closed`, { path: this.path });
  }

  #append(
    line: EventLine,
    options: AppendOptions | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
  ): void {
    const { ifEnd, fence } = this.#checkCondition(options);
    this.#checkOpen();
    if (this.#settings.schema) {
      this.#whenValid([line], () => this.#engine.append(line, ifEnd, resolve, reject, fence), reject);
    } else {
      this.#engine.append(line, ifEnd, resolve, reject, fence);
    }
  }

  #appendMany(
    lines: readonly EventLine[],
    options: AppendOptions | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
  ): void {
    const { ifEnd, fence } = this.#checkCondition(options);
    if (lines.length === 0) {
      resolve([]);
      return;
    }
    this.#checkOpen();
    const append = () => this.#engine.appendMany(lines, ifEnd, resolve, reject, fence);
    if (this.#settings.schema) this.#whenValid(lines, append, reject);
    else append();
  }

  #toLines(
    events: Iterable<unknown>,
    field: string,
    toLine: (event: unknown, field: string, settings: Settings) => EventLine,
  ): EventLine[] {
    const lines: EventLine[] = [];
    try {
      if (typeof events !== 'object' || events === null || typeof events[Symbol.iterator] !== 'function')
        throw invalid(field, `expected an iterable of events, got ${describe(events)}`);
      for (const event of events) lines.push(toLine(event, `${field}[${lines.length}]`, this.#settings));
    } catch (error) {
      throw unreadable(field, error);
    }
    return lines;
  }
}
