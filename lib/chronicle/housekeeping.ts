/**
 * What is done for a chronicle besides appending, and never stops that: where it cannot be done, that is told
 * here. To the statistics of the handle, to a diagnostics channel each time, and as a warning once.
 */
import { constants } from 'node:os';
import { systemError } from '../base/errors.js';
import { channels } from './diagnostics.js';

/** What a chronicle's housekeeping could not do. Appending goes on all the same. */
export interface HousekeepingProblem {
  /** The absolute path of the chronicle. */
  readonly path: string;
  /**
   * - `'rotation'`: the file is due to be rotated, but that failed. It is tried again after a second, and then
   *   after twice as long each time, up to a minute; until then, appending goes on in the file that is there.
   * - `'removal'`: rotated files beyond `rotate.keep` could not be removed. It is tried again after the next
   *   rotation.
   * - `'foreign'`: a file is called like a rotated one, but need not be ours: it is no regular file, has another
   *   name, belongs to somebody else, or the time in its name cannot be right. It is neither read nor removed.
   */
  readonly problem: 'rotation' | 'removal' | 'foreign';
  /** The file that was met. */
  readonly file: string;
  /** How many files it is about. */
  readonly count: number;
  /** The system's error; of several files, that of the first one. */
  readonly error: NodeJS.ErrnoException;
}

/** What of {@link HousekeepingProblem} a handle has met since it was opened. */
export interface HousekeepingStats {
  /** How many rotations failed. */
  readonly failedRotations: number;
  /** How many removals of rotated files failed. */
  readonly failedRemovals: number;
  /** How many files are called like rotated ones, but are not believed to be ours. */
  readonly foreignFiles: number;
  /** The last of them; undefined: there was none. */
  readonly last: HousekeepingProblem | undefined;
}

/** Of this thread: what was warned of. A file that stays as it is would be met again and again. */
const warned = new Set<string>();

const maxWarned = 1000;

/** Tells of a problem: to the channel each time, and as a warning once for each kind and chronicle. */
export function reportProblem(problem: HousekeepingProblem): void {
  if (channels.housekeeping.hasSubscribers) channels.housekeeping.publish(problem);
  const { path, file, error, count } = problem;
  const key = `${problem.problem} ${path}`;
  if (warned.has(key) || warned.size >= maxWarned) return;
  warned.add(key);
  const others = count > 1 ? ` and ${count - 1} more` : '';
  const text = {
    rotation: `'${path}' could not be rotated, and is appended to as it is: ${error.message}`,
    removal: `Old files of '${path}' could not be removed: ${error.message}${others}`,
    foreign:
      `'${file}' is called like a rotated file, but is left alone, because it may be somebody else's: it is no ` +
      'regular file, has another name, belongs to another user, or the time in its name cannot be right',
  }[problem.problem];
  process.emitWarning(text, { type: 'HoldfastWarning', code: 'HOLDFAST_HOUSEKEEPING' });
}

const told = new Set<string>();

/** Tells, once in this thread, of a file that a reader has left alone. */
export function reportForeign(path: string, file: string): void {
  if (told.has(file) || told.size >= maxWarned) return;
  told.add(file);
  reportProblem({ path, problem: 'foreign', file, count: 1, error: systemError(notBelieved, file) });
}

const notBelieved = { errno: constants.errno.EPERM, syscall: 'open', text: 'operation not permitted' };
