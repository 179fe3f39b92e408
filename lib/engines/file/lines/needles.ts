/**
 * Which bytes a line must hold if its event has certain properties, however its JSON is written.
 */
import type { Where } from '../../../event/where.js';

/**
 * Sequences of bytes, in Latin-1. A line that holds none of them holds no such event.
 *
 * They are those of the longest string, which is the rarest. A number can be written in too many ways; if
 * there are only numbers, the name of a property is looked for.
 */
export function needlesOf(where: Where): readonly string[] {
  const properties = Object.entries(where);
  const strings = properties.map(([, value]) => value).filter((value) => typeof value === 'string');
  const longest = strings.sort((a, b) => b.length - a.length)[0];
  if (longest !== undefined) return needlesOfString(longest);
  const literal = properties.find(([, value]) => typeof value !== 'number');
  if (literal) return [String(literal[1])];
  return properties[0] ? needlesOfString(properties[0][0]) : [''];
}

/**
 * A string is in JSON as `JSON.stringify` writes it, or with an escape that that would not use: `\u` and four
 * digits for any character, and `\/`. Without the quote in front: to look for what begins with a rare
 * character is faster.
 */
function needlesOfString(value: string): readonly string[] {
  const written = Buffer.from(JSON.stringify(value).slice(1)).toString('latin1');
  return [written, value.includes('/') ? '\\' : '\\u'];
}
