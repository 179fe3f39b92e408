/**
 * The ids and hashes of events, and which of them are the same.
 *
 * Everything is computed from the JSON text that an append would write, as the id of an append is: no event
 * is parsed for it (lib/event/canonical-json.ts says why).
 */
import { createHash, hash } from 'node:crypto';
import { checkArray, describe, readFrom } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { textWithoutLink } from '../../event/chain-link.js';
import { canonicalOf, idOfJson } from '../../event/event-id.js';
import { toJsonWithout } from '../../event/event-line.js';
import type { JsonObject } from '../../event/line.js';
import { idKey } from './events.js';

/** What an event's id is computed from: the event as JSON writes it, without its `eventId`. */
export function canonicalizeEvent(event: object): JsonObject {
  return JSON.parse(jsonOf(event, 'event')) as JsonObject;
}

/** The lowercase hex SHA-256 of the canonical JSON (RFC 8785) of {@link canonicalizeEvent}. */
export async function computeEventId(event: object): Promise<string> {
  return idOfJson(jsonOf(event, 'event'), 'event');
}

/** {@link computeEventId} of each event, in their order. */
export async function computeEventIds(events: readonly object[]): Promise<string[]> {
  return checkArray(events, 'events').map((event, index) => {
    const field = `events[${index}]`;
    return idOfJson(jsonOf(event, field), field);
  });
}

/**
 * Whether the event carries the id that would be computed for it.
 *
 * @example
 *   if (!(await sage.verifyEventId(event))) console.error('somebody has changed it');
 */
export async function verifyEventId(event: object): Promise<boolean> {
  const { text, value: carried } = withoutId(event, 'event');
  if (typeof carried !== 'string' || carried === '') return false;
  try {
    return carried === idOfJson(text, 'event');
  } catch {
    return false; // it has no canonical JSON, and so no id
  }
}

/**
 * One hash of many events: the lowercase hex SHA-256 of the canonical JSON of their array, without their ids
 * and in the order of their timestamps. Those with the same timestamp stay as they are given. Timestamps are
 * compared by their UTF-16 code units, so that the hash is the same in every locale.
 */
export async function computeChronicleHash(events: readonly object[]): Promise<string> {
  const items = checkArray(events, 'events').map((event, index) => {
    const timestamp = readFrom(`events[${index}]`, () => (event as { timestamp?: unknown }).timestamp);
    if (typeof timestamp === 'string') return { event, timestamp, field: `events[${index}]` };
    throw invalid(`events[${index}].timestamp`, `expected a string, got ${describe(timestamp)}`);
  });
  items.sort((a, b) => compareText(a.timestamp, b.timestamp));
  const sum = createHash('sha256');
  let before = '[';
  for (const { event, field } of items) {
    sum.update(before + canonicalOf(jsonOf(event, field), field));
    before = ',';
  }
  return sum.update(items.length === 0 ? '[]' : ']').digest('hex');
}

/** Whether both would get the same id; what `eventId` they carry does not count. */
export function eventsAreIdentical(event1: object, event2: object): boolean {
  return canonicalEvent(event1, 'event1') === canonicalEvent(event2, 'event2');
}

/**
 * The events that are there more than once, by their canonical JSON without `eventId`: for each, all that are
 * identical, in their order.
 */
export function findDuplicateEvents<T extends object>(events: readonly T[]): Map<string, T[]> {
  // By its hash, so that the canonical JSON of only those is kept that are there more than once.
  const first = new Map<string, { readonly event: T; more?: { readonly canonical: string; all: T[] } }>();
  for (const [index, event] of checkArray(events, 'events').entries()) {
    const canonical = canonicalEvent(event, `events[${index}]`);
    const id = hash('sha256', canonical);
    const same = first.get(id);
    if (!same) first.set(id, { event });
    else if (same.more) same.more.all.push(event);
    else same.more = { canonical, all: [same.event, event] };
  }
  const duplicates = new Map<string, T[]>();
  for (const { more } of first.values()) if (more) duplicates.set(more.canonical, more.all);
  return duplicates;
}

/** The order of two texts by their UTF-16 code units. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function canonicalEvent(event: unknown, field: string): string {
  return canonicalOf(jsonOf(event, field), field);
}

function jsonOf(event: unknown, field: string): string {
  return withoutId(event, field).text;
}

/** The JSON of an event without what it was given when it was appended: its id, and the link of a chain. */
function withoutId(event: unknown, field: string): { text: string; value: unknown } {
  const { text, value } = toJsonWithout(event, field, idKey);
  return { text: textWithoutLink(text), value };
}
