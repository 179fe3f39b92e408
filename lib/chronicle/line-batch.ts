/**
 * The lines in a piece of a chronicle's file, parsed: events, and lines that are none.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { CorruptReason } from './corrupt-line.js';
import type { JsonObject } from './line.js';
import type { LineFilter } from './line-filter.js';

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
  /** The last bytes of them, but a few: where these stand no more before `end`, the file has been truncated. */
  readonly mark: Buffer;
}

const newline = 0x0a;
const openingBrace = 0x7b;
const byteOrderMark = '\ufeff';
const markBytes = 96;
/** A string of more than 128 KiB gets pages of its own in V8's heap, which costs more than to parse it. */
const textBytes = 64 * 1024;

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
  const mark = Buffer.from(bytes.subarray(-markBytes));
  const batch: LineBatch = { entries: [], others: [], begin: offset, end: offset + bytes.length, mark };
  for (let begin = 0; begin < bytes.length; ) {
    const end = begin + textBytes < bytes.length ? endOfText(bytes, begin) : bytes.length;
    parseText(bytes.subarray(begin, end), offset + begin, maxLineBytes, filter, batch);
    begin = end;
  }
  return batch;
}

/** A line that is too long to be kept. */
export function longLine(offset: number, length: number): LineBatch {
  const other: OtherLine = { kind: 'corrupt', reason: 'long', offset, length };
  return { entries: [], others: [other], begin: offset, end: offset + length, mark: Buffer.alloc(0) };
}

/** The same lines, the last one first. */
export function reversed(batch: LineBatch): LineBatch {
  batch.entries.reverse();
  batch.others.reverse();
  return batch;
}

function endOfText(bytes: Buffer, begin: number): number {
  const last = bytes.lastIndexOf(newline, begin + textBytes - 1);
  if (last >= begin) return last + 1;
  const next = bytes.indexOf(newline, begin + textBytes);
  return next === -1 ? bytes.length : next + 1;
}

function parseText(
  bytes: Buffer,
  offset: number,
  maxLineBytes: number,
  filter: LineFilter | undefined,
  { entries, others }: LineBatch,
): void {
  // In Latin-1 every byte is a character, so that places in the text are places in the file.
  const text = bytes.toString('latin1');
  const ascii = isAscii(bytes);
  const valid = ascii || isUtf8(bytes);
  const mayFilter = filter?.ignoresDamage || (valid && text.length <= textBytes);
  const filtered = mayFilter ? filter?.search(text) : undefined;
  for (let begin = 0; ; ) {
    if (filtered) begin = filtered.next(begin, maxLineBytes);
    if (begin === text.length) return;
    const index = text.indexOf('\n', begin);
    const complete = index !== -1;
    const end = complete ? index : text.length;
    const place = { offset: offset + begin, length: end - begin + (complete ? 1 : 0) };
    if (end === begin) {
      others.push({ kind: 'blank', ...place });
    } else if (end - begin > maxLineBytes) {
      others.push({ kind: 'corrupt', reason: 'long', ...place });
    } else if (!valid && !isUtf8(bytes.subarray(begin, end))) {
      others.push({ kind: 'corrupt', reason: complete ? 'utf8' : 'torn', ...place });
    } else {
      let line = ascii ? text.slice(begin, end) : bytes.toString('utf8', begin, end);
      if (!ascii && place.offset === 0 && line.startsWith(byteOrderMark)) line = line.slice(1);
      try {
        const value: unknown = JSON.parse(line);
        if (text.charCodeAt(begin) === openingBrace || isObject(value)) {
          entries.push({ event: value as JsonObject, offset: place.offset, length: place.length });
        } else {
          others.push({ kind: 'corrupt', reason: complete ? 'object' : 'torn', ...place });
        }
      } catch {
        others.push({ ...notJson(line, complete), ...place });
      }
    }
    begin += place.length;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type NoEvent = { readonly kind: 'blank' } | { readonly kind: 'corrupt'; readonly reason: CorruptReason };

function notJson(line: string, complete: boolean): NoEvent {
  if (/^[ \t\r]*$/.test(line)) return { kind: 'blank' };
  if (/^\0+\r?$/.test(line)) return { kind: 'corrupt', reason: 'nul' };
  return { kind: 'corrupt', reason: complete ? 'json' : 'torn' };
}
