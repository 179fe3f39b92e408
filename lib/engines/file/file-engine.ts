/**
 * The engine that keeps a chronicle in one NDJSON file, and in the files that rotation has left beside it.
 */
import { withIoErrors } from '../../base/errors.js';
import type { Fence } from '../../base/lock-holder.js';
import { followLinksToWrite, followLinksToWriteSync, type NativePath } from '../../base/paths.js';
import type {
  FollowQuery,
  ReadQuery,
  RepairOptions,
  VerifyQuery,
  WhichFiles,
} from '../../chronicle/call-options.js';
import type { Batches, Engine } from '../../chronicle/engine.js';
import type { Settings } from '../../chronicle/options.js';
import type {
  AppendResult,
  ChronicleFile,
  Entry,
  Head,
  Position,
  Repair,
  Verification,
} from '../../chronicle/results.js';
import type { ChronicleStats } from '../../chronicle/stats.js';
import type { EventLine } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import { Appender } from './append/appender.js';
import { followBatches } from './follow/follow.js';
import { filesOf } from './read/files.js';
import { headOf } from './read/head.js';
import { findEvent, readBatches } from './read/read.js';
import { repair } from './upkeep/repair.js';
import { verify } from './upkeep/verify.js';

export class FileEngine implements Engine {
  readonly name: string;
  readonly #path: NativePath;
  readonly #settings: Settings;
  readonly #appender: Appender;

  /** Creates the file, and the directories above it. */
  static async open(path: NativePath, settings: Settings): Promise<FileEngine> {
    const target = worksBeside(settings) ? await withIoErrors(followLinksToWrite(path), path) : path;
    const engine = new FileEngine(target, settings);
    await engine.#appender.open();
    return engine;
  }

  /**
   * As {@link open}, and gives the engine at once. What is appended before `opened` resolves is written as soon as the
   * file is open, or fails as that does.
   */
  static begin(path: NativePath, settings: Settings): { engine: FileEngine; opened: Promise<void> } {
    const engine = new FileEngine(worksBeside(settings) ? followLinksToWriteSync(path) : path, settings);
    return { engine, opened: engine.#appender.open() };
  }

  /** Blocks the thread until the file that was begun is open. Gives the error, where it cannot be opened. */
  finishOpening(): Error | undefined {
    return this.#appender.finishOpening();
  }

  private constructor(path: NativePath, settings: Settings) {
    this.name = path.toString();
    this.#path = path;
    this.#settings = settings;
    this.#appender = new Appender(path, settings);
  }

  append(
    line: EventLine,
    ifEnd: Position | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#appender.append(line, ifEnd, resolve, reject, fence);
  }

  appendMany(
    lines: readonly EventLine[],
    ifEnd: Position | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#appender.appendMany(lines, ifEnd, resolve, reject, fence);
  }

  appendSync(line: EventLine, ifEnd: Position | undefined, fence?: Fence): AppendResult {
    return this.#appender.appendSync(line, ifEnd, fence);
  }

  /** Appends texts that are whole lines, but for the newline at their end: all of them are acknowledged or none. */
  appendText(
    texts: readonly string[],
    lines: number,
    resolve: () => void,
    reject: (error: Error) => void,
  ): void {
    this.#appender.appendText(texts, lines, resolve, reject);
  }

  /** As {@link drain}, and blocks the thread. */
  drainSync(): void {
    this.#appender.drainSync();
  }

  /** True if nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#appender.isBroken;
  }

  ready(): Promise<void> {
    return this.#appender.ready();
  }

  drain(): Promise<void> {
    return this.#appender.drain();
  }

  close(): Promise<void> {
    return this.#appender.close();
  }

  stats(): ChronicleStats {
    return this.#appender.stats();
  }

  read(query: ReadQuery): Batches {
    return readBatches(this.#path, this.#settings, query);
  }

  find(eventId: string, files: WhichFiles): Promise<Entry<JsonObject> | undefined> {
    return findEvent(this.#path, this.#settings, this.#settings.idKey, eventId, files);
  }

  files({ ignored }: { readonly ignored: boolean }): Promise<ChronicleFile[]> {
    return filesOf(this.#path, ignored);
  }

  follow(query: FollowQuery, stop: AbortSignal): Batches {
    return followBatches(this.#path, this.#settings, { ...query, stop });
  }

  head(): Promise<Head | undefined> {
    return headOf(this.#path, this.#settings);
  }

  verify(query: VerifyQuery): Promise<Verification> {
    return verify(this.#path, this.#settings, query);
  }

  repair(options: RepairOptions): Promise<Repair> {
    return repair(this.#path, this.#settings, options);
  }
}

/**
 * Whether the file itself is meant, and not a link to it: rotation renames the file and puts the rotated files beside
 * it, and a chain goes on after them. Else a link may lead to another file at any time.
 */
function worksBeside({ rotation, chain }: Settings): boolean {
  return rotation !== undefined || chain;
}
