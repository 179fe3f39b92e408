/**
 * One line of a chronicle: its bytes, and the event in them.
 */
import { isUtf8 } from 'node:buffer';
import type { CorruptReason } from './corrupt-line.js';

/** A line as it stands in the file. */
export interface Line {
  /** Without the newline; undefined where it is longer than the reader keeps. */
  readonly bytes: Buffer | undefined;
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  /** In bytes, with the newline. */
  readonly length: number;
  /** False for a last line without newline. */
  readonly complete: boolean;
}

export type JsonObject = { [key: string]: unknown };

export type ParsedLine =
  | { readonly kind: 'event'; readonly event: JsonObject }
  | { readonly kind: 'blank' }
  | { readonly kind: 'corrupt'; readonly reason: CorruptReason };

const blank: ParsedLine = { kind: 'blank' };
const byteOrderMark = '\ufeff';

/** A last line without newline that is a whole JSON object counts as an event. CRLF and a byte order mark are taken. */
export function parseLine(line: Line): ParsedLine {
  const { bytes, complete } = line;
  if (bytes === undefined) return corrupt('long');
  if (bytes.length === 0) return blank;
  if (!isUtf8(bytes)) return corrupt(complete ? 'utf8' : 'torn');
  let text = bytes.toString('utf8');
  if (line.offset === 0 && text.startsWith(byteOrderMark)) text = text.slice(1);
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) {
      return { kind: 'event', event: event as JsonObject };
    }
    return corrupt(complete ? 'object' : 'torn');
  } catch {
    if (/^[ \t\r]*$/.test(text)) return blank;
    if (/^\0+\r?$/.test(text)) return corrupt('nul');
    return corrupt(complete ? 'json' : 'torn');
  }
}

function corrupt(reason: CorruptReason): ParsedLine {
  return { kind: 'corrupt', reason };
}
