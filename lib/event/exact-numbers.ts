/**
 * Numbers in JSON that a double cannot hold: as a JavaScript number, and in canonical JSON (RFC 8785), they
 * become others.
 */

/** Strings, so that digits in them are passed over, and numbers. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Any decimal number with this many characters or fewer, and without exponent, survives in a double. */
const maxExactLength = 15;

const digit0 = 0x30;

/** Whether the value of each number in the text, which is JSON, is that of a double. */
export function hasExactNumbers(json: string): boolean {
  for (const [token] of json.matchAll(tokens)) {
    if (!token.startsWith('"') && !isExact(token)) return false;
  }
  return true;
}

function isExact(written: string): boolean {
  if (written.length <= maxExactLength && !/[eE]/.test(written)) return true;
  const number = Number(written);
  return Number.isFinite(number) && decimal(String(number)) === decimal(written);
}

/**
 * A number's value as text that is the same however it was written: its sign, its digits, and the power of
 * ten.
 */
function decimal(written: string): string {
  const [mantissa = '', exponent = '0'] = written.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  let first = 0;
  while (digits.charCodeAt(first) === digit0) first++;
  let end = digits.length;
  while (end > first && digits.charCodeAt(end - 1) === digit0) end--;
  if (first === end) return '0';
  const sign = mantissa.startsWith('-') ? '-' : '';
  return `${sign}${digits.slice(first, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}
