/**
 * The engine that keeps a chronicle in the tables of a PostgreSQL server.
 */
import { invalid } from '../../base/errors.js';
import type { Fence } from '../../base/lock-holder.js';
import type {
  FollowQuery,
  ReadQuery,
  RepairOptions,
  VerifyQuery,
  WhichFiles,
} from '../../chronicle/call-options.js';
import { type Inside, insideOf } from '../../chronicle/chronicle.js';
import type { Batches, Engine } from '../../chronicle/engine.js';
import type { AppendResult, Entry, Head, Position, Repair, Verification } from '../../chronicle/results.js';
import type { ChronicleStats } from '../../chronicle/stats.js';
import type { EventLine } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import { restartSettings } from '../file/upkeep/restart-chain.js';
import { Appender } from './appender.js';
import { checkChain, headOf, repairChain } from './chain.js';
import { failureOf, missing } from './failure.js';
import { followBatches } from './follow.js';
import type { Call } from './group.js';
import { type Listener, Notifier } from './listener.js';
import type { PostgresSettings } from './options.js';
import { type PageOfLines, type PageStream, readPages } from './page-stream.js';
import { Pages } from './pages.js';
import { findEvent, readBatches, type Source } from './read.js';
import { Housekeeper } from './retention.js';
import type { Session } from './session.js';
import { verify } from './verify.js';

export class PostgresEngine implements Engine {
  readonly name: string;
  /** Called when it is closed. */
  onClosed: () => void = () => {};
  /** Only of a chain: nothing else can be damaged here. */
  readonly repair?: (options: RepairOptions) => Promise<Repair>;
  readonly #chronicle: number;
  readonly #listener: Listener;
  readonly #appender: Appender;
  readonly #notifier: Notifier;
  readonly #housekeeper: Housekeeper | undefined;
  /** For what works on whole lines. */
  readonly source: Source;

  /** Makes the chronicle, unless it is there, or is only to be read. */
  static async open(
    session: Session,
    listener: Listener,
    name: string,
    settings: PostgresSettings,
  ): Promise<PostgresEngine> {
    const find = `SELECT id, chain_link IS NOT NULL FROM ${session.schema}.chronicles WHERE name = $1`;
    try {
      let [row] = await session.query(find, [name]);
      if (!row) {
        if (settings.readOnly) throw missing('there is no chronicle of this name', name);
        const insert = `INSERT INTO ${session.schema}.chronicles (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`;
        await session.query(insert, [name]);
        [row] = await session.query(find, [name]);
      }
      const [id, isChained] = row ?? [];
      if (!settings.readOnly) await checkChain(session, Number(id), isChained === 't', name, settings);
      return new PostgresEngine(session, listener, Number(id), name, settings);
    } catch (error) {
      throw failureOf(error, name);
    }
  }

  private constructor(
    session: Session,
    listener: Listener,
    chronicle: number,
    name: string,
    settings: PostgresSettings,
  ) {
    this.name = name;
    this.#chronicle = chronicle;
    this.#listener = listener;
    this.source = { name, settings, pages: new Pages(session, chronicle, name, settings.maxLineBytes) };
    this.#notifier = new Notifier(session, chronicle);
    const onCommit = (isFollowed: boolean) => {
      if (isFollowed) this.#notifier.notify();
      this.#housekeeper?.look();
    };
    this.#appender = new Appender(session, chronicle, name, settings, onCommit);
    if (settings.chain && !settings.readOnly) {
      const appender = new Appender(session, chronicle, name, restartSettings(settings), onCommit, true);
      this.repair = (options) => repairChain(this.source, appender, options);
    }
    this.#housekeeper =
      settings.retention &&
      new Housekeeper(session, chronicle, settings.retention, (error) => this.#appender.recordProblem(error));
  }

  append(
    line: EventLine,
    ifEnd: Position | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#add({ isOne: true, lines: [line], bytes: bytesOf([line]), ifEnd, fence, resolve, reject });
  }

  appendMany(
    lines: readonly EventLine[],
    ifEnd: Position | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#add({ isOne: false, lines, bytes: bytesOf(lines), ifEnd, fence, resolve, reject });
  }

  #add(call: Call): void {
    if (!this.source.settings.readOnly) this.#appender.add(call);
    else process.nextTick(call.reject, invalid('readOnly', `'${this.name}' was opened with it`));
  }

  ready(): Promise<void> {
    return this.#appender.ready();
  }

  drain(): Promise<void> {
    return this.#appender.drain();
  }

  async close(): Promise<void> {
    await Promise.all([this.#notifier.finish(), this.#housekeeper?.finish()]);
    this.onClosed();
  }

  stats(): ChronicleStats {
    return this.#appender.stats();
  }

  read(query: ReadQuery): Batches {
    return readBatches(this.source, query);
  }

  find(eventId: string, files: WhichFiles): Promise<Entry<JsonObject> | undefined> {
    return findEvent(this.source, eventId, files);
  }

  follow(query: FollowQuery, stop: AbortSignal): Batches {
    return followBatches(this.source, (stream) => this.pages(stream, stop), query, stop);
  }

  /** The lines as they are kept. */
  pages(stream: PageStream, stop: AbortSignal): AsyncGenerator<PageOfLines> {
    return readPages(this.source, this.#chronicle, this.#listener, stream, stop);
  }

  head(): Promise<Head | undefined> {
    return headOf(this.source);
  }

  verify(query: VerifyQuery): Promise<Verification> {
    return verify(this.source, query);
  }
}

/**
 * What is behind a handle that this engine keeps.
 *
 * @throws `EVALIDATION` for everything else
 */
export function engineBehind(
  chronicle: unknown,
  field: string,
): Inside & { readonly engine: PostgresEngine } {
  const inside = insideOf(chronicle);
  if (!(inside?.engine instanceof PostgresEngine)) {
    throw invalid(field, 'expected one that openChronicle of holdfast/postgres has opened');
  }
  return { ...inside, engine: inside.engine };
}

function bytesOf(lines: readonly EventLine[]): number {
  let bytes = 0;
  for (const { text } of lines) bytes += Buffer.byteLength(text) + 1;
  return bytes;
}
