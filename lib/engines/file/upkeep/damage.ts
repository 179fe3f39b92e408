/**
 * Counting corrupt lines: exactly, but remembering only the first of them.
 */
import type { Damage } from '../../../chronicle/results.js';
import type { CorruptLine, CorruptReason } from '../../../event/corrupt-line.js';

/** How many are listed, of whatever is counted. */
export const maxListed = 100;

export class DamageCount implements Damage {
  lines = 0;
  bytes = 0;
  readonly reasons: { [reason in CorruptReason]?: number } = {};
  readonly first: CorruptLine[] = [];

  add(line: CorruptLine): void {
    this.lines++;
    this.bytes += line.length;
    this.reasons[line.reason] = (this.reasons[line.reason] ?? 0) + 1;
    if (this.first.length < maxListed) this.first.push(line);
  }
}
