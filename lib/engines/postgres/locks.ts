/**
 * Taking locks on PostgreSQL: at once, with a wait, with a deadline, with an abort.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import { onAbort, throwIfAborted } from '../../base/abort.js';
import { checkBoolean, checkOneOf, checkOptions } from '../../base/arguments.js';
import { HoldfastError, invalid, lockTimeout } from '../../base/errors.js';
import type { LockHolder, LockMode } from '../../base/lock-holder.js';
import { checkWait, type WaitOptions } from '../../lock/acquire.js';
import { channels } from '../../lock/diagnostics.js';
import { failureOf } from './failure.js';
import { newPostgresLock, type PostgresLock, type Upgraded } from './lock.js';
import { LockSession } from './lock-session.js';
import { checkName } from './options.js';
import type { Session } from './session.js';

/** Options of a call that does not wait for a lock on PostgreSQL. */
export interface PostgresTryLockOptions {
  /** Alone, or together with others that share it. Default: `'exclusive'`. */
  mode?: LockMode | undefined;
  /** Every lock on PostgreSQL has a fencing token; this is for code that locks files as well. Default: true. */
  fence?: boolean | undefined;
}

/** Options of a call that waits for a lock on PostgreSQL. */
export interface PostgresLockOptions extends PostgresTryLockOptions, WaitOptions {}

type Wait = ReturnType<typeof checkWait>;

/** A wait that is under way. */
interface Ending {
  /** On the clock of `performance`. */
  readonly deadline: number;
  /** Its caller was told already: what is granted now is nobody's. */
  over: boolean;
  /** Ends it at the server, while it is there. */
  cancel?: () => void;
}

/** How much later than here the server may find that a wait is over, in milliseconds, before it is told. */
const grace = 1000;

/** How long an error waits to learn who holds the lock, in milliseconds. */
const maxSearchMs = 1000;

/** The longest delay that setTimeout takes. */
const maxTimerMs = 2 ** 31 - 1;

export class Locks {
  readonly #session: Session;
  /** Of each name, the last call of this process that waits for it, or is about to take it. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #held = new Set<PostgresLock>();
  /** What ends the waits that are under way, with a reason. */
  readonly #waits = new Set<(reason: unknown) => void>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Releases what is held, and ends what waits. */
  async close(): Promise<void> {
    const closed = new HoldfastError('ECLOSED', 'the connection to PostgreSQL was closed during the wait');
    for (const end of [...this.#waits]) end(closed);
    await Promise.all([...this.#held].map((held) => held.release()));
  }

  async lock(name: string, options?: PostgresLockOptions): Promise<PostgresLock> {
    const given = checkOptions(options, ['mode', 'fence', 'timeout', 'signal']);
    const mode = checkMode(given);
    const wait = checkWait(given);
    checkName(name, 'name');
    throwIfAborted(wait.signal);
    const began = performance.now();
    const held = await bounded(
      wait,
      this.#waits,
      (ending) => this.#inTurn(name, () => this.#take(name, mode, ending)),
      (late) => late.release(),
    );
    if (held === 'busy') throw await this.#timedOut(name, mode, began);
    return acquired(held, performance.now() - began);
  }

  async tryLock(name: string, options?: PostgresTryLockOptions): Promise<PostgresLock | null> {
    const mode = checkMode(checkOptions(options, ['mode', 'fence']));
    checkName(name, 'name');
    const held = await this.#take(name, mode, { deadline: 0, over: false });
    return held === 'busy' ? null : acquired(held, 0);
  }

  async withLock<T>(
    name: string,
    options: PostgresLockOptions | undefined,
    body: (lock: PostgresLock) => T | Promise<T>,
  ): Promise<T> {
    if (typeof body !== 'function') throw invalid('body', 'expected a function');
    const held = await this.lock(name, options);
    try {
      return await body(held);
    } finally {
      await held.release();
    }
  }

  async lockHolders(name: string): Promise<LockHolder[]> {
    checkName(name, 'name');
    try {
      const rows = await this.#session.query(
        `SELECT k.pid, coalesce(a.application_name, ''),
           coalesce(a.client_hostname, host(a.client_addr), 'the same host'), k.mode
         FROM ${this.#session.schema}.locks l
         JOIN pg_catalog.pg_locks k ON k.locktype = 'advisory' AND k.granted AND k.objsubid = 2
           AND k.classid = l.tableoid AND k.objid = l.id::bigint::oid
           AND k.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = k.pid
         WHERE l.name = $1`,
        [name],
      );
      return rows.map(([pid, command, host, mode]) => ({
        pid: Number(pid),
        command: command as string,
        host: host as string,
        mode: mode === 'ExclusiveLock' ? 'exclusive' : 'shared',
      }));
    } catch (error) {
      throw failureOf(error, name);
    }
  }

  /**
   * One call of this process for each name is at the server, and the others behind it, first come first served: so
   * waiting takes one connection for each name, and leaves others of the pool to those who hold the lock.
   */
  async #inTurn<T>(name: string, call: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name);
    const own = (async () => {
      await before;
      return call();
    })();
    const done = own.then(
      () => {},
      () => {},
    );
    this.#turns.set(name, done);
    void done.then(() => {
      if (this.#turns.get(name) === done) this.#turns.delete(name);
    });
    return own;
  }

  async #take(name: string, mode: LockMode, ending: Ending): Promise<PostgresLock | 'busy'> {
    if (ending.over) return 'busy';
    let session: LockSession;
    try {
      session = await LockSession.open(this.#session, name);
    } catch (error) {
      throw failureOf(error, name);
    }
    try {
      const fence = ending.over ? 'busy' : await this.#takeIn(session, name, mode, ending);
      if (fence === 'busy') {
        session.connection.release();
        return 'busy';
      }
      const upgrade = (wait: Wait) => this.#upgrade(session, name, wait);
      const ended = () => this.#held.delete(held);
      const held = newPostgresLock({ name, mode, fence, session, upgrade, ended });
      this.#held.add(held);
      return held;
    } catch (error) {
      session.connection.release(true); // with whatever it may have got
      throw failureOf(error, name);
    }
  }

  async #takeIn(
    session: LockSession,
    name: string,
    mode: LockMode,
    ending: Ending,
  ): Promise<number | 'busy'> {
    const fence = await session.attempt(mode);
    const rest = ending.deadline - performance.now();
    if (fence !== 'busy' || ending.over || rest <= 0) return fence;
    if (channels.wait.hasSubscribers) channels.wait.publish({ path: name, mode });
    ending.cancel = () => session.cancel();
    try {
      return await session.wait(mode, rest);
    } finally {
      delete ending.cancel;
    }
  }

  /** See {@link PostgresLock.upgrade}. It has a connection, and so needs no turn. */
  async #upgrade(session: LockSession, name: string, wait: Wait): Promise<Upgraded> {
    throwIfAborted(wait.signal);
    const began = performance.now();
    await session.unlock('shared');
    let work: Promise<number | 'busy'> = Promise.resolve('busy');
    let failure: unknown;
    const start = (ending: Ending) => {
      work = this.#takeIn(session, name, 'exclusive', ending);
      return work;
    };
    try {
      const fence = await bounded(wait, this.#waits, start, () => {});
      if (fence !== 'busy') return { mode: 'exclusive', fence };
      failure = await this.#timedOut(name, 'exclusive', began);
    } catch (error) {
      failure = wait.signal?.aborted ? error : failureOf(error, name);
    }
    const late = await work.catch(() => 'busy' as const);
    if (late !== 'busy') await session.unlock('exclusive');
    const fence = await session.attempt('shared').catch(() => 'busy' as const);
    return { mode: 'shared', fence, failure };
  }

  async #timedOut(name: string, mode: LockMode, began: number): Promise<HoldfastError> {
    const waited = performance.now() - began;
    if (channels.timeout.hasSubscribers) channels.timeout.publish({ path: name, mode, waited });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<LockHolder[]>((resolve) => {
      timer = setTimeout(resolve, maxSearchMs, []);
    });
    const holders = await Promise.race([this.lockHolders(name).catch(() => []), late]);
    clearTimeout(timer);
    return lockTimeout({ path: name, mode, waited, holders });
  }
}

function acquired(held: PostgresLock, waited: number): PostgresLock {
  if (channels.acquire.hasSubscribers) channels.acquire.publish({ path: held.path, mode: held.mode, waited });
  return held;
}

/**
 * What `work` comes to, unless the deadline or the abort comes first: then its caller is told at once, whatever the
 * server does, and what is granted yet is passed to `discard`.
 */
function bounded<T>(
  { timeout, signal }: Wait,
  waits: Set<(reason: unknown) => void>,
  work: (ending: Ending) => Promise<T | 'busy'>,
  discard: (late: T) => unknown,
): Promise<T | 'busy'> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal); // it tells nobody of that again
    const ending: Ending = { deadline: performance.now() + timeout, over: false };
    let timer: NodeJS.Timeout | undefined;
    let forget: (() => void) | undefined;
    const settle = (tell: () => void) => {
      if (ending.over) return;
      ending.over = true;
      clearTimeout(timer);
      forget?.();
      waits.delete(end);
      tell();
    };
    const expire = () => {
      settle(() => resolve('busy'));
      setTimeout(() => ending.cancel?.(), grace).unref();
    };
    const arm = (rest: number) => {
      const next = rest > maxTimerMs ? () => arm(rest - maxTimerMs) : expire;
      timer = setTimeout(next, Math.min(rest, maxTimerMs));
    };
    if (timeout > 0 && timeout !== Number.POSITIVE_INFINITY) arm(timeout);
    const end = (reason: unknown) => {
      settle(() => reject(reason));
      ending.cancel?.();
    };
    waits.add(end);
    if (signal) forget = onAbort(signal, () => end(signal.reason));
    work(ending).then(
      (result) => {
        if (!ending.over) settle(() => resolve(result));
        else if (result !== 'busy') discard(result);
      },
      (error) => settle(() => reject(error)),
    );
  });
}

function checkMode({ mode = 'exclusive', fence = true }: PostgresTryLockOptions): LockMode {
  checkBoolean(fence, 'fence');
  return checkOneOf(mode, ['exclusive', 'shared'], 'mode');
}
