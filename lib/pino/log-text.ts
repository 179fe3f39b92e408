/**
 * Text that a logger writes, as whole lines that a chronicle may have. Nothing is parsed: a line that begins and ends
 * as an object is taken for one.
 */
import { linkIn } from '../event/chain-link.js';
import { hasHalfPairs, lineEndsEscaped, withoutHalfPairs } from '../event/characters.js';

/** Whole lines, but for the newline at the end. */
export interface LogLines {
  readonly text: string;
  readonly lines: number;
}

/** As much of a line that is no object, or too long, is kept; in UTF-16 code units. */
const maxKept = 64 * 1024;

/** In UTF-16 code units. */
const pieceLength = 1024 * 1024;

const open = '{'.charCodeAt(0);
const close = '}'.charCodeAt(0);

export class LogText {
  readonly #maxLineBytes: number;
  /** What is taken next; its last line may go on in the pieces. */
  #head = '';
  /** What comes after it. Lines are added to the last one; all are put together once, so that they are copied once. */
  #pieces: string[] = [];
  #length = 0;
  /** Whether the rest of a line is left out, of which the beginning was kept. */
  #skips = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** How many UTF-16 code units wait to be taken. */
  get length(): number {
    return this.#length;
  }

  add(text: string): void {
    let added = text;
    if (this.#skips) {
      const end = text.indexOf('\n');
      if (end === -1) return;
      this.#skips = false;
      added = text.slice(end + 1);
    }
    this.#length += added.length;
    const last = this.#pieces.length - 1;
    if (last >= 0 && (this.#pieces[last] as string).length < pieceLength) this.#pieces[last] += added;
    else this.#pieces.push(added);
  }

  /** Ends the last line, if it has no newline. */
  end(): void {
    this.#skips = false;
    const last = this.#pieces.at(-1) ?? this.#head;
    if (last !== '' && !last.endsWith('\n')) this.add('\n');
  }

  /** The next lines: those that have at most `maxBytes`, but always one. Undefined if there is no whole line. */
  take(maxBytes: number): LogLines | undefined {
    for (;;) {
      while (this.#head.length < maxBytes && this.#pieces.length > 0) this.#head += this.#pieces.shift();
      const end = this.#endOfNext(maxBytes);
      if (end === -1 && this.#pieces.length === 0) return undefined;
      if (end === -1) {
        this.#head += this.#pieces.shift();
        continue;
      }
      const text = this.#head.slice(0, end);
      this.#head = this.#head.slice(end + 1);
      this.#length -= end + 1;
      const taken = this.#asWritten(text);
      if (taken.lines > 0) return taken;
    }
  }

  /** Where the newline is that ends what is taken next; -1: there is none. */
  #endOfNext(maxBytes: number): number {
    let most = Math.min(this.#head.length, maxBytes);
    // Three bytes of UTF-8 are the most that one UTF-16 code unit can take.
    if (most * 3 > maxBytes && Buffer.byteLength(this.#head.slice(0, most)) > maxBytes)
      most = Math.floor(maxBytes / 3);
    const end = most === 0 ? -1 : this.#head.lastIndexOf('\n', most - 1);
    return end === -1 ? this.#endOfFirst() : end;
  }

  #endOfFirst(): number {
    const end = this.#head.indexOf('\n');
    if (end !== -1 || this.#head.length <= this.#maxLineBytes) return end;
    // Its end may never come, and nobody could read it.
    this.#skips = true;
    this.#head += '\n';
    this.#length++;
    for (const piece of this.#pieces.splice(0)) {
      this.#length -= piece.length;
      this.add(piece);
    }
    return this.#head.length - 1;
  }

  #asWritten(given: string): LogLines {
    let text = lineEndsEscaped(given);
    // As escapes, too: JSON.stringify writes half an emoji as one, and many readers refuse it.
    if (hasHalfPairs(text)) text = withoutHalfPairs(text);
    let lines = 0;
    for (let begin = 0; begin <= text.length; lines++) {
      let end = text.indexOf('\n', begin);
      if (end === -1) end = text.length;
      if (!this.#isPlain(text, begin, end)) return this.#mended(text);
      begin = end + 1;
    }
    return { text, lines };
  }

  /** Whether the line can be written as it is. */
  #isPlain(text: string, begin: number, end: number): boolean {
    const length = end - begin;
    return (
      length >= 2 &&
      text.charCodeAt(begin) === open &&
      text.charCodeAt(end - 1) === close &&
      (length * 3 <= this.#maxLineBytes || Buffer.byteLength(text.slice(begin, end)) <= this.#maxLineBytes) &&
      linkIn(text, begin, end) === undefined
    );
  }

  #mended(text: string): LogLines {
    const lines = text.split('\n').flatMap((line) => this.#lineOf(line.trim()));
    return { text: lines.join('\n'), lines: lines.length };
  }

  /** The line as it can be written, or none. */
  #lineOf(line: string): string | readonly [] {
    if (line === '') return [];
    if (this.#isPlain(line, 0, line.length)) return line;
    // The writer would take the file for one that has a chain. To JSON it is the same.
    const spaced = `${line.slice(0, -1)} }`;
    if (this.#isPlain(spaced, 0, spaced.length)) return spaced;
    const kept = line.slice(0, maxKept).toWellFormed();
    return JSON.stringify(
      kept.length < line.length ? { text: kept, characters: line.length } : { text: kept },
    );
  }
}
