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
 * - `'long'`: longer than `maxLineBytes`.
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
 * What to do with a line that is no event: warn (`process.emitWarning`), skip it, throw it, or call a
 * function.
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
  process.emitWarning(`Skipped a ${text}`, { type: 'HoldfastWarning', code: 'HOLDFAST_CORRUPT_LINE' });
}
