/**
 * Damage, in words.
 */
import type { Damage } from '../chronicle/results.js';
import type { CorruptReason } from '../event/corrupt-line.js';
import { count, counted, shown } from './output.js';

export const wordsFor: { readonly [reason in CorruptReason]: string } = {
  torn: 'torn',
  json: 'not JSON',
  object: 'no object',
  utf8: 'not UTF-8',
  nul: 'filled with NUL',
  long: 'too long',
  schema: 'refused by the schema',
};

/** How many are listed in a report that people read. */
const maxListed = 10;

/** `3 lines, 16 bytes: 2 not JSON, 1 torn`. */
export function summary({ lines, bytes, reasons }: Damage): string {
  if (lines === 0) return '0 lines';
  const kinds = Object.entries(reasons).map(
    ([reason, number]) => `${count(number)} ${wordsFor[reason as CorruptReason]}`,
  );
  return `${counted(lines, 'line')}, ${counted(bytes, 'byte')}: ${kinds.join(', ')}`;
}

/** One line for each of the first corrupt lines. */
export function details({ lines, first }: Damage, file: string): string[] {
  return listed(
    first.map(
      ({ path, offset, length, reason }) =>
        `${placeOf(path, offset, file)}: ${counted(length, 'byte')}, ${wordsFor[reason]}`,
    ),
    lines,
  );
}

/** Names the file only if it is another one. */
export function placeOf(path: string, offset: number, file: string): string {
  return path === file ? `offset ${offset}` : `offset ${offset} of ${shown(path)}`;
}

/** The first of a list, indented, and how many more there are. */
export function listed(first: readonly string[], total: number): string[] {
  const shown = first.slice(0, maxListed).map((text) => `  ${text}`);
  return total > shown.length ? [...shown, `  and ${count(total - shown.length)} more`] : shown;
}
