/**
 * What becomes of the lines that a reader scans: which of them need not be parsed, which events it takes, and
 * which the schema refuses.
 */
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry } from '../../../chronicle/results.js';
import { isRestart, withoutLink } from '../../../event/chain-link.js';
import type { JsonObject } from '../../../event/line.js';
import { areInvalid, type Schema } from '../../../event/schema.js';
import { matcherOf, type Where } from '../../../event/where.js';
import type { LineBatch, NonEventLine } from '../lines/line-batch.js';
import { LineFilter } from '../lines/line-filter.js';
import { needlesOf } from '../lines/needles.js';

export class ReadFilter {
  /** For the scanner. */
  readonly lines: LineFilter | undefined;
  readonly #schema: Schema | undefined;
  readonly #matches: ((event: JsonObject) => boolean) | undefined;

  constructor({ onCorrupt, schema }: ReadSettings, where: Where | undefined) {
    this.#schema = schema;
    this.#matches = where && matcherOf(where);
    const ignoresDamage = onCorrupt === 'skip';
    // An event that is not asked for may still be one that the schema refuses, which is to be reported.
    if (where && (ignoresDamage || !schema)) this.lines = new LineFilter(needlesOf(where), ignoresDamage);
  }

  /** The batch with the events that are asked for; those that the schema refuses are among its non-events. */
  async apply(batch: LineBatch, reverse: boolean): Promise<LineBatch> {
    const valid = this.#schema ? await this.#validate(batch, this.#schema, reverse) : batch;
    const matches = this.#matches;
    return matches ? { ...valid, entries: valid.entries.filter(({ event }) => matches(event)) } : valid;
  }

  /** Without those that the schema refuses. It is asked about events as they were appended, without their links. */
  async #validate(batch: LineBatch, schema: Schema, reverse: boolean): Promise<LineBatch> {
    const invalid = await areInvalid(
      batch.entries.map(({ event }) => withoutLink(event)),
      schema,
    );
    const failed = batch.entries.filter((_, index) => invalid[index]);
    if (failed.length === 0) return batch;
    // The beginning of a new chain is no damage, though no event of the user's either.
    const damaged = failed.filter(({ event }) => !isRestart(event));
    const nonEvents = [...batch.nonEvents, ...damaged.map(toCorrupt)];
    nonEvents.sort((a, b) => (reverse ? b.offset - a.offset : a.offset - b.offset));
    return { ...batch, entries: batch.entries.filter((_, index) => !invalid[index]), nonEvents };
  }
}

function toCorrupt({ offset, length }: Entry<object>): NonEventLine {
  return { kind: 'corrupt', reason: 'schema', offset, length };
}

/** The events of a batch, one array between two damaged lines, and those lines, in the order of the batch. */
export function* splitAtDamage({ entries, nonEvents }: LineBatch, reverse: boolean) {
  let begin = 0;
  for (const line of nonEvents) {
    if (line.kind === 'blank') continue;
    let end = begin;
    while (end < entries.length && (entries[end] as Entry<object>).offset < line.offset !== reverse) end++;
    if (end > begin) yield entries.slice(begin, end);
    yield { offset: line.offset, length: line.length, reason: line.reason };
    begin = end;
  }
  if (begin < entries.length) yield begin === 0 ? entries : entries.slice(begin);
}
