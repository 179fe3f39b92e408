/**
 * The lines in a piece of a chronicle's file, parsed: events, and non-events.
 */
import { isUtf8 } from 'node:buffer';
import { randomInt } from 'node:crypto';
import type { Entry } from '../../../chronicle/results.js';
import type { CorruptReason } from '../../../event/corrupt-line.js';
import { isObject, type JsonObject, parseLine } from '../../../event/line.js';
import { native } from '../../../native/addon.js';
import { LineEntry } from './line-entry.js';
import type { LineFilter } from './line-filter.js';
import { type Mark, markOf } from './mark.js';
import { type FileSource, viewOf } from './position.js';

/** A line that is no event, and where it is in the file, in bytes. */
export type NonEventLine = { readonly offset: number; readonly length: number } & (
  | { readonly kind: 'blank' }
  | { readonly kind: 'corrupt'; readonly reason: CorruptReason }
);

/**
 * Lines that follow each other without a gap, except for those that a {@link LineFilter} left out. Events and
 * non-events are apart, because a clean file has only events, which then need no second look.
 */
export interface LineBatch {
  /** In the direction in which the file is read. */
  readonly entries: Entry<JsonObject>[];
  /** Likewise. */
  readonly nonEvents: NonEventLine[];
  /** The offset of the first of these lines in the file. */
  readonly begin: number;
  /** The offset just past these lines. */
  readonly end: number;
  /** At their end: tells later whether the file still has them. */
  readonly mark: Mark;
  /** The bytes of these lines, until the next batch is asked for; none of a line that is too long. */
  readonly bytes: Buffer;
  /** The file, if places in it are asked for. */
  readonly source?: FileSource | undefined;
}

const newline = 0x0a;
/** A string of more than 128 KiB gets pages of its own in V8's heap, which costs more than to parse it. */
const textBytes = 64 * 1024;
/** The element between the lines that are parsed together; see native/read/line_array.h. */
const separator = randomInt(100_000_000, 1_000_000_000);
const separatorText = String(separator);
/** The indexes of the newlines in the text that is parsed. */
const ends = new Uint32Array(8192);

/**
 * Parses the lines in `bytes`, which begin at `offset` in the file. A last line without newline
 * that is a whole JSON object counts as an event. CRLF and a byte order mark are taken.
 */
export function parseLines(
  bytes: Buffer,
  offset: number,
  maxLineBytes: number,
  filter?: LineFilter,
  source?: FileSource,
): LineBatch {
  const end = offset + bytes.length;
  if (offset === 0) source?.take(bytes, true);
  const batch: LineBatch = {
    entries: [],
    nonEvents: [],
    begin: offset,
    end,
    mark: markOf(bytes, end),
    bytes,
    source,
  };
  for (let begin = 0; begin < bytes.length; ) {
    const end = endOfLinesWithin(bytes, begin, textBytes);
    const text = bytes.subarray(begin, end);
    const done =
      !filter && text.length <= textBytes && parseTogether(text, offset + begin, maxLineBytes, batch);
    if (!done) parseOneByOne(text, offset + begin, maxLineBytes, filter, batch);
    begin = end;
  }
  return batch;
}

/**
 * The end of the last line that ends within `max` bytes from `begin` on; if there is none, the end of the
 * first line.
 */
export function endOfLinesWithin(bytes: Buffer, begin: number, max: number): number {
  if (bytes.length <= begin + max) return bytes.length;
  const last = bytes.lastIndexOf(newline, begin + max - 1);
  if (last >= begin) return last + 1;
  const next = bytes.indexOf(newline, begin + max);
  return next === -1 ? bytes.length : next + 1;
}

/** A line that is too long to be kept. */
export function longLine(offset: number, length: number): LineBatch {
  const line: NonEventLine = { kind: 'corrupt', reason: 'long', offset, length };
  const end = offset + length;
  const bytes = Buffer.alloc(0);
  return { entries: [], nonEvents: [line], begin: offset, end, mark: { end, bytes }, bytes };
}

/** The same lines, the last one first. */
export function reversed(batch: LineBatch): LineBatch {
  batch.entries.reverse();
  batch.nonEvents.reverse();
  return batch;
}

/** False if some of the lines are damaged, or may be; then none of them is in the batch. */
function parseTogether(bytes: Buffer, offset: number, maxLineBytes: number, batch: LineBatch): boolean {
  const text = native.lineArray(bytes, separatorText, maxLineBytes, ends);
  const values = text === undefined ? undefined : parseArray(text);
  if (!values || !areBetweenSeparators(values)) return false;
  if (ends[(values.length - 1) / 2] !== bytes.length - 1) return false;
  const { entries } = batch;
  const view = viewOf(bytes);
  let at = offset;
  for (let index = 0; index < values.length; index += 2) {
    const next = offset + (ends[index / 2] as number) + 1;
    const event = values[index];
    if (isObject(event)) {
      entries.push(new LineEntry(event, at, view, at - offset, next - offset, batch.source));
    } else addLine(batch, bytes.subarray(at - offset, next - offset), at, maxLineBytes);
    at = next;
  }
  return true;
}

function parseArray(text: string): unknown[] | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function areBetweenSeparators(values: readonly unknown[]): boolean {
  for (let index = 1; index < values.length; index += 2) if (values[index] !== separator) return false;
  return true;
}

function parseOneByOne(
  bytes: Buffer,
  offset: number,
  maxLineBytes: number,
  filter: LineFilter | undefined,
  batch: LineBatch,
): void {
  const mayFilter = filter && (filter.ignoresDamage || (bytes.length <= textBytes && isUtf8(bytes)));
  // In Latin-1 every byte is a character, so an index in the text is one in the bytes.
  const filtered = mayFilter ? filter.search(bytes.toString('latin1')) : undefined;
  for (let begin = 0; ; ) {
    if (filtered) begin = filtered.next(begin, maxLineBytes);
    if (begin === bytes.length) return;
    const end = bytes.indexOf(newline, begin);
    const next = end === -1 ? bytes.length : end + 1;
    addLine(batch, bytes.subarray(begin, next), offset + begin, maxLineBytes);
    begin = next;
  }
}

function addLine(batch: LineBatch, line: Buffer, offset: number, maxLineBytes: number): void {
  const { length } = line;
  const parsed = parseLine(line, offset, maxLineBytes);
  if (parsed.kind === 'event')
    batch.entries.push(new LineEntry(parsed.event, offset, viewOf(line), 0, length, batch.source));
  else batch.nonEvents.push({ ...parsed, offset, length });
}
