/**
 * Reading the events of a file, which need not be open as a chronicle. Takes no lock.
 */
import { Readable } from 'node:stream';
import { checkBoolean, checkInteger, checkOptions, describe } from '../../../base/arguments.js';
import { eachWithIoErrors, invalid } from '../../../base/errors.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import { reportCorruptLine } from '../../../event/corrupt-line.js';
import { checkWhere, type Where } from '../../../event/where.js';
import type { NativePath } from '../../../native/addon.js';
import type { Entry, LineBatch } from '../lines/line-batch.js';
import { openForReading } from '../lines/open-file.js';
import { scanBackwards, scanForwards } from '../lines/scanner.js';
import { OneByOne } from './one-by-one.js';
import { Sieve } from './read-filter.js';

export interface ReadRange {
  /** Only events whose line begins at this offset or behind it. Default: 0. */
  from?: number;
  /** Only events whose line begins before this offset. Default: the end of the file. */
  to?: number;
  /** At most so many events. Default: all. */
  limit?: number;
  /** The last event first. Default: false. */
  reverse?: boolean;
  /** Only events whose own properties have these values: `{ type: 'order' }`. Default: all. */
  where?: Where;
}

/** Lines that are no event are reported as `onCorrupt` says, after the events before them and before those behind. */
export async function* readBatches<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  range?: ReadRange,
): AsyncGenerator<Entry<T>[], void, undefined> {
  const {
    from = 0,
    to = Number.MAX_SAFE_INTEGER,
    limit = Number.MAX_SAFE_INTEGER,
    reverse = false,
    where,
  } = checkOptions(range);
  checkInteger(from, 'from', 0);
  checkInteger(to, 'to', 0);
  checkInteger(limit, 'limit', 0);
  checkBoolean(reverse, 'reverse');
  const selection = where === undefined ? undefined : checkWhere(where);
  if (limit === 0) return;
  const file = await openForReading(path);
  try {
    const scan = reverse ? scanBackwards : scanForwards;
    const { maxLineBytes, onCorrupt } = settings;
    const sieve = new Sieve(settings, selection);
    let left = limit;
    for await (const batch of eachWithIoErrors(
      scan(file, { from, to, maxLineBytes, filter: sieve.filter }),
      path,
    )) {
      const sifted = await sieve.sift(batch, reverse);
      for (const part of betweenDamage(sifted, reverse)) {
        if (!Array.isArray(part)) {
          reportCorruptLine({ path: path.toString(), ...part }, onCorrupt);
          continue;
        }
        const entries = part.length > left ? part.slice(0, left) : part;
        yield entries as Entry<T>[];
        left -= entries.length;
        if (left === 0) return;
      }
    }
  } finally {
    await file.close();
  }
}

/** The events of a batch, one array between two damaged lines, and those lines, as they follow each other. */
export function* betweenDamage({ entries, others }: LineBatch, reverse: boolean) {
  let begin = 0;
  for (const other of others) {
    if (other.kind === 'blank') continue;
    let end = begin;
    while (end < entries.length && (entries[end] as Entry<object>).offset < other.offset !== reverse) end++;
    if (end > begin) yield entries.slice(begin, end);
    yield { offset: other.offset, length: other.length, reason: other.reason };
    begin = end;
  }
  if (begin < entries.length) yield begin === 0 ? entries : entries.slice(begin);
}

export function readEntries<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  range?: ReadRange,
): AsyncGenerator<Entry<T>, void, undefined> {
  return new OneByOne(readBatches<T>(path, settings, range));
}

/** The same entries as objects of a stream. It holds a batch at most. */
export function readStream<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  range?: ReadRange,
): Readable {
  const batches = readBatches<T>(path, settings, range);
  return new Readable({
    objectMode: true,
    read() {
      batches.next().then(
        ({ value, done }) => {
          if (done) this.push(null);
          else for (const entry of value) this.push(entry);
        },
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      batches.return().then(() => callback(error), callback);
    },
  });
}

export async function readAll<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  range?: ReadRange,
): Promise<Entry<T>[]> {
  const all: Entry<T>[] = [];
  for await (const entries of readBatches<T>(path, settings, range)) {
    for (const entry of entries) all.push(entry);
  }
  return all;
}

/** The last `count` events, in the order of the file. */
export async function readTail<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  count: number,
): Promise<Entry<T>[]> {
  checkInteger(count, 'count', 0);
  const entries = await readAll<T>(path, settings, { reverse: true, limit: count });
  return entries.reverse();
}

/** The first event with this id. */
export async function findEvent<T extends object>(
  path: NativePath,
  settings: ReadSettings,
  idKey: string,
  eventId: string,
): Promise<Entry<T> | undefined> {
  if (typeof eventId !== 'string' || eventId === '') {
    throw invalid('eventId', `expected a non-empty string, got ${describe(eventId)}`);
  }
  const silent: ReadSettings = { ...settings, onCorrupt: 'skip' };
  const [entry] = await readAll<T>(path, silent, { where: { [idKey]: eventId }, limit: 1 });
  return entry;
}
