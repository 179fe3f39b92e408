/**
 * Lines of a chronicle that are no event, and what becomes of them.
 */
import { HoldfastError } from '../base/errors.js';

/**
 * - `'torn'`: the last line; it has no newline, and is not whole. A writer may be about to complete it.
 * - `'json'`: not JSON.
 * - `'object'`: JSON, but no object.
 * - `'utf8'`: not UTF-8.
 * - `'nul'`: filled with NUL bytes, as some file systems leave them after a power loss.
 * - `'long'`: longer than `maxLineBytes`, or longer than 8 MiB with a NUL byte in it, as in a hole.
 * - `'schema'`: an event that the `schema` refuses.
 */
export type CorruptReason = 'torn' | 'json' | 'object' | 'utf8' | 'nul' | 'long' | 'schema';

/** A line of a chronicle that is no event. */
export interface CorruptLine {
  /** The absolute path of the file. */
  readonly path: string;
  /** Where the line begins, in bytes. */
  readonly offset: number;
  /** Its length in bytes, with its newline. */
  readonly length: number;
  /** What is wrong with it. */
  readonly reason: CorruptReason;
}

/**
 * What to do with a line that is no event: warn (`process.emitWarning`; of the first 10 lines of a file, each once),
 * skip it, throw it, or call a function.
 */
export type OnCorrupt = 'warn' | 'skip' | 'throw' | ((line: CorruptLine) => void);

export function reportCorruptLine(line: CorruptLine, onCorrupt: OnCorrupt): void {
  if (onCorrupt === 'skip') return;
  if (typeof onCorrupt === 'function') {
    onCorrupt(line);
    return;
  }
  const { path, offset, length, reason } = line;
  const text = `corrupt line in '${path}' at offset ${offset}, ${length} bytes (${reason})`;
  if (onCorrupt === 'throw') {
    throw new HoldfastError('EIO', text, { path, cause: Object.assign(new Error(text), line) });
  }
  if (isNews(line)) warn(`Skipped a ${text}`);
}

/** Of each file, so many lines are warned of, each once; then one warning says that there are more. */
const maxWarned = 10;
/** Of so many files that is remembered. */
const maxFiles = 1000;

/** Per process, as warnings are: where the lines were that were warned of. */
const warned = new Map<string, Set<number>>();

function isNews({ path, offset }: CorruptLine): boolean {
  const places = warned.get(path) ?? new Set();
  if (places.has(offset) || places.size > maxWarned) return false;
  if (places.size === 0) {
    const [oldest] = warned.keys();
    if (oldest !== undefined && warned.size >= maxFiles) warned.delete(oldest);
    warned.set(path, places);
  }
  places.add(offset);
  if (places.size <= maxWarned) return true;
  warn(
    `Skipped more corrupt lines in '${path}', of which nothing more is said here; verify() counts them all`,
  );
  return false;
}

function warn(text: string): void {
  process.emitWarning(text, { type: 'HoldfastWarning', code: 'HOLDFAST_CORRUPT_LINE' });
}
