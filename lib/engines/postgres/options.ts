/**
 * The options of a chronicle on PostgreSQL: those of a file, without what only a file has, and how long events are kept.
 */
import {
  checkBoolean,
  checkInteger,
  checkNames,
  checkOptions,
  describe,
  ownCopy,
} from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from '../../chronicle/options.js';

/**
 * Which events are kept; older ones are removed, a while later, by whoever appends. At least one of both is needed.
 *
 * @example
 *   await postgres.openChronicle('orders', { retain: { maxAge: 30 * 24 * 3600_000 } });
 */
export interface Retain {
  /** Events that were appended at most so long ago, in milliseconds. Default: of any age. */
  maxAge?: number | undefined;
  /** At most about this many: the last ones. Default: any number. */
  maxEvents?: number | undefined;
}

/**
 * How a chronicle is kept. Whoever appends to one should give the same options.
 *
 * @example
 *   await postgres.openChronicle('orders', { dedupe: 'all', lockTimeout: 10_000 });
 */
export interface PostgresChronicleOptions extends Omit<ChronicleOptions, 'rotate'> {
  /** Which events are kept. Default: all. */
  retain?: Retain | undefined;
  /**
   * Only read: nothing can be appended, a chronicle that is not there is not made, which is `EIO`, and one with a chain
   * needs no `chain`. Default: false.
   */
  readOnly?: boolean | undefined;
}

export interface Retention {
  /** In milliseconds; Infinity: any age. */
  readonly maxAge: number;
  /** Infinity: any number. */
  readonly maxEvents: number;
}

export interface PostgresSettings extends Settings {
  readonly retention: Retention | undefined;
  readonly readOnly: boolean;
}

export function checkPostgresOptions(options: PostgresChronicleOptions | undefined): PostgresSettings {
  const given = checkOptions<PostgresChronicleOptions & { rotate?: unknown }>(options);
  if (given.rotate !== undefined) {
    throw invalid(
      'rotate',
      'there are no files that could grow: retain: { maxAge, maxEvents } says which events are kept',
    );
  }
  if (given.onCorrupt !== undefined && given.schema === undefined) {
    throw invalid(
      'onCorrupt',
      'a line cannot be torn or damaged here: leave it out (with a schema, it is for events that the schema refuses)',
    );
  }
  const settings = checkChronicleOptions(given as ChronicleOptions, ['retain', 'readOnly']);
  const { readOnly = false } = given;
  return { ...settings, retention: checkRetain(given.retain), readOnly: checkBoolean(readOnly, 'readOnly') };
}

function checkRetain(retain: unknown): Retention | undefined {
  if (retain === undefined) return undefined;
  if (typeof retain !== 'object' || retain === null) {
    throw invalid('retain', `expected { maxAge, maxEvents }, got ${describe(retain)}`);
  }
  const own: Retain = ownCopy(retain, 'retain');
  checkNames(own, ['maxAge', 'maxEvents'], 'retain.');
  const { maxAge, maxEvents } = own;
  if (maxAge === undefined && maxEvents === undefined)
    throw invalid('retain', 'says neither maxAge nor maxEvents');
  const all = Number.POSITIVE_INFINITY;
  return {
    maxAge: maxAge === undefined ? all : checkInteger(maxAge, 'retain.maxAge', 1),
    maxEvents: maxEvents === undefined ? all : checkInteger(maxEvents, 'retain.maxEvents', 1),
  };
}

const maxNameBytes = 512;

/** The name of a chronicle, which is a value for PostgreSQL and never part of a statement. */
export function checkName(name: unknown, field: string): string {
  if (typeof name !== 'string' || name === '') {
    throw invalid(field, `expected a non-empty string, got ${describe(name)}`);
  }
  if (name.includes('\0')) throw invalid(field, 'holds a NUL character');
  if (!name.isWellFormed()) throw invalid(field, 'holds half a surrogate pair');
  if (Buffer.byteLength(name) > maxNameBytes) throw invalid(field, `is longer than ${maxNameBytes} bytes`);
  return name;
}
