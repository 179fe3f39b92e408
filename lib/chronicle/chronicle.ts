/**
 * A chronicle: an append-only NDJSON file that many processes append to at once.
 */
import { realpath } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { checkInteger, checkOptions, describe, type FilePath, toNativePath } from '../base/arguments.js';
import { HoldfastError, invalid, ioError, isMissing } from '../base/errors.js';
import { Appender, type AppendResult } from '../engines/file/append/appender.js';
import { type FollowOptions, followEntries } from '../engines/file/follow/follow.js';
import type { Entry } from '../engines/file/lines/line-batch.js';
import {
  findEvent,
  type ReadRange,
  readAll,
  readBatches,
  readEntries,
  readStream,
  readTail,
} from '../engines/file/read/read.js';
import { type Repair, type RepairOptions, repair } from '../engines/file/upkeep/repair.js';
import { type Verification, type VerifyOptions, verify } from '../engines/file/upkeep/verify.js';
import { type EventLine, toEventLine } from '../event/event-id.js';
import type { JsonObject } from '../event/line.js';
import { assertSynchronous, type Schema, validate } from '../event/schema.js';
import type { NativePath } from '../native/addon.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from './options.js';
import type { ChronicleStats } from './stats.js';

export interface AppendOptions {
  /**
   * Append only if the file ends here, in bytes: the `offset + length` of the last event that the caller knows, or 0. Else
   * `ECONFLICT`, whose `end` is the true end. An event that is in the file already is acknowledged as a duplicate,
   * wherever the file ends.
   */
  ifEnd?: number;
}

/**
 * Opens a chronicle, and creates the file and every missing directory above it.
 *
 * @throws `EVALIDATION` for a bad path or option, `EIO` for what the file system refuses.
 */
export function openChronicle<T extends object>(
  path: FilePath,
  options: ChronicleOptions & { schema: Schema<T> },
): Promise<Chronicle<T>>;
export function openChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: ChronicleOptions,
): Promise<Chronicle<T>>;
export async function openChronicle<T extends object>(
  path: FilePath,
  options?: ChronicleOptions,
): Promise<Chronicle<T>> {
  const nativePath = toNativePath(path, 'path');
  const settings = checkChronicleOptions(options);
  const appender = new Appender(nativePath, settings);
  await appender.open();
  const { rotateBytes, rotateAge } = settings;
  if (rotateBytes > 0 || rotateAge > 0) {
    // What is renamed is the file and not a link to it, and the rotated files stand beside the file.
    const real = await realPath(nativePath);
    if (real?.toString() !== nativePath.toString()) {
      await appender.close();
      return openChronicle<T>(real ?? nativePath, options);
    }
  }
  return new Chronicle<T>(nativePath, settings, appender);
}

/** Undefined where the file has just been renamed, by a rotation. */
async function realPath(path: NativePath): Promise<NativePath | undefined> {
  try {
    const bytes = await realpath(path, { encoding: 'buffer' });
    return typeof path === 'string' ? bytes.toString() : bytes;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw ioError(error, path);
  }
}

export class Chronicle<T extends object = JsonObject> {
  /** The absolute path of the file. */
  readonly path: string;
  readonly #path: NativePath;
  readonly #settings: Settings;
  readonly #appender: Appender;
  #closing: Promise<void> | undefined;
  /** The last append that waits for the schema's validator. */
  #validating: Promise<void> | undefined;

  /** @internal */
  constructor(path: NativePath, settings: Settings, appender: Appender) {
    this.path = path.toString();
    this.#path = path;
    this.#settings = settings;
    this.#appender = appender;
  }

  /**
   * Appends an event. When this resolves, the event is in the file and synced as `durability` says; a duplicate is
   * acknowledged when the first copy is. After a rejection with `outcomeUnknown` it may or may not be in the file;
   * after every other one it is not.
   *
   * @throws `EVALIDATION`, `ELOCK_TIMEOUT`, `EIO`, `ECONFLICT`, `ECLOSED`
   */
  append(event: T, options?: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const line = this.#toLine(event, 'event');
      const ifEnd = this.#checkIfEnd(options);
      this.#checkOpen();
      if (this.#settings.schema) {
        this.#whenValid([line], () => this.#appender.append(line, ifEnd, resolve, reject), reject);
      } else {
        this.#appender.append(line, ifEnd, resolve, reject);
      }
    });
  }

  /**
   * Appends events in one batch: with one lock and one sync, next to each other and in this order. Either all of
   * them are acknowledged, or none.
   */
  appendMany(events: Iterable<T>, options?: AppendOptions): Promise<AppendResult[]> {
    return new Promise((resolve, reject) => {
      const lines = this.#toLines(events);
      const ifEnd = this.#checkIfEnd(options);
      if (lines.length === 0) {
        resolve([]);
        return;
      }
      this.#checkOpen();
      const append = () => this.#appender.appendMany(lines, ifEnd, resolve, reject);
      if (this.#settings.schema) this.#whenValid(lines, append, reject);
      else append();
    });
  }

  /**
   * As {@link append}, and blocks the thread until the event is synced. What was appended before is written before; for
   * the end of a process and for programs that do nothing else meanwhile.
   */
  appendSync(event: T, options?: AppendOptions): AppendResult {
    const line = this.#toLine(event, 'event');
    const ifEnd = this.#checkIfEnd(options);
    this.#checkOpen();
    assertSynchronous(line);
    return this.#appender.appendSync(line, ifEnd);
  }

  /**
   * Resolves when less than 16 MiB are pending. Await it before an append whose promise is not awaited, and memory stays
   * bounded however fast events come.
   */
  ready(): Promise<void> {
    return this.#appender.ready();
  }

  /** What this handle has done since it was opened. */
  stats(): ChronicleStats {
    return this.#appender.stats();
  }

  /** The events of the file, in its order. Lines that are none are skipped as `onCorrupt` says. Takes no lock. */
  read(range?: ReadRange): AsyncGenerator<Entry<T>, void, undefined> {
    return readEntries<T>(this.#path, this.#settings, range);
  }

  /**
   * As {@link read}, in batches: what stands in the next 128 KiB of the file, or one longer line. This is the fastest
   * way through a large file.
   */
  readBatches(range?: ReadRange): AsyncGenerator<Entry<T>[], void, undefined> {
    return readBatches<T>(this.#path, this.#settings, range);
  }

  /** As {@link read}, all at once, for what fits into memory. */
  toArray(range?: ReadRange): Promise<Entry<T>[]> {
    return readAll<T>(this.#path, this.#settings, range);
  }

  /**
   * As {@link read}, as a stream in object mode, for those who pipe. `Readable.toWeb()` of node:stream makes a web stream
   * of it. What would reject `read` destroys it.
   */
  stream(range?: ReadRange): Readable {
    return readStream<T>(this.#path, this.#settings, range);
  }

  /**
   * The first event with this id, however its JSON is written. Looks for the bytes of the id and parses only the lines
   * that may hold it, so it reports no damage.
   */
  find(eventId: string): Promise<Entry<T> | undefined> {
    return findEvent<T>(this.#path, this.#settings, this.#settings.idKey, eventId);
  }

  /** The last `count` events, in the order of the file. Costs what they hold, not what the file holds. */
  tail(count = 10): Promise<Entry<T>[]> {
    return readTail<T>(this.#path, this.#settings, count);
  }

  /**
   * The events that are there, and then those that come, as they come: across rotation by holdfast (the rotated files
   * are read to their end, in order) and by others, removal, truncation, and repair. Never ends by itself: `break`,
   * `return()` and an abort of `signal` end it, quietly. Lines that are no event are skipped as `onCorrupt` says; a last
   * line without newline is waited for. Takes from the file what its consumer takes, a chunk at a time.
   *
   * Offsets are those of the file that the path named when the event was read. An event may be seen before it is
   * durable (C10). Where the file is replaced by another one that does not begin with the same events, all events of
   * that are new.
   *
   * @throws `EVALIDATION`, `EIO`
   */
  follow(options?: FollowOptions): AsyncGenerator<Entry<T>, void, undefined> {
    return followEntries<T>(this.#path, this.#settings, options);
  }

  /**
   * Looks at every line, and at the ids: see {@link Verification}. Takes no lock, except for a moment where the last
   * line has no newline. What is appended meanwhile is not looked at.
   *
   * @throws `EVALIDATION`, `EIO`, the reason of an abort
   */
  verify(options?: VerifyOptions): Promise<Verification> {
    return verify(this.#path, this.#settings, options);
  }

  /**
   * Takes the corrupt lines out of the file and appends them, as they are, to `<path>.damaged`. All other lines stay
   * byte for byte, those that others append meanwhile too; offsets behind a line that was taken out change. The file is
   * replaced atomically: after a crash at any moment there is the old one or the new one, and what the new one does not
   * have is in `<path>.damaged` (twice, if the repair has to be done again). Mode and owner stay. Where nothing is
   * corrupt, nothing is written. Most of it is done without the lock, so that writers wait only for a moment.
   *
   * @throws `EVALIDATION`, `ELOCK_TIMEOUT`, `EIO`, the reason of an abort; then the file is as it was, unless
   *   `outcomeUnknown` is set
   */
  repair(options?: RepairOptions): Promise<Repair> {
    return repair(this.#path, this.#settings, options);
  }

  /** Resolves when every append that was made before is acknowledged or rejected. */
  async flush(): Promise<void> {
    await this.#validating;
    await this.#appender.drain();
  }

  /** Lets the appends that were made before finish, and closes the file. To do so again has no effect. */
  close(): Promise<void> {
    this.#closing ??= this.flush().then(() => this.#appender.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Appends a line that {@link toLine} made with the settings of this chronicle. */
  appendLine(line: EventLine): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#appender.append(line, undefined, resolve, reject);
    });
  }

  /** @internal True when nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#appender.isBroken;
  }

  #checkIfEnd(options: AppendOptions | undefined): number | undefined {
    if (options === undefined) return undefined;
    const { ifEnd } = checkOptions(options);
    if (ifEnd === undefined) return undefined;
    const { rotateBytes, rotateAge } = this.#settings;
    if (rotateBytes > 0 || rotateAge > 0) {
      throw invalid(
        'ifEnd',
        'does not go together with rotate: an offset does not tell one file from the next',
      );
    }
    return checkInteger(ifEnd, 'ifEnd', 0);
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

  #toLines(events: Iterable<T>): EventLine[] {
    if (typeof events !== 'object' || events === null || !(Symbol.iterator in events)) {
      throw invalid('events', `expected an iterable of events, got ${describe(events)}`);
    }
    const lines: EventLine[] = [];
    for (const event of events) lines.push(this.#toLine(event, `events[${lines.length}]`));
    return lines;
  }

  #toLine(event: T, field: string): EventLine {
    return toLine(event, field, this.#settings);
  }
}

/** The line that an event becomes; throws `EVALIDATION` for one that cannot be written. */
export function toLine(event: unknown, field: string, settings: Settings): EventLine {
  const { idKey, computeId, maxLineBytes, schema } = settings;
  const line = toEventLine(event, field, idKey, computeId);
  // Three bytes of UTF-8 are the most that one UTF-16 code unit can take.
  if (line.text.length * 3 > maxLineBytes && Buffer.byteLength(line.text) > maxLineBytes) {
    throw invalid(field, `is longer than maxLineBytes (${maxLineBytes}), no reader would take it`);
  }
  const validation = schema && validate(line.text, field, schema);
  return validation ? { ...line, validation } : line;
}
