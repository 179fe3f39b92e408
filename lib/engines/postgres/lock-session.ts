/**
 * A connection that holds a lock, or waits for one. The lock is an advisory lock of the server's session: it ends with
 * the connection, and, unlike a row lock in an open transaction, it holds no vacuum back while it is held and survives
 * `idle_in_transaction_session_timeout`. Its key is the lock's row in the table `locks` (the table's oid and the row's
 * id), so that two names never have one key, and the keys are not those of others.
 */
import { setTimeout } from 'node:timers/promises';
import { poolerBetween } from '../../base/errors.js';
import type { LockMode } from '../../base/lock-holder.js';
import { codeOf } from './failure.js';
import type { Connection, Session } from './session.js';

/**
 * The row of a name, and whether the lock was had. Where it was, the fencing token grows in the same transaction, which
 * is committed, on the quorum as well, before the answer comes. Those that share a lock have one token, because none of
 * them shuts another out; the next that has it alone has a greater one.
 */
function takeSql(schema: string, call: string): string {
  return `
    WITH named AS MATERIALIZED (
      SELECT l.id, l.tableoid::bigint AS class FROM ${schema}.locks l WHERE l.name = $1
    ), taken AS MATERIALIZED (
      SELECT id, class, ${call} AS had FROM named
    ), token AS (
      UPDATE ${schema}.locks l
      SET fence = l.fence + CASE WHEN l.exclusive OR $2 THEN 1 ELSE 0 END, exclusive = $2
      FROM taken WHERE taken.had AND l.id = taken.id RETURNING l.fence
    )
    SELECT taken.class, taken.id, token.fence, pg_backend_pid(),
      CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
        THEN set_config('synchronous_commit', 'on', true) END
    FROM taken LEFT JOIN token ON true`;
}

const key = 'class::bit(32)::integer, id';

const calls = {
  exclusive: {
    attempt: `pg_try_advisory_lock(${key})`,
    wait: `pg_advisory_lock(${key})::text IS NOT NULL`,
    release: 'pg_advisory_unlock($1::bigint::bit(32)::integer, $2)',
  },
  shared: {
    attempt: `pg_try_advisory_lock_shared(${key})`,
    wait: `pg_advisory_lock_shared(${key})::text IS NOT NULL`,
    release: 'pg_advisory_unlock_shared($1::bigint::bit(32)::integer, $2)',
  },
} as const;

/**
 * In seconds, by which the server finds that the other host is dead: 5 of silence, then 2 questions of 5. For data that
 * are on their way, `tcp_user_timeout` is the same in milliseconds. Stricter settings stay. They are those of TCP, so
 * a socket of the same machine takes no notice of them.
 */
const keepalives = [
  ['tcp_keepalives_idle', 5],
  ['tcp_keepalives_interval', 5],
  ['tcp_keepalives_count', 2],
  ['tcp_user_timeout', 15_000],
] as const;

/** In milliseconds, of silence before this side asks; libuv then asks ten times, once a second. */
const silence = 5000;

/** In milliseconds, between two requests to end a wait. */
const cancelPause = 100;

/** SQLSTATEs: `lock_timeout` has passed; the statement was cancelled. */
const lockNotAvailable = '55P03';
const queryCanceled = '57014';

/** The longest `lock_timeout`. */
const maxServerTimeout = 2 ** 31 - 1;

/** Connections that {@link LockSession.open} has set up. */
const prepared = new WeakSet<object>();

/** Whether a pool's connections are those of a transaction pooler: looked at once. */
const looked = new WeakMap<Session, Promise<boolean>>();

export class LockSession {
  readonly #session: Session;
  readonly #name: string;
  #key: readonly (string | null)[] = [];
  /** The number of the server's process while it waits. */
  #backend: string | null = null;
  #cancelled = false;
  /** Is telling the server so. */
  #cancelling: Promise<void> | undefined;

  static async open(session: Session, name: string): Promise<LockSession> {
    const connection = await session.dedicated();
    try {
      if (!prepared.has(connection.client)) {
        await prepare(connection, session);
        prepared.add(connection.client);
      }
    } catch (error) {
      connection.release(true);
      throw error;
    }
    return new LockSession(connection, session, name);
  }

  private constructor(
    readonly connection: Connection,
    session: Session,
    name: string,
  ) {
    this.#session = session;
    this.#name = name;
  }

  /** The fencing token, or `'busy'`. */
  async attempt(mode: LockMode): Promise<number | 'busy'> {
    const sql = takeSql(this.#session.schema, calls[mode].attempt);
    let [row] = await this.connection.query(sql, [this.#name, mode === 'exclusive']);
    if (!row) {
      // The first lock of this name. The row stays, because the next token must be greater.
      const insert = `INSERT INTO ${this.#session.schema}.locks (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`;
      await this.connection.query(insert, [this.#name]);
      [row] = await this.connection.query(sql, [this.#name, mode === 'exclusive']);
    }
    return this.#had(row);
  }

  /**
   * Waits in the server's queue: for the token, or `'busy'` if `timeout` milliseconds have passed. What the wait needs
   * is set for its transaction only; the lock outlives that.
   */
  async wait(mode: LockMode, timeout: number): Promise<number | 'busy'> {
    const limit = timeout < maxServerTimeout ? Math.max(1, Math.ceil(timeout)) : 0;
    this.#cancelled = false;
    this.#cancelling = undefined;
    await this.connection.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    // Where the server knows it (14 and later), it looks every second whether this side is still there.
    const settings = `
      SELECT set_config(s.name, CASE s.name WHEN 'lock_timeout' THEN $1 WHEN 'statement_timeout' THEN '0' ELSE '1s' END, true),
        pg_backend_pid()
      FROM pg_catalog.pg_settings s
      WHERE s.name IN ('lock_timeout', 'statement_timeout', 'client_connection_check_interval')`;
    const [[, backend = null] = []] = await this.connection.query(settings, [String(limit)]);
    try {
      const row = this.#cancelled ? undefined : await this.#waitAs(backend, mode);
      await this.connection.query(row ? 'COMMIT' : 'ROLLBACK');
      return row ? this.#had(row) : 'busy';
    } catch (error) {
      const code = codeOf(error);
      if (code !== lockNotAvailable && !(code === queryCanceled && this.#cancelled)) throw error;
      await this.connection.query('ROLLBACK');
      return 'busy';
    }
  }

  async #waitAs(backend: string | null, mode: LockMode): Promise<readonly (string | null)[] | undefined> {
    this.#backend = backend;
    try {
      const values = [this.#name, mode === 'exclusive'];
      const sql = takeSql(this.#session.schema, calls[mode].wait);
      const [row] = await this.connection.query(sql, values, Number.POSITIVE_INFINITY);
      return row;
    } finally {
      this.#backend = null;
      // What this connection sends next is not to be cancelled.
      await this.#cancelling;
    }
  }

  /** Ends a wait that is under way, at the server too. */
  cancel(): void {
    this.#cancelled = true;
    if (this.#backend !== null) this.#cancelling ??= this.#tellServer(this.#backend);
  }

  /** The server forgets it where it has not begun to wait yet, so it is told until the wait is over. */
  async #tellServer(backend: string): Promise<void> {
    try {
      for (; this.#backend !== null; await setTimeout(cancelPause)) {
        await this.#session.query('SELECT pg_cancel_backend($1)', [backend]);
      }
    } catch {
      // There is no other connection to be had. The server finds out that this one is gone.
      this.connection.release(true);
    }
  }

  /** Adds `'shared'` to an exclusive lock of this very session, and then takes that away: nobody comes between. */
  async downgrade(): Promise<number> {
    const fence = await this.attempt('shared');
    await this.unlock('exclusive');
    return fence as number;
  }

  /** Gives the lock back, and keeps the connection. */
  async unlock(mode: LockMode): Promise<void> {
    const [[released] = []] = await this.connection.query(`SELECT ${calls[mode].release}`, [...this.#key]);
    if (released !== 't') throw new Error('the session of the server is not the one that has the lock');
  }

  #had(row: readonly (string | null)[] | undefined): number | 'busy' {
    const [lockClass = null, id = null, fence = null] = row ?? [];
    if (this.connection.takeWarning()) throw new Error('the new fencing token has not reached the standbys');
    if (id === null) throw new Error('the row of the lock was removed');
    if (fence === null) return 'busy';
    this.#key = [lockClass, id];
    return Number(fence);
  }
}

async function prepare(connection: Connection, session: Session): Promise<void> {
  connection.client.connection?.stream?.setKeepAlive?.(true, silence);
  const [[backend = null] = []] = await connection.query('SELECT pg_backend_pid()');
  // A pooler has numbers of its own. It may be one that gives each client a session, which is as good as none.
  if (Number(backend) !== connection.client.processID) {
    let answer = looked.get(session);
    if (!answer) {
      answer = changesSessions(connection, session);
      looked.set(session, answer);
      answer.catch(() => looked.delete(session));
    }
    if (await answer) throw poolerBetween();
  }
  const values = keepalives.map(([name, value]) => `('${name}', ${value})`).join(', ');
  await connection.query(
    `SELECT set_config(s.name, CASE WHEN s.setting::int BETWEEN 1 AND given.value THEN s.setting
       ELSE given.value::text END, false)
     FROM (VALUES ${values}) AS given (name, value) JOIN pg_catalog.pg_settings s USING (name)
     UNION ALL SELECT set_config(s.name, '0', false) FROM pg_catalog.pg_settings s
     WHERE s.name = 'idle_session_timeout'`,
  );
}

/** Whether statements of one connection are given to sessions of the server that others have as well. */
async function changesSessions(connection: Connection, session: Session): Promise<boolean> {
  const backendOf = async (asked: Connection) => (await asked.query('SELECT pg_backend_pid()'))[0]?.[0];
  return session.withClient(async (other) => {
    const first = await backendOf(connection);
    for (let round = 0; round < 3; round++) {
      await other.query('BEGIN'); // has a session of its own until the end of it, most likely the one just used
      const [others, own] = [await backendOf(other), await backendOf(connection)];
      await other.query('ROLLBACK');
      if (others === first || own !== first) return true;
    }
    return false;
  });
}
