/**
 * Standard input as lines, in the groups in which they arrive, in bounded memory.
 */
import { isUtf8 } from 'node:buffer';

export interface InputLine {
  /** The first line is 1. */
  readonly number: number;
  /** Without the newline; undefined if it is not UTF-8, or too long. */
  readonly text: string | undefined;
}

const newline = 0x0a;

export async function* inputLines(
  input: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<InputLine[]> {
  let number = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;
  const collect = (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxLineBytes) pieces = [];
    else pieces.push(piece);
  };
  const take = (): InputLine => {
    const line = Buffer.concat(pieces);
    const text = bytes <= maxLineBytes && isUtf8(line) ? line.toString() : undefined;
    pieces = [];
    bytes = 0;
    return { number: ++number, text };
  };
  for await (const chunk of input) {
    const lines: InputLine[] = [];
    let begin = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, begin)) {
      collect(chunk.subarray(begin, end));
      lines.push(take());
      begin = end + 1;
    }
    collect(chunk.subarray(begin));
    if (lines.length > 0) yield lines;
  }
  if (bytes > 0) yield [take()];
}
