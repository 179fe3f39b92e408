/**
 * The lines in a piece of a chronicle's file, parsed: events, and lines that are none.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { CorruptReason } from './corrupt-line.js';
import { type JsonObject, parseLine, parseObject } from './line.js';
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
const markBytes = 96;
/** A string of more than 128 KiB gets pages of its own in V8's heap, which costs more than to parse it. */
const textBytes = 64 * 1024;
/** Those that are 0 in four bytes of ASCII. */
const highBits = 0x80808080 | 0;

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
  batch: LineBatch,
): void {
  const ascii = isAscii(bytes);
  const valid = ascii || isUtf8(bytes);
  // In Latin-1 every byte is a character, so that places in the text are places in the file.
  const text = bytes.toString('latin1');
  const mayFilter = filter?.ignoresDamage || (valid && text.length <= textBytes);
  const filtered = mayFilter ? filter?.search(text) : undefined;
  const words = ascii ? undefined : new Int32Array(bytes.buffer, 0, Math.floor(bytes.buffer.byteLength / 4));
  /** Where the next byte stands that may not be ASCII. */
  let notAscii = words ? -1 : text.length;
  for (let begin = 0; ; ) {
    if (filtered) begin = filtered.next(begin, maxLineBytes);
    if (begin === text.length) return;
    const end = text.indexOf('\n', begin);
    const next = end === -1 ? text.length : end + 1;
    if (words && notAscii < begin)
      notAscii = nextNotAscii(words, bytes.byteOffset + begin) - bytes.byteOffset;
    let event: JsonObject | undefined;
    if (valid && end > begin && end - begin <= maxLineBytes) {
      event = parseObject(end <= notAscii ? text.slice(begin, end) : bytes.toString('utf8', begin, end));
    }
    if (event) batch.entries.push({ event, offset: offset + begin, length: next - begin });
    else addOddLine(batch, bytes.subarray(begin, next), offset + begin, maxLineBytes);
    begin = next;
  }
}

/** The place of the first byte at or behind `from` that is not ASCII, or up to three bytes before it. */
function nextNotAscii(words: Int32Array, from: number): number {
  const word = (index: number) => words[index] as number;
  let at = from >> 2;
  const last = words.length - 4;
  while (at <= last && ((word(at) | word(at + 1) | word(at + 2) | word(at + 3)) & highBits) === 0) at += 4;
  while (at < words.length && (word(at) & highBits) === 0) at++;
  return Math.max(from, at * 4);
}

/** Any line; few are like this, and most of them are damaged. */
function addOddLine(
  { entries, others }: LineBatch,
  line: Buffer,
  offset: number,
  maxLineBytes: number,
): void {
  const { length } = line;
  const parsed = parseLine(line, offset, maxLineBytes);
  if (parsed.kind === 'event') entries.push({ event: parsed.event, offset, length });
  else others.push({ ...parsed, offset, length });
}
