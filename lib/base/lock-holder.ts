/**
 * Who holds a lock, and how: told by errors as well as by lockHolders().
 */

/** `'exclusive'`: one holder. `'shared'`: any number of holders, but no exclusive one. */
export type LockMode = 'exclusive' | 'shared';

export interface LockHolder {
  readonly pid: number;
  /** The command line, or the command's name if that is all there is. */
  readonly command: string;
  readonly mode: LockMode;
}
