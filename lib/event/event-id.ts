/**
 * Event ids: carried by the event, or computed from its JSON.
 */
import { hash } from 'node:crypto';
import { types } from 'node:util';
import { invalid } from '../base/errors.js';
import { canonicalJson } from './canonical-json.js';
import { withoutLink } from './chain-link.js';
import type { JsonObject } from './line.js';

/** The id that an event carries. */
export function idOf(event: JsonObject, idKey: string): string | undefined {
  const id = Object.hasOwn(event, idKey) ? event[idKey] : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

const sha256 = /^[0-9a-f]{64}$/;

/** Whether an id has the form of a computed one. */
export function looksComputed(id: string): boolean {
  return id.length === 64 && sha256.test(id);
}

/** The id that an event of a file would have been given; undefined if it has no canonical JSON. */
export function computedId(event: JsonObject, idKey: string): string | undefined {
  const { [idKey]: _, ...rest } = withoutLink(event);
  try {
    return idOfJson(JSON.stringify(rest), 'event');
  } catch {
    return undefined;
  }
}

/** The lowercase hex SHA-256 of the canonical form of an event's JSON. */
export function idOfJson(text: string, field: string): string {
  return hash('sha256', canonicalOf(text, field));
}

/** The canonical form of an event's JSON. */
export function canonicalOf(text: string, field: string): string {
  try {
    return canonicalJson(text);
  } catch (error) {
    throw invalid(field, `has no canonical JSON: ${firstLine(error)}`, error);
  }
}

/** Of the message of an error, of any realm. */
export function firstLine(error: unknown): string {
  return String(types.isNativeError(error) ? error.message : error).split('\n', 1)[0] ?? '';
}
