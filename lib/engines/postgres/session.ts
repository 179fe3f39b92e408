/**
 * Connections to the server: borrowed from the pool for a statement or a transaction, or kept by somebody. Everything
 * that is asked of the server goes through {@link Connection.query}, which gives up on a server that does not answer.
 */
import { invalid } from '../../base/errors.js';
import type { Client, OwnPool, PostgresPool } from './driver.js';
import { isRefusal, timedOut } from './failure.js';
import { noConnection } from './unreachable.js';

/** What the server answers: the text of each column. */
export type Row = readonly (string | null)[];

/**
 * What the user has set up for types is for his own statements. Without a prototype, because `pg` asks it for a
 * `length` too.
 */
const asText = { __proto__: null, getTypeParser: () => (text: string) => text };

/** In milliseconds: what a timer takes. More is for ever. */
const maxTimer = 2 ** 31 - 1;

export class Connection {
  readonly #client: Client;
  readonly #answerTimeout: number;
  /** Called with the first failure after which the connection is of no use, also while nothing is asked. */
  #onLost: (error: Error) => void = () => {};
  #lost: Error | undefined;
  #released = false;
  #warned = false;
  readonly #fail = (error?: Error) =>
    this.#lose(error ?? new Error('the connection to the server has ended'));
  readonly #notice = (notice: { readonly code?: string | undefined }) => {
    if (notice.code === '01000') this.#warned = true;
  };

  constructor(client: Client, answerTimeout: number) {
    this.#client = client;
    this.#answerTimeout = answerTimeout;
    client.on('error', this.#fail);
    client.on('end', this.#fail);
    client.on('notice', this.#notice);
  }

  /** Why the connection is of no use any more. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Has `listener` called when the connection is lost; at once, if it is. */
  onLost(listener: (error: Error) => void): void {
    this.#onLost = listener;
    if (this.#lost) listener(this.#lost);
  }

  /** Whether the server has warned since this was asked last: that a commit has not reached the standbys, for one. */
  takeWarning(): boolean {
    const warned = this.#warned;
    this.#warned = false;
    return warned;
  }

  /** The driver's own, for its events. */
  get client(): Client {
    return this.#client;
  }

  /**
   * Has the server do one statement. Rejects with the driver's errors.
   *
   * @param answerTimeout In milliseconds: for how long the server may take. Default: that of the session.
   */
  async query(text: string, values: unknown[] = [], answerTimeout = this.#answerTimeout): Promise<Row[]> {
    if (this.#lost) throw this.#lost;
    let timer: NodeJS.Timeout | undefined;
    const answer = this.#client.query({ text, values, rowMode: 'array', types: asText });
    try {
      if (answerTimeout > maxTimer) return (await answer).rows;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const error = timedOut('the server has not answered', answerTimeout);
          this.#lose(error);
          this.release(); // closes it, so that nobody waits for what may never come
          reject(error);
        }, answerTimeout);
      });
      answer.catch(() => {});
      return (await Promise.race([answer, late])).rows;
    } catch (error) {
      if (!isRefusal(error)) this.#lose(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives it back to the pool. One that is lost is closed there. */
  release(close = false): void {
    if (this.#released) return;
    this.#released = true;
    this.#client.release(this.#lost ?? close);
    this.#client.removeListener('notice', this.#notice);
    // What is closed may still fail, and nobody else listens to that.
    if (this.#lost || close) return;
    this.#client.removeListener('error', this.#fail);
    this.#client.removeListener('end', this.#fail);
  }

  #lose(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#onLost(error);
  }
}

export interface SessionSettings {
  /** Of the tables, as it is called. */
  readonly schema: string;
  /** In milliseconds. */
  readonly answerTimeout: number;
}

export class Session {
  /** Of the tables, quoted: for SQL. */
  readonly schema: string;
  /** As it is called. */
  readonly schemaName: string;
  readonly #pool: PostgresPool;
  readonly #own: OwnPool | undefined;
  /** In milliseconds. */
  readonly answerTimeout: number;

  /** @param own the pool, if it was made here: it ends with this */
  constructor(pool: PostgresPool, own: OwnPool | undefined, { schema, answerTimeout }: SessionSettings) {
    this.#pool = pool;
    this.#own = own;
    this.schemaName = schema;
    this.schema = quoted(schema);
    this.answerTimeout = answerTimeout;
  }

  /** A connection that its caller keeps until `release()`: for a lock, or to listen. */
  async dedicated(): Promise<Connection> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const client = this.#pool.connect() as Promise<unknown> as Promise<Client>; // throws too
      const late = new Promise<never>((_, reject) => {
        if (this.answerTimeout > maxTimer) return;
        timer = setTimeout(() => {
          client.then((unwanted) => unwanted.release()).catch(() => {});
          reject(timedOut('no connection to the server was to be had', this.answerTimeout));
        }, this.answerTimeout);
      });
      return new Connection(await Promise.race([client, late]), this.answerTimeout);
    } catch (error) {
      throw noConnection(error, this.#pool);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Borrows a connection for as long as `use` takes. */
  async withClient<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.dedicated();
    try {
      return await use(connection);
    } finally {
      connection.release();
    }
  }

  /** One statement, which is a transaction of its own. */
  query(text: string, values?: unknown[]): Promise<Row[]> {
    return this.withClient((connection) => connection.query(text, values));
  }

  /** What `use` does is done as a whole, or not at all. */
  transaction<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    return this.withClient(async (connection) => {
      await connection.query('BEGIN ISOLATION LEVEL READ COMMITTED');
      try {
        const result = await use(connection);
        await connection.query('COMMIT');
        return result;
      } catch (error) {
        // Where that fails too, the connection is closed, which ends the transaction as well.
        await connection.query('ROLLBACK').catch(() => connection.release(true));
        throw error;
      }
    });
  }

  async end(): Promise<void> {
    await this.#own?.end();
  }
}

/** An identifier for SQL, whatever it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name that PostgreSQL takes as it is: an identifier may have 63 bytes, and no NUL. */
export function checkIdentifier(name: unknown, field: string): string {
  if (typeof name !== 'string' || name === '') throw invalid(field, 'expected the name of a schema');
  if (name.includes('\0')) throw invalid(field, 'holds a NUL character');
  if (!name.isWellFormed()) throw invalid(field, 'holds half a surrogate pair');
  if (Buffer.byteLength(name) > 63)
    throw invalid(field, 'is longer than 63 bytes, which PostgreSQL would cut off');
  if (/^pg_/.test(name))
    throw invalid(field, 'begins with pg_, which is for the schemas of PostgreSQL itself');
  return name;
}
