/**
 * The contract between a chronicle and what keeps it: a file, or a database.
 *
 * {@link Chronicle} does what is the same everywhere: it checks arguments, makes lines of events, asks the
 * schema before an append, and turns batches into iterables, streams and arrays. The engine does the rest,
 * with the settings that it was opened with: it keeps lines in one order, durably, and each id once (C1 to C6
 * in DESIGN.md), and answers with what is there. An engine offers its own `openChronicle`, which ends with
 * `chronicleOn(engine, settings)`.
 *
 * All methods reject or throw errors of lib/base/errors.ts only, and the reason of an abort.
 */
import type { Fence } from '../base/lock-holder.js';
import type { EventLine } from '../event/event-line.js';
import type { JsonObject } from '../event/line.js';
import type { FollowQuery, ReadQuery, RepairOptions, VerifyQuery, WhichFiles } from './call-options.js';
import type { AppendResult, ChronicleFile, Entry, Head, Position, Repair, Verification } from './results.js';
import type { ChronicleStats } from './stats.js';

/**
 * Events as they are kept, in the order that was asked for, next to each other but for what a query leaves
 * out.
 */
export type Batches = AsyncGenerator<Entry<JsonObject>[], void, undefined>;

export interface Engine {
  /**
   * What the chronicle is called: in errors, statistics and {@link Chronicle.path}. Of a file: its absolute
   * path.
   */
  readonly name: string;

  /**
   * Appends one line. Calls `resolve` when it is durable, as the settings ask, or `reject`; never both, and
   * neither before this returns. With `ifEnd`, only if the chronicle ends there when the line would be
   * written; else `ECONFLICT`. With `fence`, only if that is no older than what the lock was given last; else
   * `EFENCED`.
   *
   * Callbacks, so that an append costs the one promise that its caller gets. Lines are written in the order
   * of the calls, those of {@link appendMany} and {@link appendSync} among them.
   */
  append(
    line: EventLine,
    ifEnd: Position | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void;

  /** As {@link append}, for lines (one or more) that stay together; all of them are acknowledged or none. */
  appendMany(
    lines: readonly EventLine[],
    ifEnd: Position | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void;

  /**
   * As {@link append}, and blocks the thread. Missing in an engine that cannot work while the thread is
   * blocked.
   */
  appendSync?(line: EventLine, ifEnd: Position | undefined, fence?: Fence): AppendResult;

  /** Resolves when little enough is pending that memory stays bounded. */
  ready(): Promise<void>;

  /** Resolves when every append that was made before is settled. */
  drain(): Promise<void>;

  /** Releases what the engine holds. Called once, after {@link drain}, and nothing is appended afterwards. */
  close(): Promise<void>;

  stats(): ChronicleStats;

  /**
   * Events in batches of the engine's choice, in bounded memory. Nothing happens before the first `next()`,
   * and after `return()` nothing is held. What is no event, or is refused by the schema, is reported as
   * `onCorrupt` says.
   */
  read(query: ReadQuery): Batches;

  /** The first event with this id. Reports no damage. */
  find(eventId: string, files: WhichFiles): Promise<Entry<JsonObject> | undefined>;

  /** What it is kept in. Missing in an engine that keeps it in no files. */
  files?(options: { readonly ignored: boolean }): Promise<ChronicleFile[]>;

  /**
   * As {@link read}, and then what comes, until `stop` is aborted, also while it waits. Nothing is skipped
   * and nothing comes twice, whatever the engine does with its storage meanwhile.
   */
  follow(query: FollowQuery, stop: AbortSignal): Batches;

  /** How far the chain goes; undefined if there is no event. Missing in an engine that keeps no chains. */
  head?(): Promise<Head | undefined>;

  /** Looks at every line and every id. Missing in an engine that has nothing to verify. */
  verify?(query: VerifyQuery): Promise<Verification>;

  /** Puts corrupt lines aside, and begins a new chain where one does not hold. Missing where neither can be. */
  repair?(options: RepairOptions): Promise<Repair>;
}
