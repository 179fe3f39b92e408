/**
 * Characters that a JavaScript string may have and a line must not: those that line readers take for an end of a
 * line, and half surrogate pairs, which are no Unicode and have no UTF-8.
 */

/**
 * JSON lets them stand in a string as they are, but node:readline cuts at U+2028 and U+2029, and Python's
 * `str.splitlines` at U+0085 too. All others that one of them cuts at are control characters, which JSON escapes.
 */
const lineEnds = /[\u0085\u2028\u2029]/g;

/** The same JSON with what is a line end to some as escapes, which are only in strings. */
export function lineEndsEscaped(text: string): string {
  // A search for a character that cannot be in a Latin-1 string costs nothing.
  if (!text.includes('\u2028') && !text.includes('\u2029') && !text.includes('\u0085')) return text;
  return text.replace(lineEnds, (character) => escaped(character));
}

/**
 * Whether there is half a surrogate pair in the JSON, as itself or as an escape, which is how `JSON.stringify` writes
 * it: `"a\\ud83d"` for half an emoji, as `text.slice(0, 100)` leaves it.
 */
export function hasHalfPairs(json: string): boolean {
  if (!json.isWellFormed()) return true;
  // Most text has no escapes at all.
  if (!json.includes('\\')) return false;
  if (!json.includes('\\ud') && !json.includes('\\uD')) return false;
  for (const [, pair, half] of json.matchAll(escapes))
    if (pair === undefined && half !== undefined) return true;
  return false;
}

/** The same JSON in Unicode: half surrogate pairs only as escapes. */
export function halvesEscaped(json: string): string {
  return json.replace(/\p{Surrogate}/gu, (half) => escaped(half));
}

/** Every escape: of a whole surrogate pair, of half a one, or another. */
const escapes =
  /\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)/g;

/** The same JSON with U+FFFD in place of them, as Node writes them to a file. */
export function withoutHalfPairs(json: string): string {
  return json
    .toWellFormed()
    .replace(escapes, (whole, _pair, half: string | undefined) => (half === undefined ? whole : '\ufffd'));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
