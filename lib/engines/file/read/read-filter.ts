/**
 * What becomes of the lines that a reader scans: which of them need not be parsed, which events it takes, and which the
 * schema refuses.
 */

import type { ReadSettings } from '../../../chronicle/options.js';
import { areInvalid, type Schema } from '../../../event/schema.js';
import type { Selection } from '../../../event/where.js';
import type { Entry, LineBatch, OtherLine } from '../lines/line-batch.js';
import { LineFilter } from '../lines/line-filter.js';

export class Sieve {
  /** For the scanner. */
  readonly filter: LineFilter | undefined;
  readonly #schema: Schema | undefined;
  readonly #selection: Selection | undefined;

  constructor({ onCorrupt, schema }: ReadSettings, selection: Selection | undefined) {
    this.#schema = schema;
    this.#selection = selection;
    const ignoresDamage = onCorrupt === 'skip';
    // An event that is not selected may still be one that the schema refuses, which is to be reported.
    if (selection && (ignoresDamage || !schema))
      this.filter = new LineFilter(selection.needles, ignoresDamage);
  }

  /** The batch with the events that are taken, and with those that the schema refuses among the lines that are none. */
  async sift(batch: LineBatch, reverse: boolean): Promise<LineBatch> {
    const valid = this.#schema ? await this.#validate(batch, this.#schema, reverse) : batch;
    const selection = this.#selection;
    if (!selection) return valid;
    return { ...valid, entries: valid.entries.filter(({ event }) => selection.matches(event)) };
  }

  async #validate(batch: LineBatch, schema: Schema, reverse: boolean): Promise<LineBatch> {
    const invalid = await areInvalid(
      batch.entries.map(({ event }) => event),
      schema,
    );
    const failed = batch.entries.filter((_, index) => invalid[index]);
    if (failed.length === 0) return batch;
    const others = [...batch.others, ...failed.map(toCorrupt)];
    others.sort((a, b) => (reverse ? b.offset - a.offset : a.offset - b.offset));
    return { ...batch, entries: batch.entries.filter((_, index) => !invalid[index]), others };
  }
}

function toCorrupt({ offset, length }: Entry<object>): OtherLine {
  return { kind: 'corrupt', reason: 'schema', offset, length };
}
