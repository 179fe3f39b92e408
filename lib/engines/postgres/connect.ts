/**
 * Connecting to a PostgreSQL server, on which chronicles and locks are then those of all machines that connect to it.
 */
import { checkOptions, checkTimeout, describe, readFrom } from '../../base/arguments.js';
import { HoldfastError, invalid } from '../../base/errors.js';
import type { LockHolder } from '../../base/lock-holder.js';
import { type Chronicle, chronicleOn } from '../../chronicle/chronicle.js';
import type { JsonObject } from '../../event/line.js';
import type { Schema } from '../../event/schema.js';
import { newPool, type OwnPool, type PostgresPool } from './driver.js';
import { Listener } from './listener.js';
import type { PostgresLock } from './lock.js';
import { Locks, type PostgresLockOptions, type PostgresTryLockOptions } from './locks.js';
import { migrate } from './migrations.js';
import { checkName, checkPostgresOptions, type PostgresChronicleOptions } from './options.js';
import { PostgresEngine } from './postgres-engine.js';
import { checkServer } from './server.js';
import { checkIdentifier, Session } from './session.js';

/**
 * How to connect: with a pool of the user's own, or with what a pool is made of.
 *
 * @example
 *   const postgres = await connect({ pool: new pg.Pool({ max: 20 }) });
 */
export interface ConnectOptions {
  /**
   * A pool of `pg` (node-postgres), version 8 or later, which stays the caller's: {@link Postgres.close} does not end
   * it. Each lock that is held takes one of its connections, and so do following and each statement that is under way.
   * Default: none; then `connectionString` is needed.
   */
  pool?: PostgresPool | undefined;
  /**
   * Where the server is: `postgres://user:password@host:port/database`. A pool is made with the `pg` that is installed,
   * and ends with {@link Postgres.close}. Default: none.
   */
  connectionString?: string | undefined;
  /** How many connections that pool has at most. Only with `connectionString`. Default: 10. */
  max?: number | undefined;
  /** The schema that the tables are in; it is made if it is missing. Default: `'holdfast'`. */
  schema?: string | undefined;
  /**
   * For how long the server may take to answer, or to be reached, in milliseconds. After it the connection is given up,
   * because a server that has stopped ends no connection. Does not count for a lock that is waited for. Default:
   * 30,000.
   */
  answerTimeout?: number | undefined;
}

/**
 * Connects, checks the server, and makes the tables if they are missing or old.
 *
 * @throws `EVALIDATION` for a bad option, a server older than version 13, missing rights, or tables of a newer
 *   holdfast; `EIO` if there is no server
 */
export async function connect(options: ConnectOptions): Promise<Postgres> {
  const given = checkOptions(options, ['pool', 'connectionString', 'max', 'schema', 'answerTimeout']);
  const { schema = 'holdfast', answerTimeout = 30_000 } = given;
  const settings = {
    schema: checkIdentifier(schema, 'schema'),
    answerTimeout: checkTimeout(answerTimeout, 'answerTimeout'),
  };
  const own = given.pool === undefined ? ownPool(given) : undefined;
  const session = new Session(own ?? checkPool(given), own, settings);
  try {
    await checkServer(session);
    await migrate(session);
  } catch (error) {
    await session.end();
    throw error;
  }
  return makePostgres(session);
}

function ownPool({ connectionString, max = 10 }: ConnectOptions): OwnPool {
  if (connectionString === undefined) throw invalid('pool', 'neither a pool nor a connectionString is given');
  if (typeof connectionString !== 'string' || !/^postgres(?:ql)?:\/\//.test(connectionString)) {
    // Not what it is: it may hold a password.
    throw invalid('connectionString', 'expected a text that begins with postgres://');
  }
  if (!Number.isSafeInteger(max) || max < 1)
    throw invalid('max', `expected a whole number from 1 on, got ${describe(max)}`);
  return newPool({
    connectionString,
    max,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: `holdfast, process ${process.pid}`,
  });
}

function checkPool({ pool, connectionString, max }: ConnectOptions): PostgresPool {
  if (typeof pool !== 'object' || pool === null || typeof readFrom('pool', () => pool.connect) !== 'function')
    throw invalid('pool', `expected a Pool of pg, got ${describe(pool)}`);
  if (connectionString !== undefined) throw invalid('connectionString', 'does not go together with pool');
  if (max !== undefined) throw invalid('max', 'does not go together with pool');
  return pool;
}

/** Set by the class, of which only this module can make instances. */
let makePostgres: (session: Session) => Postgres;

/**
 * A server that {@link connect} has connected to.
 *
 * @example
 *   await using postgres = await connect({ connectionString: 'postgres://localhost/app' });
 */
export class Postgres {
  static {
    makePostgres = (session) => new Postgres(session);
  }

  readonly #session: Session;
  readonly #listener: Listener;
  readonly #chronicles = new Set<{ close(): Promise<void> }>();
  readonly #locks: Locks;
  #closing: Promise<void> | undefined;

  private constructor(session: Session) {
    this.#session = session;
    this.#listener = new Listener(session);
    this.#locks = new Locks(session);
  }

  /**
   * Opens a chronicle, and makes it if there is none of this name. Its options are those of `openChronicle` of
   * holdfast, but for what only a file has: `rotate`, and `onCorrupt` without a schema; `retain` says how long events
   * are kept. So are its methods, but for `appendSync` and `files`, and `repair` only begins a new chain where one
   * does not hold.
   *
   * @param name any text, up to 512 bytes
   * @throws `EVALIDATION` for a bad name or option, and for a chronicle with a chain that is opened without `chain: true`,
   *   or the other way round; `EIO` for what the server refuses
   * @example
   *   const orders = await postgres.openChronicle<{ number: number }>('orders');
   *   await orders.append({ number: 17 });
   */
  openChronicle<T extends object>(
    name: string,
    options: PostgresChronicleOptions & { schema: Schema<T> },
  ): Promise<Chronicle<T>>;
  /** Without a schema, `T` is what the caller says of the events, and nothing checks it. */
  openChronicle<T extends object = JsonObject>(
    name: string,
    options?: PostgresChronicleOptions,
  ): Promise<Chronicle<T>>;
  async openChronicle<T extends object>(
    name: string,
    options?: PostgresChronicleOptions,
  ): Promise<Chronicle<T>> {
    const checked = checkName(name, 'name');
    const settings = checkPostgresOptions(options);
    this.#checkOpen();
    const engine = await PostgresEngine.open(this.#session, this.#listener, checked, settings);
    const chronicle = chronicleOn<T>(engine, settings);
    this.#chronicles.add(chronicle);
    engine.onClosed = () => this.#chronicles.delete(chronicle);
    return chronicle;
  }

  /**
   * Waits for the lock with this name and takes it, as `lock` of the package does with a file: exclusion holds between
   * all processes of all machines that use this schema of this database. The server queues those who wait, and holds
   * the lock for as long as the connection is there.
   *
   * A lock takes a connection of the pool for as long as it is held, and each name that this process waits for takes
   * one more. A wait that is long holds vacuum back, as every long query does.
   *
   * @param name any text, up to 512 bytes
   * @throws `ELOCK_TIMEOUT` after `timeout`, with those who hold it; `signal.reason` on abort; `EVALIDATION` for a bad
   *   argument, and where a pooler is between that gives each transaction another session; `EIO` if the server fails
   *   or cannot be reached
   * @example
   *   const held = await postgres.lock('nightly', { timeout: 2000 });
   */
  async lock(name: string, options?: PostgresLockOptions): Promise<PostgresLock> {
    this.#checkOpen();
    return this.#locks.lock(name, options);
  }

  /** Takes the lock if it is free, else resolves to null. Rejects as {@link lock} does. */
  async tryLock(name: string, options?: PostgresTryLockOptions): Promise<PostgresLock | null> {
    this.#checkOpen();
    return this.#locks.tryLock(name, options);
  }

  /**
   * Runs `body` with the lock held, and releases it when `body` has returned or thrown. The result is `body`'s.
   *
   * @example
   *   await postgres.withLock('nightly', { timeout: 2000 }, async (held) => report(held.fence));
   */
  async withLock<T>(
    name: string,
    options: PostgresLockOptions | undefined,
    body: (lock: PostgresLock) => T | Promise<T>,
  ): Promise<T>;
  /** Without options: waits for ever, for the exclusive lock. */
  async withLock<T>(name: string, body: (lock: PostgresLock) => T | Promise<T>): Promise<T>;
  async withLock<T>(
    name: string,
    ...rest:
      | [PostgresLockOptions | undefined, (lock: PostgresLock) => T | Promise<T>]
      | [(lock: PostgresLock) => T | Promise<T>]
  ): Promise<T> {
    const [options, body] = rest.length === 1 ? [undefined, rest[0]] : rest;
    this.#checkOpen();
    return this.#locks.withLock(name, options, body);
  }

  /**
   * The sessions of the server that hold the lock, in no order; `[]` if nobody does. A user without the rights of
   * `pg_read_all_stats` sees the application and host of his own sessions only.
   */
  async lockHolders(name: string): Promise<LockHolder[]> {
    this.#checkOpen();
    return this.#locks.lockHolders(name);
  }

  /**
   * Closes the chronicles that were opened here, releases the locks, and ends the pool, unless it is the caller's. To do
   * so again has no effect.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#chronicles].map((chronicle) => chronicle.close()));
    await this.#locks.close();
    this.#listener.close();
    await this.#session.end();
  }

  #checkOpen(): void {
    if (this.#closing) throw new HoldfastError('ECLOSED', 'the connection to PostgreSQL is closed');
  }
}
