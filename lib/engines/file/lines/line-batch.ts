/**
 * The lines in a piece of a chronicle's file, parsed: events, and lines that are none.
 */
import { isUtf8 } from 'node:buffer';
import { randomInt } from 'node:crypto';
import type { CorruptReason } from '../../../event/corrupt-line.js';
import { isObject, type JsonObject, parseLine } from '../../../event/line.js';
import { native } from '../../../native/addon.js';
import type { LineFilter } from './line-filter.js';
import { type Mark, markOf } from './mark.js';

/** An event, and where it stands in the file. Reading goes on behind it at `offset + length`. */
export interface Entry<T> {
  readonly event: T;
  /** In bytes. */
  readonly offset: number;
  /** In bytes, with the newline. */
  readonly length: number;
}

/** A line that is no event, and where it stands, in bytes. */
export type OtherLine = { readonly offset: number; readonly length: number } & (
  | { readonly kind: 'blank' }
  | { readonly kind: 'corrupt'; readonly reason: CorruptReason }
);

/**
 * Lines that follow each other without a gap, but for those that a {@link LineFilter} left out. A clean file has none but
 * events, which so need no second look.
 */
export interface LineBatch {
  /** In the direction in which the file is read. */
  readonly entries: Entry<JsonObject>[];
  /** Likewise. */
  readonly others: OtherLine[];
  /** Where the first byte of these lines stands in the file. */
  readonly begin: number;
  /** Where the first byte stands that is no more of them. */
  readonly end: number;
  /** At their end: tells later whether the file still has them. */
  readonly mark: Mark;
}

const newline = 0x0a;
/** A string of more than 128 KiB gets pages of its own in V8's heap, which costs more than to parse it. */
const textBytes = 64 * 1024;
/** What stands between the lines that are parsed together; see native/read/line_array.h. */
const separator = randomInt(100_000_000, 1_000_000_000);
const separatorText = String(separator);
/** Where the newlines stand in the text that is parsed. */
const ends = new Uint32Array(8192);

/**
 * Parses the lines in `bytes`, of which the first byte stands at `offset` in the file. A last line without newline
 * that is a whole JSON object counts as an event. CRLF and a byte order mark are taken.
 */
export function parseLines(
  bytes: Buffer,
  offset: number,
  maxLineBytes: number,
  filter?: LineFilter,
): LineBatch {
  const end = offset + bytes.length;
  const batch: LineBatch = { entries: [], others: [], begin: offset, end, mark: markOf(bytes, end) };
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

/** Where the last line ends that ends within the `most` bytes from `begin` on; of a longer line, where that one ends. */
export function endOfLinesWithin(bytes: Buffer, begin: number, most: number): number {
  if (bytes.length <= begin + most) return bytes.length;
  const last = bytes.lastIndexOf(newline, begin + most - 1);
  if (last >= begin) return last + 1;
  const next = bytes.indexOf(newline, begin + most);
  return next === -1 ? bytes.length : next + 1;
}

/** A line that is too long to be kept. */
export function longLine(offset: number, length: number): LineBatch {
  const other: OtherLine = { kind: 'corrupt', reason: 'long', offset, length };
  const end = offset + length;
  return { entries: [], others: [other], begin: offset, end, mark: { end, bytes: Buffer.alloc(0) } };
}

/** The same lines, the last one first. */
export function reversed(batch: LineBatch): LineBatch {
  batch.entries.reverse();
  batch.others.reverse();
  return batch;
}

/** False where some of the lines are damaged, or where that cannot be known: then nothing of them is in the batch. */
function parseTogether(bytes: Buffer, offset: number, maxLineBytes: number, batch: LineBatch): boolean {
  const text = native.lineArray(bytes, separatorText, maxLineBytes, ends);
  const values = text === undefined ? undefined : parseArray(text);
  if (!values || !areBetweenSeparators(values)) return false;
  if (ends[(values.length - 1) / 2] !== bytes.length - 1) return false;
  const { entries } = batch;
  let begin = 0;
  for (let index = 0; index < values.length; index += 2) {
    const next = (ends[index / 2] as number) + 1;
    const event = values[index];
    if (isObject(event)) entries.push({ event, offset: offset + begin, length: next - begin });
    else addLine(batch, bytes.subarray(begin, next), offset + begin, maxLineBytes);
    begin = next;
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
  // In Latin-1 every byte is a character, so that places in the text are places in the file.
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
  if (parsed.kind === 'event') batch.entries.push({ event: parsed.event, offset, length });
  else batch.others.push({ ...parsed, offset, length });
}
