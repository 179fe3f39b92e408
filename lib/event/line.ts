/**
 * The grammar of a line: whether it is an event, blank or corrupt, and the event in it. {@link parseLine} has
 * the last word. What recognises lines elsewhere, to be faster, must agree with it:
 * - native/read/line_grammar.h recognises ids and blank lines by their bytes, and says how it may differ.
 * - native/read/line_array.h joins lines to one array; what is not plain there is parsed here.
 * - lib/engines/file/lines/line-filter.ts takes a line for an event only if it is one here.
 */
import { isUtf8 } from 'node:buffer';
import type { CorruptReason } from './corrupt-line.js';

/** An event of which nothing is known but that it is a JSON object. */
export type JsonObject = { [key: string]: unknown };

export type ParsedLine =
  | { readonly kind: 'event'; readonly event: JsonObject }
  | { readonly kind: 'blank' }
  | { readonly kind: 'corrupt'; readonly reason: CorruptReason };

/**
 * The longest line that can be an event, in bytes, without its newline: a reader makes a string of it, and V8's longest
 * one has some more characters (2^29 - 24).
 */
export const longestLine = 512e6;

/** A longer line is looked through for NUL bytes before it is held in memory, as a hole should not be. In bytes. */
export const longLineBytes = 8 * 1024 * 1024;

const newline = 0x0a;
export const byteOrderMark = '\ufeff';
/** In decoded text: in place of bytes that are not UTF-8, or itself. */
const replacementCharacter = '\ufffd';

/**
 * A last line without newline that is a whole JSON object counts as an event. CRLF is taken, and a byte order
 * mark at the beginning of the file.
 *
 * @param line with its newline
 * @param offset where it begins in the file, in bytes
 */
export function parseLine(line: Buffer, offset: number, maxLineBytes: number): ParsedLine {
  const complete = line.at(-1) === newline;
  const length = complete ? line.length - 1 : line.length;
  if (length === 0) return { kind: 'blank' };
  if (length > maxLineBytes) return corrupt('long');
  let text = line.toString('utf8', 0, length);
  if (text.includes(replacementCharacter) && !isUtf8(line)) return corrupt(complete ? 'utf8' : 'torn');
  if (offset === 0 && text.startsWith(byteOrderMark)) text = text.slice(1);
  try {
    const event: unknown = JSON.parse(text);
    return isObject(event) ? { kind: 'event', event } : corrupt(complete ? 'object' : 'torn');
  } catch {
    if (/^[ \t\r]*$/.test(text)) return { kind: 'blank' };
    if (/^\0+\r?$/.test(text)) return corrupt('nul');
    return corrupt(complete ? 'json' : 'torn');
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function corrupt(reason: CorruptReason): ParsedLine {
  return { kind: 'corrupt', reason };
}
