/**
 * Event ids: carried by the event, or computed from its JSON.
 */
import { hash } from 'node:crypto';
import { firstLine, invalid } from '../base/errors.js';
import { native } from '../native/addon.js';
import { canonicalJson } from './canonical-json.js';
import { withoutLink } from './chain-link.js';
import { halvesEscaped, hasHalfPairs } from './characters.js';
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

/** The computed id that an event of a file should have; undefined if its JSON is not that of any id. */
export function computedId(event: JsonObject, idKey: string): string | undefined {
  const { [idKey]: _, ...rest } = withoutLink(event);
  try {
    const json = JSON.stringify(rest);
    return idOfPlain(json) ?? hash('sha256', canonicalJson(json));
  } catch {
    return undefined;
  }
}

/**
 * The id to compute for an event, as {@link idOfJson} says, if its JSON is plain. Then it also holds neither half
 * surrogate pairs nor characters that a line must not have. See native/event/plain_json.h.
 */
export function idOfPlain(json: string): string | undefined {
  return native.idOfPlainJson(json);
}

/** In front of the id of an event that holds half a surrogate pair. */
const halfPairPrefix = 'utf16-';

/**
 * The lowercase hex SHA-256 of the canonical form of an event's JSON. If that holds half a surrogate pair, in place of
 * which its line has U+FFFD, a prefix says that the id is not that of the line.
 */
export function idOfJson(text: string, field: string): string {
  return idOfPlain(text) ?? idOfOddJson(text, field, hasHalfPairs(text));
}

/**
 * As {@link idOfJson}, for JSON that is not plain.
 *
 * @param hasHalves whether it holds half a surrogate pair
 */
export function idOfOddJson(text: string, field: string, hasHalves: boolean): string {
  const id = hash('sha256', canonicalOf(text, field, hasHalves));
  return hasHalves ? halfPairPrefix + id : id;
}

/**
 * The canonical form of an event's JSON. RFC 8785 has none for half a surrogate pair; so that such events are told
 * apart, it stays as an escape.
 */
export function canonicalOf(text: string, field: string, hasHalves: boolean = hasHalfPairs(text)): string {
  try {
    return hasHalves ? canonicalJson(halvesEscaped(text), true) : canonicalJson(text);
  } catch (error) {
    throw invalid(field, `has no canonical JSON: ${firstLine(error)}`, error);
  }
}
