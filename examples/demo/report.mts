/**
 * The check, and its table: what was acknowledged and expected, against what the file says when it is read
 * back.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import Table from 'cli-table3';
import { type CorruptLine, openChronicle } from '../../lib/index.js';
import type { Acknowledgement } from './writer.mjs';

/** What was done, as far as the parent knows. */
export interface Run {
  readonly writers: number;
  readonly kills: number;
  /** The ids of all events that must be in the file at the end. */
  readonly expected: ReadonlySet<string>;
  /** Calls to append. */
  readonly sent: number;
  readonly acknowledgements: readonly Acknowledgement[];
  /** From when the writers began until the last one had finished. */
  readonly seconds: number;
}

/** What the file says. */
export interface Contents {
  /** The ids of its events, in its order. */
  readonly ids: readonly string[];
  readonly corruptLines: readonly CorruptLine[];
}

export interface Findings {
  /** Ids that were acknowledged or expected, and are not in the file. */
  readonly lost: readonly string[];
  /** Ids that are in the file more than once. */
  readonly doubled: readonly string[];
}

/**
 * The id that an event must have, from what it says. Computed without holdfast, so that an event that was
 * stored wrongly, or under a wrong id, counts as lost.
 */
export function idOf(stored: object): string {
  const { eventId: _, ...event } = stored as { eventId?: unknown };
  return createHash('sha256')
    .update(canonicalize(event) ?? '')
    .digest('hex');
}

export async function readBack(file: string): Promise<Contents> {
  const corruptLines: CorruptLine[] = [];
  const ids: string[] = [];
  await using chronicle = await openChronicle(file, { onCorrupt: (line) => corruptLines.push(line) });
  for await (const { event } of chronicle.read()) ids.push(idOf(event));
  return { ids, corruptLines };
}

export function check({ expected, acknowledgements }: Run, { ids }: Contents): Findings {
  const found = new Set<string>();
  const doubled = new Set<string>();
  for (const id of ids) {
    if (found.has(id)) doubled.add(id);
    found.add(id);
  }
  const due = new Set(expected);
  for (const { id } of acknowledgements) due.add(id);
  return { lost: [...due].filter((id) => !found.has(id)), doubled: [...doubled] };
}

export function toTable(run: Run, { ids, corruptLines }: Contents, { lost, doubled }: Findings): string {
  const acknowledged = run.acknowledgements.length;
  const duplicates = run.acknowledgements.filter(({ duplicate }) => duplicate).length;
  const latencies = Float64Array.from(run.acknowledgements, ({ milliseconds }) => milliseconds).sort();
  const table = new Table({
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'left'],
  });
  table.push(
    [
      'events sent',
      count(run.sent),
      `by ${run.writers} processes; ${run.kills} were killed and sent all again`,
    ],
    ['acknowledged', count(acknowledged), `${count(duplicates)} of them as duplicates`],
    ['in the file', count(ids.length), `of ${count(run.expected.size)} different events`],
    ['lost', count(lost.length), 'acknowledged or expected, but not in the file'],
    ['doubled', count(doubled.length), 'in the file more than once'],
    ['torn lines', count(corruptLines.length), 'left by killed processes, skipped by readers'],
    ['appends a second', count(acknowledged / run.seconds), `acknowledged, in ${run.seconds.toFixed(2)} s`],
    ['median', `${quantile(latencies, 0.5).toFixed(2)} ms`, 'from the call to its acknowledgement'],
    ['99th percentile', `${quantile(latencies, 0.99).toFixed(2)} ms`, ''],
  );
  return table.toString();
}

/** The smallest value that at least this share of the values does not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
