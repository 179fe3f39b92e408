/**
 * Text that a logger writes, as whole lines that a chronicle may have. Nothing is parsed: a line that begins and ends
 * as an object is taken for one.
 */
import { linkIn } from '../event/chain-link.js';
import { hasHalfPairs, lineEndsEscaped, withoutHalfPairs } from '../event/characters.js';

/** Whole lines, in texts that have no newline at their end. */
export interface LogLines {
  readonly texts: readonly string[];
  readonly lines: number;
}

interface Lines {
  readonly text: string;
  readonly lines: number;
}

/** As much of a line that is no object, or too long, is kept; in UTF-16 code units. */
const maxKept = 64 * 1024;

/**
 * Texts are put together up to this length, in UTF-16 code units. V8 puts a longer one into memory of its own, whose
 * pages are new, and cost more than all else that is done with the text.
 */
const pieceLength = 32 * 1024;

const open = '{'.charCodeAt(0);
const close = '}'.charCodeAt(0);

export class LogText {
  readonly #maxLineBytes: number;
  /** Whole lines, each with its newline. */
  #pieces: string[] = [];
  /** What comes after them: the beginning of a line. */
  #rest = '';
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
    let begin = 0;
    if (this.#skips) {
      begin = text.indexOf('\n') + 1;
      if (begin === 0) return;
      this.#skips = false;
    }
    this.#length += text.length - begin;
    const end = text.lastIndexOf('\n') + 1;
    if (end > begin && this.#rest !== '') {
      const endOfFirst = text.indexOf('\n', begin) + 1;
      this.#addLines(this.#rest + text.slice(begin, endOfFirst));
      this.#rest = '';
      begin = endOfFirst;
    }
    if (end > begin) this.#addLines(text.slice(begin, end));
    if (text.length > Math.max(begin, end)) this.#addRest(text.slice(Math.max(begin, end)));
  }

  #addLines(lines: string): void {
    const last = this.#pieces.length - 1;
    if (last >= 0 && (this.#pieces[last] as string).length + lines.length <= pieceLength)
      this.#pieces[last] += lines;
    else this.#pieces.push(lines);
  }

  #addRest(text: string): void {
    this.#rest += text;
    if (this.#rest.length <= this.#maxLineBytes) return;
    // Its end may never come, and nobody could read it.
    this.end();
    this.#skips = true;
  }

  /** Ends the last line, if it has no newline. */
  end(): void {
    this.#skips = false;
    if (this.#rest !== '') this.add('\n');
  }

  /** The next lines: at most `maxLength` UTF-16 code units, but always one. Undefined if there is no whole line. */
  take(maxLength: number): LogLines | undefined {
    const texts: string[] = [];
    let lines = 0;
    for (let room = maxLength; this.#pieces.length > 0 && (room > 0 || lines === 0); ) {
      const piece = this.#pieces[0] as string;
      const end = piece.length <= room ? piece.length : endOfLines(piece, room);
      if (end > room && lines > 0) break;
      if (end === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.slice(end);
      this.#length -= end;
      room -= end;
      const written = this.#asWritten(piece.slice(0, end - 1));
      if (written.lines > 0) texts.push(written.text);
      lines += written.lines;
    }
    return lines > 0 ? { texts, lines } : undefined;
  }

  #asWritten(given: string): Lines {
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

  #mended(text: string): Lines {
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

/** Where the last line ends that is whole within the first `length` UTF-16 code units; if none is: the first line. */
function endOfLines(text: string, length: number): number {
  const end = length > 0 ? text.lastIndexOf('\n', length - 1) + 1 : 0;
  return end > 0 ? end : text.indexOf('\n') + 1;
}
