/**
 * Telling by its bytes that a line need not be parsed: it cannot hold what is looked for.
 *
 * Texts are in Latin-1 here, one character for each byte.
 */

/** Finds the lines that must be parsed because they hold one of some sequences of bytes. */
export class LineFilter {
  readonly needles: readonly string[];
  /**
   * The other lines are passed over, damaged or not. Else those that are not surely a JSON object are parsed
   * as well.
   */
  readonly ignoresDamage: boolean;

  constructor(needles: readonly string[], ignoresDamage: boolean) {
    this.needles = needles;
    this.ignoresDamage = ignoresDamage;
  }

  search(text: string): FilteredText {
    return new FilteredText(text, this);
  }
}

export class FilteredText {
  readonly #text: string;
  readonly #filter: LineFilter;
  /** For each needle, the index at which it is next. */
  readonly #next: number[];

  constructor(text: string, filter: LineFilter) {
    this.#text = text;
    this.#filter = filter;
    this.#next = filter.needles.map(() => -1);
  }

  /**
   * Where the next line begins that must be parsed, at `begin` or after it; the end of the text if there is
   * none.
   *
   * @param begin the beginning of a line
   */
  next(begin: number, maxLineBytes: number): number {
    const text = this.#text;
    const needle = this.#nextNeedle(begin);
    if (this.#filter.ignoresDamage) {
      return needle === text.length ? needle : Math.max(begin, text.lastIndexOf('\n', needle) + 1);
    }
    let at = begin;
    while (at < text.length) {
      objectLine.lastIndex = at;
      if (!objectLine.test(text)) break;
      const end = objectLine.lastIndex;
      if (end > needle || end - 1 - at > maxLineBytes) break;
      at = end;
    }
    return at;
  }

  #nextNeedle(begin: number): number {
    let first = this.#text.length;
    for (const [index, needle] of this.#filter.needles.entries()) {
      let at = this.#next[index] as number;
      if (at < begin) {
        at = this.#text.indexOf(needle, begin);
        if (at === -1) at = this.#text.length;
        this.#next[index] = at;
      }
      first = Math.min(first, at);
    }
    return first;
  }
}

/**
 * A line that is surely an event, as parseLine (lib/event/line.ts) would say: an object without spaces and
 * \u, with at most two levels in it. Most lines of most programs are like this, and to test it takes at most
 * a third of the time of parsing.
 */
const objectLine = (() => {
  const string = String.raw`"[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*"`;
  const scalar = String.raw`${string}|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null`;
  const object = (value: string) => String.raw`\{(?:${string}:(?:${value})(?:,${string}:(?:${value}))*)?\}`;
  const array = (value: string) => String.raw`\[(?:(?:${value})(?:,(?:${value}))*)?\]`;
  const deeper = (value: string) => `${scalar}|${object(value)}|${array(value)}`;
  return new RegExp(String.raw`${object(deeper(deeper(scalar)))}\r?\n`, 'y');
})();
