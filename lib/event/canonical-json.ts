/**
 * Canonical JSON (RFC 8785) from JSON text.
 *
 * `JSON.stringify` already writes strings and numbers as RFC 8785 wants them, without white space; what can
 * be wrong is the order of the properties. So the text itself is put in order: each object's members are cut
 * out of it and sorted, and a text that is in order already is its own canonical form. What `JSON.rawJSON`
 * brings in can be written in another way: such numbers and strings are written anew.
 *
 * Nothing of the caller's is looked at a second time, so what is canonical is what is written, whatever
 * getters, proxies and `toJSON` did. And no object is parsed, which `JSON.parse` of Node 24 and 26 does not
 * always do right: it takes a name with an escape for another one now and then
 * (https://github.com/nodejs/node/issues/63785).
 */

/**
 * @param text well-formed, without white space between its tokens. Of a name that is twice in an object the
 *   last one counts, as for `JSON.parse`
 * @param takesHalfPairs half surrogate pairs stay, as escapes
 * @throws if there is no canonical form: lone surrogates, numbers out of range, a nesting too deep
 */
export function canonicalJson(text: string, takesHalfPairs = false): string {
  return new TextInOrder(text, takesHalfPairs).result;
}

/** Escapes that RFC 8785 writes in another way, and those of surrogates. */
const oddEscape = /(?<!\\)(?:\\\\)*\\(?:\/|u(?!00(?:0[0-7bef]|1[0-9a-f])))/;

/** Integers of up to this many digits are exact in a double, and written without exponent. */
const maxExactDigits = 15;

/** Up to this many members are sorted by insertion, which is fastest for few and quadratic for many. */
const maxInserted = 100;

const quote = 0x22;
const comma = 0x2c;
const digit0 = 0x30;
const digit9 = 0x39;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const letterF = 0x66;
const letterN = 0x6e;
const letterT = 0x74;
const openBrace = 0x7b;
const closeBrace = 0x7d;

class TextInOrder {
  readonly result: string;
  readonly #text: string;
  readonly #hasEscapes: boolean;
  readonly #hasOddEscapes: boolean;
  readonly #takesHalfPairs: boolean;
  #at = 0;

  constructor(text: string, takesHalfPairs: boolean) {
    this.#takesHalfPairs = takesHalfPairs;
    this.#text = text;
    this.#hasEscapes = text.includes('\\');
    this.#hasOddEscapes = this.#hasEscapes && oddEscape.test(text);
    this.result = this.#value() ?? text;
  }

  // Each of these takes what begins at #at, and moves #at past it. They return its canonical form, or
  // undefined if that is the text as it is.

  #value(): string | undefined {
    switch (this.#text.charCodeAt(this.#at)) {
      case openBrace:
        return this.#object();
      case openBracket:
        return this.#array();
      case quote:
        return this.#string();
      case letterT:
      case letterN:
        this.#at += 'true'.length;
        return undefined;
      case letterF:
        this.#at += 'false'.length;
        return undefined;
      default:
        return this.#number();
    }
  }

  #object(): string | undefined {
    const text = this.#text;
    if (text.charCodeAt(++this.#at) === closeBrace) {
      this.#at++;
      return undefined;
    }
    const names: string[] = [];
    const members: string[] = [];
    let last: string | undefined;
    let sorted = true;
    let same = true;
    do {
      const start = this.#at;
      const nameInOrder = this.#string();
      let name = text.slice(start + 1, this.#at - 1);
      // Names are sorted by the characters that their escapes mean.
      if (this.#hasEscapes && name.includes('\\')) name = JSON.parse(`"${name}"`);
      if (last !== undefined && last >= name) sorted = false;
      last = name;
      const valueStart = ++this.#at;
      const value = this.#value();
      names.push(name);
      if (value === undefined && nameInOrder === undefined) {
        members.push(text.slice(start, this.#at));
      } else {
        same = false;
        const before = nameInOrder === undefined ? text.slice(start, valueStart) : `${nameInOrder}:`;
        members.push(before + (value ?? text.slice(valueStart, this.#at)));
      }
    } while (text.charCodeAt(this.#at++) !== closeBrace);
    if (!sorted) sort(names, members);
    else if (same) return undefined;
    let inOrder = `{${members[0]}`;
    for (let i = 1; i < members.length; i++) inOrder += `,${members[i]}`;
    return `${inOrder}}`;
  }

  #array(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    if (text.charCodeAt(++this.#at) === closeBracket) {
      this.#at++;
      return undefined;
    }
    let inOrder = '';
    let copied = start;
    do {
      const valueStart = this.#at;
      const value = this.#value();
      if (value !== undefined) {
        inOrder += text.slice(copied, valueStart) + value;
        copied = this.#at;
      }
    } while (text.charCodeAt(this.#at++) !== closeBracket);
    return copied === start ? undefined : inOrder + text.slice(copied, this.#at);
  }

  #string(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    let end = text.indexOf('"', start + 1);
    if (this.#hasEscapes) {
      while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    }
    this.#at = end + 1;
    if (!this.#hasOddEscapes) return undefined;
    const written = text.slice(start, this.#at);
    const value: string = JSON.parse(written);
    if (!this.#takesHalfPairs && !value.isWellFormed()) throw new Error('a string with a lone surrogate');
    return JSON.stringify(value);
  }

  #number(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    let code = text.charCodeAt(this.#at);
    while (code >= digit0 && code <= digit9) code = text.charCodeAt(++this.#at);
    if (isDelimiter(code) && this.#at - start <= maxExactDigits) return undefined;
    while (!isDelimiter(code)) code = text.charCodeAt(++this.#at);
    const written = text.slice(start, this.#at);
    const number = Number(written);
    if (!Number.isFinite(number)) throw new Error('a number out of range');
    const canonical = String(number);
    return canonical === written ? undefined : canonical;
  }
}

/**
 * Sorts members by their names, and drops all but the last one of a name. JavaScript compares strings by
 * UTF-16 code units, as RFC 8785 does.
 */
function sort(names: string[], members: string[]): void {
  let isRepeated = false;
  if (names.length > maxInserted) {
    const pairs = names.map((name, i) => ({ name, member: members[i] as string }));
    pairs.sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
    for (const [i, { name, member }] of pairs.entries()) {
      isRepeated ||= i > 0 && names[i - 1] === name;
      names[i] = name;
      members[i] = member;
    }
  } else {
    for (let i = 1; i < names.length; i++) {
      const name = names[i] as string;
      const member = members[i] as string;
      let to = i;
      for (; to > 0 && (names[to - 1] as string) > name; to--) {
        names[to] = names[to - 1] as string;
        members[to] = members[to - 1] as string;
      }
      isRepeated ||= to > 0 && names[to - 1] === name;
      names[to] = name;
      members[to] = member;
    }
  }
  if (!isRepeated) return;
  let kept = 0;
  for (const [i, member] of members.entries()) if (names[i] !== names[i + 1]) members[kept++] = member;
  members.length = kept;
}

/** Whether there is an odd number of backslashes before `index`. */
function isEscaped(text: string, index: number): boolean {
  let start = index;
  while (text.charCodeAt(start - 1) === backslash) start--;
  return (index - start) % 2 === 1;
}

/** Whether the code ends a number; NaN is the end of the text. */
function isDelimiter(code: number): boolean {
  return code === comma || code === closeBrace || code === closeBracket || Number.isNaN(code);
}
