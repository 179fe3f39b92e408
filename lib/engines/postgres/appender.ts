/**
 * Group commit: what is appended while a commit is under way forms the next one, so all callers of a process share a
 * transaction. Nothing is acknowledged before the server has said that the commit is done.
 */
import { fenced, invalid, lockTimeout, serverError } from '../../base/errors.js';
import { haveSameToken } from '../../base/fence.js';
import { type ChronicleStats, CommitLog } from '../../chronicle/stats.js';
import { chainFailureOf, codeOf, commitFailureOf, failureOf } from './failure.js';
import { type Answer, type Call, Group, readAnswer } from './group.js';
import type { PostgresSettings } from './options.js';
import type { Connection, Session } from './session.js';

/** A commit takes no further call that would make it larger, in bytes. */
const maxGroupBytes = 1024 * 1024;
/** While more than this is pending, in bytes, {@link Appender.ready} waits. */
const maxReadyBytes = 16 * 1024 * 1024;
/** What a `lock_timeout` of the server can be, in milliseconds. For it, 0 is no timeout. */
const maxLockTimeout = 2 ** 31 - 1;

export class Appender {
  readonly #session: Session;
  readonly #chronicle: number;
  readonly #name: string;
  readonly #settings: PostgresSettings;
  readonly #onCommit: (isFollowed: boolean) => void;
  readonly #restarts: boolean;
  readonly #log: CommitLog;
  readonly #statement: string;
  readonly #fencedStatement: string;
  #queue: Call[] = [];
  #isRunning = false;
  /** Of the last group, so that the next is likely to have some: whoever sends events again sends many. */
  #hadCopies = false;
  #events = 0;
  #bytes = 0;
  #begun = 0;
  #settled = 0;
  #waiting: (() => void)[] = [];

  /**
   * @param chronicle its number in the database
   * @param onCommit called after each commit that has written something, with whether to tell those who follow
   * @param restarts the first line begins a new chain, whatever there is of an old one
   */
  constructor(
    session: Session,
    chronicle: number,
    name: string,
    settings: PostgresSettings,
    onCommit: (isFollowed: boolean) => void,
    restarts = false,
  ) {
    this.#session = session;
    this.#chronicle = chronicle;
    this.#name = name;
    this.#settings = settings;
    this.#onCommit = onCommit;
    this.#restarts = restarts;
    this.#log = new CommitLog(name);
    const parameters = Array.from({ length: 12 }, (_, index) => `$${index + 1}`);
    this.#statement = `SELECT ${session.schema}.append(${parameters.join()})`;
    // In one transaction, whichever of the two comes first.
    this.#fencedStatement = `WITH checked AS MATERIALIZED (SELECT ${session.schema}.check_fence($13, $14) AS passed)
      SELECT ${session.schema}.append(${parameters.join()}) FROM checked WHERE checked.passed`;
  }

  add(call: Call): void {
    this.#queue.push(call);
    this.#begun++;
    this.#events += call.lines.length;
    this.#bytes += call.bytes;
    if (this.#isRunning) return;
    this.#isRunning = true;
    // So that all that is appended in this turn of the event loop is there.
    process.nextTick(() => void this.#run());
  }

  stats(): ChronicleStats {
    return {
      ...this.#log.stats(),
      pending: { events: this.#events, bytes: this.#bytes },
      known: { ids: 0, bytes: 0 },
    };
  }

  /** Old events could not be removed; appending goes on. */
  recordProblem(error: Error): void {
    this.#log.recordProblem({ path: this.#name, problem: 'removal', file: this.#name, count: 1, error });
  }

  ready(): Promise<void> {
    return this.#until(() => this.#bytes <= maxReadyBytes);
  }

  drain(): Promise<void> {
    const last = this.#begun;
    return this.#until(() => this.#settled >= last);
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commit(new Group(this.#take()));
      // Those who were acknowledged append again in microtasks, and so before this.
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    this.#isRunning = false;
  }

  /** The calls of the next commit: one at least. */
  #take(): Call[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length) {
      bytes += (this.#queue[count] as Call).bytes;
      if (count > 0 && bytes > maxGroupBytes) break;
      if (!haveSameToken(this.#queue[0]?.fence, this.#queue[count]?.fence)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(group: Group): Promise<void> {
    const began = performance.now();
    let answer: Answer | undefined;
    try {
      answer = await this.#ask(group);
    } catch (error) {
      for (const { reject } of group.calls) reject(error as Error);
    }
    this.#settled += group.calls.length;
    this.#events -= group.events;
    for (const { bytes } of group.calls) this.#bytes -= bytes;
    if (answer) this.#acknowledge(group, answer, performance.now() - began);
    // After the promises of the calls that were settled, which take some microtasks more.
    for (const resolve of this.#waiting.splice(0)) process.nextTick(resolve);
  }

  /** @param took in milliseconds */
  #acknowledge(group: Group, answer: Answer, took: number): void {
    const { written, duplicates } = group.settle(this.#name, answer);
    this.#hadCopies = duplicates > 0;
    const waitedNs = answer.waited * 1000;
    const syncedNs = written === 0 ? 0 : Math.max(1, Math.round(took * 1e6) - waitedNs);
    const figures = { written, duplicates, bytes: answer.end - answer.begin, waitedNs, syncedNs };
    this.#log.record({ ...figures, healed: false, rotated: false });
    if (written > 0) this.#onCommit(answer.isFollowed);
  }

  async #ask(group: Group): Promise<Answer> {
    const { window, durability, lockTimeout: timeout, chain, idKey } = this.#settings;
    let connection: Connection;
    try {
      connection = await this.#session.dedicated();
    } catch (error) {
      throw failureOf(error, this.#name); // nothing was sent
    }
    const fence = group.calls[0]?.fence;
    const wait = Math.max(1, Math.min(Math.round(timeout), maxLockTimeout));
    const began = performance.now();
    try {
      connection.takeWarning();
      const parameters = [
        this.#chronicle,
        ...group.parameters(window, this.#hadCopies),
        wait,
        durability !== 'none',
        chain ? idKey : null,
        this.#restarts,
      ];
      const [row] = await connection.query(
        fence ? this.#fencedStatement : this.#statement,
        fence ? [...parameters, fence.path, fence.fence] : parameters,
        this.#session.answerTimeout + timeout,
      );
      // That a commit is there, but its wait for the standbys was ended: it may be lost with this server.
      if (connection.takeWarning())
        throw new Error('the server has warned that the commit may not be replicated');
      return readAnswer(row?.[0] as string);
    } catch (error) {
      if (fence && codeOf(error) === 'HF005') throw fenced(this.#name, fence, error as Error);
      throw this.#failureOf(error, performance.now() - began);
    } finally {
      connection.release();
    }
  }

  #failureOf(error: unknown, waited: number): Error {
    switch (codeOf(error)) {
      case '55P03':
        return lockTimeout({ path: this.#name, mode: 'exclusive', waited, holders: [] });
      case 'HF001':
      case 'HF003':
        return invalid('pool', (error as Error).message, error);
      case 'HF002':
        return invalid(
          'durability',
          `${(error as Error).message}: mend that, or ask for durability: 'none'`,
          error,
        );
      case 'HF004':
        return serverError(error as Error, this.#name);
      default:
        return chainFailureOf(error, this.#name, this.#settings.idKey) ?? commitFailureOf(error, this.#name);
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}
