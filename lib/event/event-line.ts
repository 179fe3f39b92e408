/**
 * The line that an event becomes, given as an object or as text that is JSON already.
 */
import { describe } from '../base/arguments.js';
import { firstLine, HoldfastError, invalid } from '../base/errors.js';
import { linkIn, linkKey, withRoomForLink } from './chain-link.js';
import { hasHalfPairs, lineEndsEscaped, withoutHalfPairs } from './characters.js';
import { idOf, idOfJson, idOfOddJson, idOfPlain } from './event-id.js';
import { hasExactNumbers } from './exact-numbers.js';
import { isObject, type JsonObject } from './line.js';
import { type Schema, validate } from './schema.js';
import { assertMayBeEvent, assertToldApart } from './told-apart.js';

/** An event as it will be written, without its newline. */
export interface EventLine {
  readonly text: string;
  readonly id: string | undefined;
  /**
   * If the schema's validator does not answer at once: rejects with `EVALIDATION` when it refuses the event.
   */
  readonly validation?: Promise<void>;
}

export interface LineSettings {
  /** The property that holds an event's id. */
  readonly idKey: string;
  /** Give an id to events that carry none. */
  readonly computeId: boolean;
  /** An event with a known id is not written: so what JSON cannot tell apart must not get one id. */
  readonly dedupes: boolean;
  /** The longest line that is written, in bytes. */
  readonly maxEventBytes: number;
  readonly schema: Schema | undefined;
  /** The line gets room for a link. */
  readonly chain: boolean;
}

/**
 * Turns an event into its line. The id that it carries is kept; if it carries none and `computeId` is set, it
 * gets the lowercase hex SHA-256 of its canonical JSON (RFC 8785), as the last property.
 *
 * What counts is the event as JSON writes it: after `toJSON`, without undefined properties.
 *
 * @throws `EVALIDATION` for one that cannot be written
 */
export function lineOfEvent(event: unknown, field: string, settings: LineSettings): EventLine {
  const { idKey, computeId } = settings;
  const json = toJson(event, field);
  // Nearly always it needs no other look.
  const plainId = computeId && !json.includes(nameInText(idKey)) ? idOfPlain(json) : undefined;
  const hasHalves = plainId === undefined && hasHalfPairs(json);
  const text = plainId === undefined ? writable(json, field, hasHalves) : json;
  // Only then can it carry one; the name may also be deeper in the event, or in a string.
  if (plainId === undefined && text.includes(nameInText(idKey))) {
    const id = carriedId(JSON.parse(json) as JsonObject, field, idKey);
    if (id !== undefined) return checkedLine(text, id, field, settings);
  }
  if (!computeId) return checkedLine(text, undefined, field, settings);
  if (settings.dedupes) assertDistinct(event as object, json, field);
  const id = plainId ?? idOfOddJson(json, field, hasHalves);
  return checkedLine(withId(text, text === '{}', idKey, id), id, field, settings);
}

/**
 * Refuses an event of which JSON loses what tells it apart, if its id is to be computed.
 *
 * @param text its JSON
 */
export function assertDistinct(event: object, text: string, field: string): void {
  try {
    assertToldApart(event, text, field);
  } catch (error) {
    throw error instanceof HoldfastError ? error : unwritable(error, field);
  }
}

/**
 * As {@link lineOfEvent}, for an event that is JSON already. Its text is kept, so that numbers have all their
 * digits; only white space around it and line breaks between its tokens are taken out. A name that it has
 * twice means what it means to `JSON.parse`: the last one counts.
 *
 * An id that has to be computed is that of the same event as an object. So a number of which an object would
 * lose digits is refused then, unless nothing is deduplicated: two events that differ in them would get one id.
 */
export function lineOfText(given: unknown, field: string, settings: LineSettings): EventLine {
  const { idKey, computeId } = settings;
  if (typeof given !== 'string') throw invalid(field, `expected a string of JSON, got ${describe(given)}`);
  const event = parse(given, field);
  // In a string a line break would be no JSON, so all of them are between tokens.
  const json = given.trim().replace(/[\r\n]+/g, '');
  const hasHalves = hasHalfPairs(json);
  const text = writable(json, field, hasHalves);
  const id = carriedId(event, field, idKey);
  if (id !== undefined || !computeId) return checkedLine(text, id, field, settings);
  if (settings.dedupes && !hasExactNumbers(json))
    throw invalid(field, 'holds a number with more digits than its id could tell apart');
  const computed = idOfJson(withoutSpace(json), field);
  const isEmpty = Object.keys(event).length === 0;
  return checkedLine(withId(text, isEmpty, idKey, computed), computed, field, settings);
}

function parse(json: string, field: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    // Not with the message of V8, which quotes the event.
    throw invalid(field, 'is not JSON', error);
  }
  if (!isObject(value))
    throw invalid(field, `expected the JSON of an object, got that of ${describe(value)}`);
  return value;
}

/** The same JSON without white space between its tokens. */
function withoutSpace(json: string): string {
  return /\s/.test(json) ? json.replace(/("[^"\\]*(?:\\.[^"\\]*)*")|[ \t]+/g, '$1') : json;
}

/** In JSON.stringify: what is written in place of a property's value. */
type Replacer = (this: unknown, key: string, value: unknown) => unknown;

/** The JSON of an event, as it will be written. */
export function toJson(event: unknown, field: string, replacer?: Replacer): string {
  if (typeof event !== 'object' || event === null) {
    throw invalid(field, `expected an object, got ${describe(event)}`);
  }
  let text: string | undefined;
  try {
    if (Array.isArray(event)) throw invalid(field, 'expected an object, got an array');
    text = JSON.stringify(event, replacer);
    assertMayBeEvent(event, text, field);
  } catch (error) {
    throw error instanceof HoldfastError ? error : unwritable(error, field);
  }
  if (text?.[0] !== '{') throw invalid(field, 'its JSON is no object');
  return text;
}

function unwritable(error: unknown, field: string): HoldfastError {
  return invalid(field, `cannot be written as JSON: ${firstLine(error)}`, error);
}

/**
 * The JSON of an event without its own property `name`, and the value of that. Nothing is parsed for it (see
 * canonical-json.ts), and every getter and `toJSON` is called once.
 */
export function toJsonWithout(
  event: unknown,
  field: string,
  name: string,
): { readonly text: string; readonly value: unknown } {
  let root: { readonly written: unknown } | undefined;
  let taken: unknown;
  const text = toJson(event, field, function (key, value) {
    root ??= { written: value };
    if (key !== name || this !== root.written) return value;
    taken = value;
    return undefined;
  });
  return { text, value: taken };
}

function carriedId(event: JsonObject, field: string, idKey: string): string | undefined {
  const id = idOf(event, idKey);
  if (id === undefined && Object.hasOwn(event, idKey)) {
    throw invalid(`${field}.${idKey}`, `expected a non-empty string, got ${describe(event[idKey])}`);
  }
  // As U+FFFD it would be another id.
  if (id?.isWellFormed() === false) throw invalid(`${field}.${idKey}`, 'holds half a surrogate pair');
  return id;
}

/** The JSON of an object, with its id as the last property. */
function withId(text: string, isEmpty: boolean, idKey: string, id: string): string {
  return `${text.slice(0, -1)}${isEmpty ? '"' : ',"'}${nameInText(idKey)}"${id}"}`;
}

function checkedLine(json: string, id: string | undefined, field: string, settings: LineSettings): EventLine {
  const { maxEventBytes, schema, chain } = settings;
  if (chain ? hasLinkKey(json) : linkIn(json) !== undefined) {
    throw invalid(`${field}.${linkKey}`, 'is the name of the link that a chained chronicle gives an event');
  }
  const text = chain ? withRoomForLink(json) : json;
  // Three bytes of UTF-8 are the most that one UTF-16 code unit can take.
  if (text.length * 3 > maxEventBytes && Buffer.byteLength(text) > maxEventBytes) {
    throw invalid(field, `is longer than maxLineBytes (${maxEventBytes})`);
  }
  const validation = schema && validate(json, field, schema);
  return validation ? { text, id, validation } : { text, id };
}

/**
 * An event's JSON as it is written.
 *
 * @param hasHalves whether it holds half a surrogate pair, for those who know
 */
export function writable(json: string, field: string, hasHalves: boolean = hasHalfPairs(json)): string {
  return lineEndsEscaped(hasHalves ? inUnicode(json, field) : json);
}

/** Half surrogate pairs are written as U+FFFD, which every reader takes; their escapes many refuse. */
function inUnicode(json: string, field: string): string {
  const text = withoutHalfPairs(json);
  const anew = (written: string) => JSON.stringify(JSON.parse(written));
  if (anew(text) !== withoutHalfPairs(anew(json))) {
    throw invalid(field, 'has two properties whose names differ only in halves of surrogate pairs');
  }
  return text;
}

function hasLinkKey(json: string): boolean {
  // The name may be written with escapes.
  return (
    (json.includes(linkKey) || json.includes('\\u')) && Object.hasOwn(JSON.parse(json) as JsonObject, linkKey)
  );
}

/** The last that was asked for; it is nearly always the same. */
let lastIdKey = 'eventId';
let lastIdName = 'eventId":';

/**
 * A property's name as it is written, with its colon, but without its first quote: a search for that would stop at
 * every string. Text of others may write it with other escapes, or with spaces.
 */
function nameInText(idKey: string): string {
  if (idKey !== lastIdKey) {
    lastIdName = `${lineEndsEscaped(JSON.stringify(idKey)).slice(1)}:`;
    lastIdKey = idKey;
  }
  return lastIdName;
}
