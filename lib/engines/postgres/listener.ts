/**
 * Learning at once that somebody has appended: by LISTEN and NOTIFY, on one connection for all followers of a server.
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

export class Listener {
  readonly #session: Session;
  readonly #channel: string;
  readonly #waiting = new Map<number, Set<() => void>>();
  #followers = 0;
  #connection: Connection | undefined;
  #hears = false;
  #isConnecting = false;
  #timer: NodeJS.Timeout | undefined;
  #pause = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#channel = channelOf(session);
  }

  /** Listens from now on; until the returned function is called, by the last who follows. */
  follow(): () => void {
    this.#followers++;
    void this.#connect();
    return () => {
      this.#followers--;
      if (this.#followers > 0) return;
      clearTimeout(this.#timer);
      this.#drop();
    };
  }

  /** Ends it for all who follow. */
  close(): void {
    this.#followers = Number.NEGATIVE_INFINITY;
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
          timer = setTimeout(resolve, this.#hears ? pollWhenListening : pollWhenDeaf);
        });
      }
      clearTimeout(timer);
      forget();
      waiting.delete(hear);
      if (waiting.size === 0) this.#waiting.delete(chronicle);
    };
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting || this.#connection || this.#followers <= 0) return;
    this.#isConnecting = true;
    try {
      const connection = await this.#session.dedicated();
      this.#connection = connection;
      this.#hears = await this.#listen(connection);
      if (this.#hears) this.#pause = 0;
      else this.#drop();
    } catch {
      this.#drop();
    }
    this.#isConnecting = false;
    if (this.#followers <= 0) this.#drop();
    else if (!this.#connection) this.#reconnect();
    // What came while nothing was heard.
    this.#wakeAll();
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
    if (this.#followers <= 0) return;
    clearTimeout(this.#timer);
    this.#pause = Math.min(Math.max(firstPause, this.#pause * 2), longestPause);
    this.#timer = setTimeout(() => void this.#connect(), this.#pause);
  }

  /** The connection is closed, since it would listen on for whoever gets it next. */
  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#hears = false;
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
