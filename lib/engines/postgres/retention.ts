/**
 * Removing old events, as `retain` says: now and then, by whoever appends, and never in the way of that. What is removed
 * is always the beginning of the chronicle.
 */
import type { Retention } from './options.js';
import type { Session } from './session.js';

/** In milliseconds: how often a handle looks. */
const leastBetween = 10_000;
/** So many at most in one transaction, which others wait for that remove too. */
const maxRemoved = 5000;
/** So that these locks are not those of others. */
const lockClass = 0x686f6c65;

export class Housekeeper {
  readonly #session: Session;
  readonly #chronicle: number;
  readonly #retention: Retention;
  readonly #onProblem: (error: Error) => void;
  #last = Number.NEGATIVE_INFINITY;
  #work: Promise<void> | undefined;
  #ends = false;

  constructor(session: Session, chronicle: number, retention: Retention, onProblem: (error: Error) => void) {
    this.#session = session;
    this.#chronicle = chronicle;
    this.#retention = retention;
    this.#onProblem = onProblem;
  }

  /** Removes what is old, unless that was done a moment ago. */
  look(): void {
    if (this.#work || performance.now() - this.#last < leastBetween) return;
    this.#last = performance.now();
    this.#work = this.#removeAll()
      .catch(this.#onProblem)
      .finally(() => {
        this.#work = undefined;
      });
  }

  async finish(): Promise<void> {
    this.#ends = true;
    await this.#work;
  }

  async #removeAll(): Promise<void> {
    while (!this.#ends && (await this.#removeSome()) === maxRemoved);
  }

  /** How many were removed. */
  #removeSome(): Promise<number> {
    const { schema } = this.#session;
    const { maxAge, maxEvents } = this.#retention;
    return this.#session.transaction(async (connection) => {
      const [lock] = await connection.query('SELECT pg_try_advisory_xact_lock($1, $2)', [
        lockClass,
        this.#chronicle,
      ]);
      if (lock?.[0] !== 't') return 0; // somebody else does it
      // Clocks of servers may differ: the first event that is young enough keeps those after it.
      const [[removed, next] = []] = await connection.query(
        `WITH first AS (
          SELECT e.begins, e.begins + octet_length(e.line) + 1 AS next,
            bool_and(e.number <= c.events - $2::numeric OR e.appended < clock_timestamp() - $3::interval)
              OVER (ORDER BY e.begins) AS is_old
          FROM ${schema}.chronicles c CROSS JOIN LATERAL (
            SELECT begins, number, appended, line FROM ${schema}.events
            WHERE chronicle = c.id ORDER BY begins LIMIT $4
          ) e WHERE c.id = $1
        ), removed AS (
          DELETE FROM ${schema}.events WHERE chronicle = $1 AND begins IN (SELECT begins FROM first WHERE is_old)
          RETURNING 1
        )
        SELECT (SELECT count(*) FROM removed), (SELECT max(next) FROM first WHERE is_old)`,
        [
          this.#chronicle,
          Number.isFinite(maxEvents) ? maxEvents : Number.MAX_SAFE_INTEGER,
          Number.isFinite(maxAge) ? `${maxAge} milliseconds` : `${longest} years`,
          maxRemoved,
        ],
      );
      if (next === null || next === undefined) return 0;
      await connection.query(`UPDATE ${schema}.chronicles SET begins = $2 WHERE id = $1`, [
        this.#chronicle,
        next,
      ]);
      return Number(removed);
    });
  }
}

const longest = 1_000;
