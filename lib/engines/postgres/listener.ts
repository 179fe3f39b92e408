/**
 * Learning at once that somebody has appended: by LISTEN and NOTIFY, on one connection for all followers of a server. That
 * connection shares an advisory lock for each chronicle that is followed, and whoever appends tries to have it alone: so
 * that nobody is told where nobody listens, which would cost one transaction for each that appends.
 * A notification may be lost, with its sender or on the way, so that whoever waits looks from time to time as well; the
 * more often if nothing can be heard, as through a pooler that gives each transaction another connection.
 */
import { hash, randomUUID } from 'node:crypto';
import { onAbort } from '../../base/abort.js';
import type { ClientEvents } from './driver.js';
import type { Connection, Session } from './session.js';

/** In milliseconds: how often a follower looks that would hear of new events, and one that would not. */
const pollWhenListening = 5000;
const pollWhenDeaf = 250;
/** In milliseconds: how soon a notification to oneself must come. */
const echoTimeout = 5000;
const firstPause = 100;
const longestPause = 10_000;
/** In milliseconds: of several commits in this time, the first and the last are told of. */
const leastBetween = 10;

/**
 * A transaction that notifies has a commit record, and with it a sync that appends would wait for: one that is of no
 * use, since a notification does not survive its server.
 */
const notifyStatement = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`;

/** Of the notifications for a schema. */
export function channelOf({ schemaName }: Session): string {
  return `holdfast_${hash('sha256', schemaName).slice(0, 16)}`;
}

/**
 * SQL for the key of that lock: the table's oid and the row's id, so that it is that of nobody else.
 *
 * @param row of the chronicles
 */
export function followKey(row: string): string {
  return `${row}.tableoid::bigint::bit(32)::integer, ${row}.id`;
}

/** A chronicle that is followed here. */
interface Followed {
  followers: number;
  /** Those who append to it tell of it. */
  isTold: boolean;
}

export class Listener {
  readonly #session: Session;
  readonly #channel: string;
  readonly #waiting = new Map<number, Set<() => void>>();
  readonly #followed = new Map<number, Followed>();
  #isClosed = false;
  #connection: Connection | undefined;
  #hears = false;
  #isConnecting = false;
  #timer: NodeJS.Timeout | undefined;
  #pause = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#channel = channelOf(session);
  }

  /** Listens from now on; until the returned function is called, by the last who follows the chronicle. */
  follow(chronicle: number): () => void {
    const followed = this.#followed.get(chronicle);
    if (followed) followed.followers++;
    else this.#begin(chronicle);
    return () => this.#unfollow(chronicle);
  }

  #begin(chronicle: number): void {
    this.#followed.set(chronicle, { followers: 1, isTold: false });
    if (this.#hears) void this.#haveTold(this.#connection as Connection, chronicle);
    else void this.#connect();
  }

  #unfollow(chronicle: number): void {
    const followed = this.#followed.get(chronicle) as Followed;
    followed.followers--;
    if (followed.followers > 0) return;
    this.#followed.delete(chronicle);
    if (this.#isActive) {
      if (this.#hears)
        void this.#lock(this.#connection as Connection, chronicle, 'unlock_shared').catch(() => {});
      return;
    }
    clearTimeout(this.#timer);
    this.#drop();
  }

  get #isActive(): boolean {
    return this.#followed.size > 0 && !this.#isClosed;
  }

  /** Ends it for all who follow. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#drop();
    this.#wakeAll();
  }

  /**
   * Begins to wait for a change of a chronicle, and returns what waits. What is read in between may show it already.
   */
  expect(chronicle: number, stop: AbortSignal): () => Promise<void> {
    let changed = false;
    let wake: () => void = () => {};
    const hear = () => {
      changed = true;
      wake();
    };
    const waiting = this.#waiting.get(chronicle) ?? new Set();
    this.#waiting.set(chronicle, waiting.add(hear));
    return async () => {
      const forget = onAbort(stop, hear);
      let timer: NodeJS.Timeout | undefined;
      if (!changed && !stop.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          const isTold = this.#followed.get(chronicle)?.isTold;
          timer = setTimeout(resolve, isTold ? pollWhenListening : pollWhenDeaf);
        });
      }
      clearTimeout(timer);
      forget();
      waiting.delete(hear);
      if (waiting.size === 0) this.#waiting.delete(chronicle);
    };
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting || this.#connection || !this.#isActive) return;
    this.#isConnecting = true;
    try {
      const connection = await this.#session.dedicated();
      this.#connection = connection;
      this.#hears = await this.#listen(connection);
      if (!this.#hears) this.#drop();
    } catch {
      this.#drop();
    }
    this.#isConnecting = false;
    if (!this.#isActive) this.#drop();
    else if (!this.#connection) this.#reconnect();
    else for (const chronicle of this.#followed.keys()) void this.#haveTold(this.#connection, chronicle);
  }

  /** Has those who append to it tell of it, from the next commit on. */
  async #haveTold(connection: Connection, chronicle: number): Promise<void> {
    const followed = this.#followed.get(chronicle) as Followed;
    try {
      await this.#lock(connection, chronicle, 'lock_shared');
      followed.isTold = true;
      this.#pause = 0;
    } catch {
      if (this.#connection !== connection) return;
      this.#drop();
      this.#reconnect();
    }
    // What came while nothing was heard.
    for (const hear of this.#waiting.get(chronicle) ?? []) hear();
  }

  #lock(connection: Connection, chronicle: number, call: string): Promise<unknown> {
    return connection.query(
      `SELECT pg_catalog.pg_advisory_${call}(${followKey('c')})::text
      FROM ${this.#session.schema}.chronicles c WHERE c.id = $1`,
      [chronicle],
    );
  }

  /** Whether what is sent to the channel is heard. */
  async #listen(connection: Connection): Promise<boolean> {
    const echo = randomUUID();
    let echoed: () => void = () => {};
    const hears = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), echoTimeout);
      echoed = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    const hear: ClientEvents['notification'] = ({ channel, payload }) => {
      if (channel !== this.#channel) return;
      if (payload === echo) echoed();
      for (const each of this.#waiting.get(Number(payload)) ?? []) each();
    };
    connection.client.on('notification', hear);
    connection.onLost(() => {
      echoed();
      if (this.#connection === connection) this.#drop();
      this.#reconnect();
      this.#wakeAll();
    });
    await connection.query(`LISTEN ${this.#channel}`);
    await connection.query('SELECT pg_notify($1, $2)', [this.#channel, echo]);
    return (await hears) && !connection.lost;
  }

  #reconnect(): void {
    if (!this.#isActive) return;
    clearTimeout(this.#timer);
    this.#pause = Math.min(Math.max(firstPause, this.#pause * 2), longestPause);
    this.#timer = setTimeout(() => void this.#connect(), this.#pause);
  }

  /** The connection is closed, since it would listen on for whoever gets it next. */
  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#hears = false;
    for (const followed of this.#followed.values()) followed.isTold = false;
    connection?.release(true);
  }

  #wakeAll(): void {
    for (const waiting of this.#waiting.values()) for (const hear of waiting) hear();
  }
}

/** Tells the followers of one chronicle, on all machines, that something was committed. */
export class Notifier {
  readonly #session: Session;
  readonly #parameters: unknown[];
  #last = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<unknown> | undefined;

  constructor(session: Session, chronicle: number) {
    this.#session = session;
    this.#parameters = [channelOf(session), String(chronicle)];
  }

  /**
   * Not in the transaction of the commit, since PostgreSQL lets only one transaction at a time commit that notifies; and
   * of many commits only now and then.
   */
  notify(): void {
    if (this.#timer) return;
    const wait = this.#last + leastBetween - performance.now();
    if (wait <= 0) this.#send();
    else this.#timer = setTimeout(() => this.#send(), wait);
  }

  async finish(): Promise<void> {
    if (this.#timer) this.#send();
    await this.#sending;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#last = performance.now();
    // Whoever does not hear of it looks by himself.
    this.#sending = this.#session.query(notifyStatement, this.#parameters).catch(() => {});
  }
}
