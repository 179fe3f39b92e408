/**
 * Standard input as lines, in the groups in which they arrive, in bounded memory. They are what they would be in a file:
 * a byte order mark at the beginning, CRLF and blank lines are taken.
 */
import type { CorruptReason } from '../event/corrupt-line.js';
import { byteOrderMark, type ParsedLine, parseLine } from '../event/line.js';

export interface InputLine {
  /** The first line is 1. */
  readonly number: number;
  /** An event, as it was given; undefined if the line is none. */
  readonly text: string | undefined;
  /** Why it is none; undefined if the line is one, or blank. */
  readonly reason: CorruptReason | undefined;
}

const newline = 0x0a;

export async function* inputLines(
  input: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<InputLine[]> {
  let number = 0;
  let offset = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;
  const collect = (piece: Buffer) => {
    bytes += piece.length;
    // With its newline, a line is a byte longer.
    if (bytes > maxLineBytes + 1) pieces = [];
    else pieces.push(piece);
  };
  const take = (): InputLine => {
    const line = Buffer.concat(pieces);
    const parsed: ParsedLine =
      line.length < bytes ? { kind: 'corrupt', reason: 'long' } : parseLine(line, offset, maxLineBytes);
    const text = parsed.kind === 'event' ? textOf(line, offset) : undefined;
    offset += bytes;
    pieces = [];
    bytes = 0;
    return { number: ++number, text, reason: parsed.kind === 'corrupt' ? parsed.reason : undefined };
  };
  for await (const chunk of input) {
    const lines: InputLine[] = [];
    let begin = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, begin)) {
      collect(chunk.subarray(begin, end + 1));
      lines.push(take());
      begin = end + 1;
    }
    collect(chunk.subarray(begin));
    if (lines.length > 0) yield lines;
  }
  if (bytes > 0) yield [take()];
}

function textOf(line: Buffer, offset: number): string {
  const text = line.toString();
  return offset === 0 && text.startsWith(byteOrderMark) ? text.slice(1) : text;
}
