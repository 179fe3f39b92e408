/**
 * Selecting events by their properties.
 */
import { describe, isArray, ownCopy } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import type { JsonObject } from './line.js';

/**
 * Events whose own properties, not deeper ones, have these values.
 *
 * @example
 *   chronicle.read({ where: { type: 'order', paid: true } });
 */
export type Where = Readonly<Record<string, string | number | boolean | null>>;

/** A copy, which its caller cannot change any more. */
export function checkWhere(where: Where | undefined): Where | undefined {
  if (where === undefined) return undefined;
  if (typeof where !== 'object' || where === null || isArray(where)) {
    throw invalid('where', `expected an object of properties, got ${describe(where)}`);
  }
  const properties = Object.entries(ownCopy(where, 'where')) as [string, Where[string]][];
  for (const [key, value] of properties) {
    const fits = ['string', 'boolean'].includes(typeof value) || value === null || Number.isFinite(value);
    if (!fits) {
      throw invalid(`where.${key}`, `expected a string, a number, a boolean or null, got ${describe(value)}`);
    }
  }
  return Object.fromEntries(properties);
}

/** Tells whether an event has these properties. */
export function matcherOf(where: Where): (event: JsonObject) => boolean {
  const properties = Object.entries(where);
  return (event) => properties.every(([key, value]) => Object.hasOwn(event, key) && event[key] === value);
}
