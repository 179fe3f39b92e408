/**
 * A lock on PostgreSQL that is held.
 */
import { clearInterval, setInterval } from 'node:timers';
import { checkOptions } from '../../base/arguments.js';
import { HoldfastError, lostConnection } from '../../base/errors.js';
import type { LockMode } from '../../base/lock-holder.js';
import { checkWait, type WaitOptions } from '../../lock/acquire.js';
import { channels } from '../../lock/diagnostics.js';
import type { LockSession } from './lock-session.js';

/** In milliseconds: how often a lock that is watched asks whether the server is still there. */
const beat = 5000;

/** In milliseconds: how long the server may take to answer that. */
const patience = 10_000;

/** What became of a lock that was to be made exclusive. */
export interface Upgraded {
  readonly mode: LockMode;
  /** `'busy'` if it is not held any more. */
  readonly fence: number | 'busy';
  /** Why it is not exclusive. */
  readonly failure?: unknown;
}

/** The only way to make one: the constructor is private, and this is not exported by the package. */
export let newPostgresLock: (held: Held) => PostgresLock;

interface Held {
  readonly name: string;
  readonly mode: LockMode;
  readonly fence: number;
  readonly session: LockSession;
  /** Called when it is over. */
  readonly ended: () => void;
  readonly upgrade: (wait: ReturnType<typeof checkWait>) => Promise<Upgraded>;
}

/**
 * A lock that the server holds for a connection. It lasts until it is released, or until the connection ends: with its
 * process, with its host, or because the server has ended it. It does not keep the process alive.
 *
 * @example
 *   await using held = await postgres.lock('nightly'); // released at the end of the block
 *   await orders.append({ type: 'closed' }, { fence: held });
 */
export class PostgresLock {
  /** The name that was locked. */
  readonly path: string;
  readonly #session: LockSession;
  readonly #ended: () => void;
  readonly #upgrade: Held['upgrade'];
  readonly #since: number | undefined;
  #mode: LockMode;
  #fence: number;
  #released = false;
  #lost: AbortController | undefined;
  #heart: NodeJS.Timeout | undefined;
  /** Its connection is to do something else. */
  #busy = false;
  /** The question whether the server is still there. */
  #asked: Promise<unknown> | undefined;

  static {
    newPostgresLock = (held) => new PostgresLock(held);
  }

  private constructor({ name, mode, fence, session, upgrade, ended }: Held) {
    this.path = name;
    this.#mode = mode;
    this.#fence = fence;
    this.#session = session;
    this.#upgrade = upgrade;
    this.#ended = ended;
    this.#since = channels.release.hasSubscribers ? performance.now() : undefined;
    session.connection.onLost((error) => this.#tell(error));
    session.connection.client.unref?.();
  }

  /** How it is held, or was held last. */
  get mode(): LockMode {
    return this.#mode;
  }

  /** False once it was released, and once its connection is known to be gone. */
  get held(): boolean {
    return !this.#released && this.#session.connection.lost === undefined;
  }

  /**
   * The fencing token: greater than that of everybody who had the lock before, also on another server after a failover,
   * if the standby that took over had every commit that was acknowledged (quorum commit). Those that share the lock
   * have the same.
   */
  get fence(): number {
    return this.#fence;
  }

  /**
   * Aborts when the lock is worth nothing any more, because its connection is gone. The reason is an error with the code
   * `ELOST`. Never after the release.
   *
   * A connection that is cut tells at once, and one to a host that is dead within about 15 seconds. From when this is
   * asked for, the server is also asked every 5 seconds whether it answers, and given 10 seconds for it. What was done
   * meanwhile may have been done without the lock: that is what {@link fence} is for.
   */
  get lost(): AbortSignal {
    if (this.#lost) return this.#lost.signal;
    this.#lost = new AbortController();
    const { lost } = this.#session.connection;
    if (this.#released) return this.#lost.signal;
    if (lost) this.#tell(lost);
    else this.#heart = setInterval(() => this.#ask(), beat).unref();
    return this.#lost.signal;
  }

  /**
   * Releases the lock. To do so again has no effect. Where the server cannot be asked for it, the connection is closed,
   * which comes to the same.
   */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#end();
    const { connection } = this.#session;
    connection.client.ref?.();
    if (channels.release.hasSubscribers) {
      const held = this.#since === undefined ? undefined : performance.now() - this.#since;
      channels.release.publish({ path: this.path, mode: this.#mode, held });
    }
    await this.#asked; // a connection does one thing at a time
    if (connection.lost) return connection.release();
    try {
      await this.#session.unlock(this.#mode);
      connection.release();
    } catch {
      connection.release(true);
    }
  }

  /**
   * Makes a shared lock exclusive, with a new token; waits as `lock` does. Not atomic: others may have held the lock
   * between. If it fails, the shared lock is taken again if it is free; `held` says so.
   *
   * @throws as `lock` does; `ECLOSED` if the lock is not held
   */
  async upgrade(options?: WaitOptions): Promise<void> {
    const wait = checkWait(checkOptions(options, ['timeout', 'signal']));
    this.#checkHeld();
    if (this.#mode === 'exclusive') return;
    const { mode, fence, failure } = await this.#alone(() => this.#upgrade(wait));
    if (fence === 'busy') {
      this.#end();
      this.#session.connection.release();
    } else {
      this.#mode = mode;
      this.#fence = fence;
    }
    if (failure !== undefined) throw failure;
  }

  /**
   * Makes an exclusive lock shared: no exclusive holder comes between.
   *
   * @throws `ECLOSED` if the lock is not held
   */
  async downgrade(): Promise<void> {
    this.#checkHeld();
    if (this.#mode === 'shared') return;
    this.#fence = await this.#alone(() => this.#session.downgrade());
    this.#mode = 'shared';
  }

  /** As {@link release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** The connection does one thing at a time. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      await this.#asked;
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #end(): void {
    this.#released = true;
    clearInterval(this.#heart);
    this.#ended();
  }

  #checkHeld(): void {
    if (!this.held) throw new HoldfastError('ECLOSED', `the lock on '${this.path}' is not held`);
  }

  #tell(cause: Error): void {
    clearInterval(this.#heart);
    this.#ended();
    this.#session.connection.release(); // to the pool, which makes another
    if (!this.#released) this.#lost?.abort(lostConnection(this.path, cause));
  }

  /** That the answer is missing is told by {@link Connection.onLost}. */
  #ask(): void {
    if (this.#busy) return;
    this.#asked ??= this.#session.connection
      .query('SELECT 1', [], patience)
      .catch(() => {})
      .finally(() => {
        this.#asked = undefined;
      });
  }
}
