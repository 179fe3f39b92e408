/**
 * Splits a stream of chunks into lines. Keeps at most one line, and of a line that is too long only its length, so a
 * file without any newline takes no more memory than another.
 */
import type { Line } from './line.js';

const newline = 0x0a;

export class LineSplitter {
  readonly #maxLineBytes: number;
  /** Where the line that is being collected begins. */
  #offset: number;
  /** Its length so far. */
  #length = 0;
  /** Its bytes so far, in pieces, so that a long line is not copied again for every chunk. */
  #pieces: Buffer[] = [];

  constructor(offset: number, maxLineBytes: number) {
    this.#offset = offset;
    this.#maxLineBytes = maxLineBytes;
  }

  /** Where the line begins that has not ended yet. */
  get offset(): number {
    return this.#offset;
  }

  /** The lines that end in `chunk`. The chunk must not be written to afterwards. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let begin = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, begin)) {
      this.#collect(chunk.subarray(begin, end));
      lines.push(this.#take(true));
      begin = end + 1;
    }
    this.#collect(chunk.subarray(begin));
    return lines;
  }

  /** The last line, where it has no newline. */
  end(): Line[] {
    return this.#length === 0 ? [] : [this.#take(false)];
  }

  #collect(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#length > this.#maxLineBytes) {
      this.#pieces = [];
    } else {
      this.#pieces.push(piece);
    }
  }

  #take(complete: boolean): Line {
    const [first] = this.#pieces;
    const bytes = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    const line: Line = {
      bytes: this.#length > this.#maxLineBytes ? undefined : bytes,
      offset: this.#offset,
      length: this.#length + (complete ? 1 : 0),
      complete,
    };
    this.#offset += line.length;
    this.#length = 0;
    this.#pieces = [];
    return line;
  }
}
