/**
 * The options of a chronicle, checked and filled in.
 */
import {
  checkBoolean,
  checkInteger,
  checkNames,
  checkOneOf,
  checkOptions,
  checkTimeout,
  describe,
  ownCopy,
} from '../base/arguments.js';
import { type Durability, durabilities } from '../base/durability.js';
import { invalid } from '../base/errors.js';
import { linkKey } from '../event/chain-link.js';
import type { OnCorrupt } from '../event/corrupt-line.js';
import type { LineSettings } from '../event/event-line.js';
import { longestLine } from '../event/line.js';
import { checkSchema, type Schema } from '../event/schema.js';

/**
 * Which events count as already written:
 * - `{ window: n }`: those with the id of one of the last n events of the file.
 * - `'consecutive'`: those with the id of the last event of the file.
 * - `'all'`: those with the id of any event of the file. Takes 24 bytes of memory for each, and keeps a file
 *   of ids beside the chronicle (`<path>.ids`), so that it can be opened without being read. That file is
 *   only a cache.
 * - `false`: none.
 *
 * If there are rotated files, their events come before those of the file.
 */
export type Dedupe = false | 'consecutive' | 'all' | DedupeWindow;

/** Looks for an id among the last events only. */
export interface DedupeWindow {
  /** How many of the last events of the file, from 1 on. */
  window: number;
}

/**
 * When the file is renamed and a new one begun, by whoever appends next. A rotated file has the name of the
 * file and the time in UTC (`orders.ndjson.20261124T215247.123Z`), so that names sort in order of time. At least one of `maxBytes` and `maxAge` is needed.
 *
 * @example
 *   await openChronicle('orders.ndjson', { rotate: { maxBytes: 100e6, keep: 10 } });
 */
export interface Rotate {
  /**
   * When the file would be larger than this, in bytes. Events that are appended together stay together.
   * Default: any size.
   */
  maxBytes?: number | undefined;
  /**
   * When the file is older than this, in milliseconds. Its age counts from when it was made; if the file
   * system does not know that, from when it was last written. Default: any age.
   */
  maxAge?: number | undefined;
  /**
   * How many rotated files are kept; older ones are removed. With 0, `follow()` may report a gap (`EGAP`) at a rotation:
   * nothing tells it whether there were more. Default: all.
   */
  keep?: number | undefined;
}

/**
 * How events are read, with a handle or without one. The other options of a chronicle may stand beside these,
 * and say nothing to a reader.
 *
 * @example
 *   await readChronicle('orders.ndjson', { onCorrupt: ({ offset, reason }) => console.warn(offset, reason) });
 */
export interface ReadOptions {
  /** What to do with a line that is no event. Default: `'warn'`. */
  onCorrupt?: OnCorrupt | undefined;
  /**
   * Longer lines are skipped as corrupt, and longer events are refused; in bytes, at most 512,000,000, which fits into a
   * string. A reader holds a line in memory: give it a limit where others may write lines that it could not hold.
   * Default: lines of any length up to that are read, and events of more than 8 MiB are refused.
   */
  maxLineBytes?: number | undefined;
  /**
   * Any validator that follows Standard Schema. Events that it refuses are not appended, and count as corrupt
   * lines when they are read. It sees events as they are written, with their ids. Default: none.
   */
  schema?: Schema | undefined;
}

/**
 * How a chronicle is kept. Whoever appends to one file should give the same options.
 *
 * @example
 *   await openChronicle('orders.ndjson', { durability: 'full', dedupe: 'all', lockTimeout: 10_000 });
 */
export interface ChronicleOptions extends ReadOptions {
  /** How long an append waits for the file's lock, in milliseconds; 0 means one try. Default: 2000. */
  lockTimeout?: number | undefined;
  /** What an acknowledged append survives. Default: `'data'`. */
  durability?: Durability | undefined;
  /** The property that holds an event's id. Default: `'eventId'`. */
  idKey?: string | undefined;
  /** Give an id to events that carry none: the SHA-256 of their canonical JSON. Default: true. */
  computeId?: boolean | undefined;
  /** Which events count as already written, and are not written again. Default: `{ window: 10_000 }`. */
  dedupe?: Dedupe | undefined;
  /** When a new file is begun. All processes that append to a file should ask for the same. Default: never. */
  rotate?: Rotate | undefined;
  /**
   * Give every event a link, `chainLink`: the SHA-256 over the link before it and its own line. So `verify({
   * chain: true })` finds an event that was changed, taken out, put in or moved, across rotation and restarts.
   * The id of an event stays what it is without. All processes that append to a file ask for the same: a
   * writer without this option is refused on a chained file, and one with it on a file whose last event has no
   * link, or a wrong one. docs/chain.md says what a chain proves. Default: false.
   */
  chain?: boolean | undefined;
}

export interface ReadSettings {
  readonly onCorrupt: OnCorrupt;
  readonly maxLineBytes: number;
  readonly schema: Schema | undefined;
}

export interface Settings extends ReadSettings, LineSettings {
  readonly lockTimeout: number;
  readonly durability: Durability;
  /** How many of the last events are remembered; 0: none, Infinity: all. */
  readonly window: number;
  /** Undefined: never. */
  readonly rotation: Rotation | undefined;
}

export interface Rotation {
  /** In bytes; 0: not by size. */
  readonly maxBytes: number;
  /** In milliseconds; 0: not by age. */
  readonly maxAge: number;
  /** Infinity: all. */
  readonly keep: number;
}

const defaultWindow = 10_000;
/** Not the default of readers, who take what a writer with a higher limit has written. */
const defaultMaxEventBytes = 8 * 1024 * 1024;

const chronicleOptionNames = [
  'onCorrupt',
  'maxLineBytes',
  'schema',
  'lockTimeout',
  'durability',
  'idKey',
  'computeId',
  'dedupe',
  'rotate',
  'chain',
];

/**
 * The options of a reader. Those of a chronicle may stand beside them, so that its users have one object of
 * options.
 *
 * @param more the names of the call's own options
 */
export function checkReadOptions(
  options: ReadOptions | undefined,
  more: readonly string[] = [],
): ReadSettings {
  const {
    onCorrupt = 'warn',
    maxLineBytes = longestLine,
    schema,
  } = checkOptions(options, [...chronicleOptionNames, ...more]);
  return {
    onCorrupt:
      typeof onCorrupt === 'function'
        ? onCorrupt
        : checkOneOf(onCorrupt, ['warn', 'skip', 'throw'] as const, 'onCorrupt'),
    maxLineBytes: checkInteger(maxLineBytes, 'maxLineBytes', 2, longestLine),
    schema: checkSchema(schema),
  };
}

/** @param more the names of the call's own options */
export function checkChronicleOptions(
  options: ChronicleOptions | undefined,
  more?: readonly string[],
): Settings {
  const given = checkOptions(options);
  const {
    lockTimeout = 2000,
    durability = 'data',
    idKey = 'eventId',
    computeId = true,
    dedupe,
    rotate,
    chain = false,
  } = given;
  const rotation = checkRotate(rotate);
  if (typeof idKey !== 'string' || idKey === '') {
    throw invalid('idKey', `expected the name of a property, got ${describe(idKey)}`);
  }
  if (idKey === linkKey) throw invalid('idKey', `'${linkKey}' is the name of the links of a chain`);
  if (chain === true && computeId === false) {
    throw invalid('computeId', 'an event of a chain needs an id: leave it out, or leave out chain');
  }
  if (chain === true && rotation?.keep === 0) {
    throw invalid('rotate.keep', 'a chain goes on after the last rotated file: keep at least 1');
  }
  if (!idKey.isWellFormed()) throw invalid('idKey', 'holds half a surrogate pair');
  const window = checkDedupe(dedupe);
  return {
    ...checkReadOptions(given, more),
    maxEventBytes: given.maxLineBytes ?? defaultMaxEventBytes,
    lockTimeout: checkTimeout(lockTimeout, 'lockTimeout'),
    durability: checkOneOf(durability, durabilities, 'durability'),
    idKey,
    computeId: checkBoolean(computeId, 'computeId'),
    dedupes: window > 0,
    window,
    rotation,
    chain: checkBoolean(chain, 'chain'),
  };
}

function checkDedupe(dedupe: unknown): number {
  if (dedupe === undefined) return defaultWindow;
  if (dedupe === false) return 0;
  if (dedupe === 'consecutive') return 1;
  if (dedupe === 'all') return Number.POSITIVE_INFINITY;
  if (typeof dedupe === 'object' && dedupe !== null) {
    const own: { window?: unknown } = ownCopy(dedupe, 'dedupe');
    if (Object.hasOwn(own, 'window')) {
      checkNames(own, ['window'], 'dedupe.');
      return checkInteger(own.window, 'dedupe.window', 1);
    }
  }
  throw invalid('dedupe', `expected false, 'consecutive', 'all' or { window }, got ${describe(dedupe)}`);
}

function checkRotate(rotate: unknown): Rotation | undefined {
  if (rotate === undefined) return undefined;
  if (typeof rotate !== 'object' || rotate === null) {
    throw invalid('rotate', `expected { maxBytes, maxAge, keep }, got ${describe(rotate)}`);
  }
  const own: Rotate = ownCopy(rotate, 'rotate');
  checkNames(own, ['maxBytes', 'maxAge', 'keep'], 'rotate.');
  const { maxBytes, maxAge, keep } = own;
  if (maxBytes === undefined && maxAge === undefined) {
    throw invalid('rotate', 'says neither maxBytes nor maxAge');
  }
  return {
    maxBytes: maxBytes === undefined ? 0 : checkInteger(maxBytes, 'rotate.maxBytes', 1),
    maxAge: maxAge === undefined ? 0 : checkInteger(maxAge, 'rotate.maxAge', 1),
    keep: keep === undefined ? Number.POSITIVE_INFINITY : checkInteger(keep, 'rotate.keep', 0),
  };
}
