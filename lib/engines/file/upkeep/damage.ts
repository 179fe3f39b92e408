/**
 * Counting corrupt lines: exactly, but remembering only the first of them.
 */
import type { CorruptLine, CorruptReason } from '../../../event/corrupt-line.js';

/** Corrupt lines. */
export interface Damage {
  /** How many lines. */
  readonly lines: number;
  /** How many bytes they are, with their newlines. */
  readonly bytes: number;
  /** How many lines for each reason that there was. */
  readonly reasons: { readonly [reason in CorruptReason]?: number };
  /** The first 100 of them. */
  readonly first: readonly CorruptLine[];
}

/** As many are listed, of whatever is counted. */
export const mostListed = 100;

export class DamageCount implements Damage {
  lines = 0;
  bytes = 0;
  readonly reasons: { [reason in CorruptReason]?: number } = {};
  readonly first: CorruptLine[] = [];

  add(line: CorruptLine): void {
    this.lines++;
    this.bytes += line.length;
    this.reasons[line.reason] = (this.reasons[line.reason] ?? 0) + 1;
    if (this.first.length < mostListed) this.first.push(line);
  }
}
