/**
 * One line of a chronicle: what it is, and the event in it.
 */
import { isUtf8 } from 'node:buffer';
import type { CorruptReason } from './corrupt-line.js';

export type JsonObject = { [key: string]: unknown };

export type ParsedLine =
  | { readonly kind: 'event'; readonly event: JsonObject }
  | { readonly kind: 'blank' }
  | { readonly kind: 'corrupt'; readonly reason: CorruptReason };

const newline = 0x0a;
const byteOrderMark = '\ufeff';

/**
 * A last line without newline that is a whole JSON object counts as an event. CRLF is taken, and a byte order mark at the
 * beginning of the file.
 *
 * @param line with its newline
 * @param offset where it begins in the file, in bytes
 */
export function parseLine(line: Buffer, offset: number, maxLineBytes: number): ParsedLine {
  const complete = line.at(-1) === newline;
  const bytes = complete ? line.subarray(0, -1) : line;
  if (bytes.length > maxLineBytes) return corrupt('long');
  if (!isUtf8(bytes)) return corrupt(complete ? 'utf8' : 'torn');
  let text = bytes.toString('utf8');
  if (offset === 0 && text.startsWith(byteOrderMark)) text = text.slice(1);
  if (/^[ \t\r]*$/.test(text)) return { kind: 'blank' };
  if (/^\0+\r?$/.test(text)) return corrupt('nul');
  try {
    const event: unknown = JSON.parse(text);
    return isObject(event) ? { kind: 'event', event } : corrupt(complete ? 'object' : 'torn');
  } catch {
    return corrupt(complete ? 'json' : 'torn');
  }
}

/** The object that a text is the JSON of. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function corrupt(reason: CorruptReason): ParsedLine {
  return { kind: 'corrupt', reason };
}
