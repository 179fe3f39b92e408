/**
 * What others wrote, shown on a terminal: a control character in it could move the cursor, change what stands
 * there, or hide and reorder text. Into a pipe or a file everything goes byte for byte.
 */

/**
 * C0 and C1 with DEL, but for newline and tab; marks that turn the direction of writing (Unicode UAX 9), and those that
 * end a line.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** With such characters as JSON escapes them. A carriage return that ends a line stays. */
export function visible(text: string): string {
  return text.replace(unsafe, (character, at: number) =>
    character === '\r' && text[at + 1] === '\n'
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same of bytes that come in pieces, of which one may end within a character. */
export class VisibleBytes {
  readonly #decoder = new TextDecoder();

  next(bytes: Uint8Array): string {
    return visible(this.#decoder.decode(bytes, { stream: true }));
  }
}
