/**
 * Who holds a lock, and how: told by errors as well as by lockHolders().
 */

/** `'exclusive'`: one holder. `'shared'`: any number of holders, but no exclusive one. */
export type LockMode = 'exclusive' | 'shared';

/** A process that holds a lock. */
export interface LockHolder {
  /** Its process id. */
  readonly pid: number;
  /** The command line, or the command's name if that is all there is. */
  readonly command: string;
  /** How it holds the lock. */
  readonly mode: LockMode;
}
