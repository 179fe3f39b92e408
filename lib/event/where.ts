/**
 * Selecting events by their properties.
 */
import { describe } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import type { JsonObject } from './line.js';

/** Events whose own properties, not deeper ones, have these values. */
export type Where = Readonly<Record<string, string | number | boolean | null>>;

export interface Selection {
  matches(event: JsonObject): boolean;
  /** Sequences of bytes, in Latin-1. A line that holds none of them holds no such event, however its JSON is written. */
  readonly needles: readonly string[];
}

export function checkWhere(where: Where): Selection {
  if (typeof where !== 'object' || where === null || Array.isArray(where)) {
    throw invalid('where', `expected an object of properties, got ${describe(where)}`);
  }
  const properties = Object.entries(where);
  for (const [key, value] of properties) {
    const fits = ['string', 'boolean'].includes(typeof value) || value === null || Number.isFinite(value);
    if (!fits) {
      throw invalid(`where.${key}`, `expected a string, a number, a boolean or null, got ${describe(value)}`);
    }
  }
  return {
    matches: (event) => properties.every(([key, value]) => Object.hasOwn(event, key) && event[key] === value),
    needles: needlesOf(properties),
  };
}

/** Those of the longest string; a number can be written in too many ways, so that then its property's name has to do. */
function needlesOf(properties: readonly [string, unknown][]): readonly string[] {
  const strings = properties.map(([, value]) => value).filter((value) => typeof value === 'string');
  const longest = strings.sort((a, b) => b.length - a.length)[0];
  if (longest !== undefined) return needlesOfString(longest);
  const literal = properties.find(([, value]) => typeof value !== 'number');
  if (literal) return [String(literal[1])];
  return properties[0] ? needlesOfString(properties[0][0]) : [''];
}

/**
 * A string stands in JSON as `JSON.stringify` writes it, or with an escape that that would not use: `\u` and four digits
 * for any character, and `\/`. Without the quote in front: to look for what begins with a rare character is faster.
 */
function needlesOfString(value: string): readonly string[] {
  const written = Buffer.from(JSON.stringify(value).slice(1)).toString('latin1');
  return [written, value.includes('/') ? '\\' : '\\u'];
}
