/**
 * Event ids, and the line that an event becomes.
 */
import { hash } from 'node:crypto';
import { types } from 'node:util';
import { describe } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import { canonicalJson } from './canonical-json.js';
import type { JsonObject } from './line.js';

/** An event as it will stand in the file, without its newline. */
export interface EventLine {
  readonly text: string;
  readonly id: string | undefined;
  /** Where the schema's validator does not answer at once: rejects with `EVALIDATION` when it refuses the event. */
  readonly validation?: Promise<void>;
}

/**
 * Turns an event into its line. The id that it carries is kept; where it carries none and `computeId` is set, it gets
 * the lowercase hex SHA-256 of its canonical JSON (RFC 8785), as the last property.
 *
 * What counts is the event as JSON writes it: after `toJSON`, without undefined properties.
 */
export function toEventLine(event: unknown, field: string, idKey: string, computeId: boolean): EventLine {
  const text = toJson(event, field);
  // Only then can it carry one; the name may also stand deeper in the event, or in a string.
  const idName = nameInText(idKey);
  if (text.includes(idName)) {
    const written = JSON.parse(text) as JsonObject;
    const carried = idOf(written, idKey);
    if (carried !== undefined) return { text, id: carried };
    if (Object.hasOwn(written, idKey)) {
      throw invalid(`${field}.${idKey}`, `expected a non-empty string, got ${describe(written[idKey])}`);
    }
  }
  if (!computeId) return { text, id: undefined };
  const id = idOfJson(text, field);
  const rest = text === '{}' ? '{' : `${text.slice(0, -1)},`;
  return { text: `${rest}${idName}"${id}"}`, id };
}

/** The JSON of an event, as it will stand in the file. */
export function toJson(event: unknown, field: string): string {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw invalid(field, `expected an object, got ${describe(event)}`);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(event);
  } catch (error) {
    throw invalid(field, `cannot be written as JSON: ${firstLine(error)}`, error);
  }
  if (!text?.startsWith('{')) throw invalid(field, 'its JSON is no object');
  // Only JSON.rawJSON can do that; written as UTF-8 it would become another text.
  if (!text.isWellFormed()) throw invalid(field, 'its JSON holds a lone surrogate');
  return text;
}

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

/** The id that an event of a file would have been given; undefined where it has no canonical JSON. */
export function computedId(event: JsonObject, idKey: string): string | undefined {
  const { [idKey]: _, ...rest } = event;
  try {
    return idOfJson(JSON.stringify(rest), 'event');
  } catch {
    return undefined;
  }
}

/** The last that was asked for; it is nearly always the same. */
let lastIdKey = 'eventId';
let lastIdName = '"eventId":';

/** A property's name as JSON has it, with its colon. */
function nameInText(idKey: string): string {
  if (idKey !== lastIdKey) {
    lastIdName = `${JSON.stringify(idKey)}:`;
    lastIdKey = idKey;
  }
  return lastIdName;
}

/** The lowercase hex SHA-256 of the canonical form of an event's JSON. */
export function idOfJson(text: string, field: string): string {
  let canonical: string;
  try {
    canonical = canonicalJson(text);
  } catch (error) {
    throw invalid(field, `has no canonical JSON: ${firstLine(error)}`, error);
  }
  return hash('sha256', canonical);
}

function firstLine(error: unknown): string {
  return String(types.isNativeError(error) ? error.message : error).split('\n', 1)[0] ?? '';
}
