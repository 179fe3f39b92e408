/**
 * The exit codes of the command. `holdfast lock` also passes on those of the command that it runs.
 */
export const exitCodes = {
  /** Something is damaged, was lost, or could not be done. */
  failed: 1,
  usage: 2,
  /** EX_TEMPFAIL of sysexits.h: try again later. */
  lockTimeout: 75,
} as const;

/** For the end of every help. */
export const exitCodeHelp =
  'Exit codes: 0 good, 1 damaged, lost or failed, 2 wrong usage, 75 lock timeout, 130 interrupted.';
