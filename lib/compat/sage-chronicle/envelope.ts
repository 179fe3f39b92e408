/**
 * Checking the envelope of an event: what every event says of itself, besides the fields of its kind.
 */
import { describe } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { toJson } from '../../event/event-line.js';
import { isObject, type JsonObject } from '../../event/line.js';

/**
 * Throws `EVALIDATION` with the name of the field that is wrong, in the words of @sage/chronicle. What counts
 * is the event as JSON writes it.
 *
 * @returns that event
 */
export function checkEnvelope(event: unknown): JsonObject {
  const written = JSON.parse(toJson(event, 'event')) as JsonObject;
  const { type, timestamp, actor, planHash, graphCommit, prevEventId, tags } = written;
  checkText(type, 'event.type', 'Event type is required and must be a string');
  if (typeof timestamp !== 'string' || !isIsoTimestamp(timestamp)) {
    const problem = 'Event timestamp is required and must be ISO8601 string';
    throw invalid('event.timestamp', `${problem}, got ${describe(timestamp)}`);
  }
  if (!isObject(actor)) {
    throw invalid('event.actor', `Event actor is required and must be an object, got ${describe(actor)}`);
  }
  const { agent, id } = actor;
  checkText(agent, 'event.actor.agent', 'Event actor.agent is required and must be a string');
  checkText(id, 'event.actor.id', 'Event actor.id is required and must be a string');
  for (const [name, value] of Object.entries({ planHash, graphCommit, prevEventId })) {
    if (value !== undefined && typeof value !== 'string') {
      throw invalid(`event.${name}`, `expected a string, got ${describe(value)}`);
    }
  }
  if (tags !== undefined) checkTags(tags);
  return written;
}

/** Throws unless the value is a string with something in it. */
export function checkText(value: unknown, field: string, problem = 'expected a non-empty string'): void {
  if (typeof value !== 'string' || value === '') throw invalid(field, `${problem}, got ${describe(value)}`);
}

function checkTags(tags: unknown): void {
  if (!Array.isArray(tags)) throw invalid('event.tags', `expected an array, got ${describe(tags)}`);
  for (const [index, tag] of tags.entries()) {
    if (typeof tag !== 'string') {
      throw invalid(`event.tags[${index}]`, `expected a string, got ${describe(tag)}`);
    }
  }
}

const isoTimestamp =
  /^(\d{4}-\d\d-\d\d)(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$/;

function isIsoTimestamp(text: string): boolean {
  const date = isoTimestamp.exec(text)?.[1];
  if (date === undefined) return false;
  // Date takes the 30th of February for the 1st or 2nd of March.
  const time = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(date);
}
