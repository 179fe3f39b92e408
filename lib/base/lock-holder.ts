/**
 * Who holds a lock, and how: told by errors as well as by lockHolders().
 */

/** `'exclusive'`: one holder. `'shared'`: any number of holders, but no exclusive one. */
export type LockMode = 'exclusive' | 'shared';

/** A process that holds a lock. */
export interface LockHolder {
  /** Its process id; on PostgreSQL that of the server's process which works for it, as `pg_stat_activity` has it. */
  readonly pid: number;
  /** The command line, or the command's name if that is all there is; on PostgreSQL the application's name. */
  readonly command: string;
  /** PostgreSQL: the name or address of its host, or `'the same host'`. Else undefined. */
  readonly host?: string;
  /** How it holds the lock. */
  readonly mode: LockMode;
}

/** A lock that may have a fencing token, as far as its type tells: a `FileLock` has one if it was asked for. */
export interface FencedLock {
  /** What is locked. */
  readonly path: string | undefined;
  /** The token, which only grows; undefined for a lock that was taken without one, which is refused. */
  readonly fence: number | undefined;
}

/** A lock with a fencing token; a `PostgresLock` is one, and what was stored of it as well. */
export interface Fence {
  /** The name of the lock. */
  readonly path: string;
  /** Its token. */
  readonly fence: number;
}
