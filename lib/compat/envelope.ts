/**
 * The envelope of an event of @sage/chronicle: what every event says of itself, besides the fields of its
 * type.
 */
import { describe } from '../base/arguments.js';
import { invalid } from '../base/errors.js';
import { toJson } from '../event/event-line.js';
import type { JsonObject } from '../event/line.js';

/** Who did what the event tells of. */
export interface Actor {
  /** What kind of actor; not empty. */
  agent: string;
  /** Which one of them; not empty. */
  id: string;
}

/**
 * What every event says of itself.
 *
 * @example
 *   const event: ChronicleEventBase = {
 *     type: 'PLAN_APPROVED',
 *     timestamp: '2026-01-31T12:00:00Z',
 *     actor: { agent: 'guardian', id: 'src/user.ts' },
 *   };
 */
export interface ChronicleEventBase {
  /** What happened; not empty. */
  type: string;
  /** ISO 8601: a calendar date, with or without the time of day. */
  timestamp: string;
  /** Who did it. */
  actor: Actor;
  /** Its id. Default: the SHA-256 of its canonical JSON. */
  eventId?: string | undefined;
  /** The hash of the plan that it belongs to. Default: none. */
  planHash?: string | undefined;
  /** The commit of the graph that it belongs to. Default: none. */
  graphCommit?: string | undefined;
  /** The id of the event before it. Default: none. */
  prevEventId?: string | undefined;
  /** Words to find it by. Default: none. */
  tags?: string[] | undefined;
}

/**
 * Throws `EVALIDATION` with the name of the field that is wrong. What counts is the event as JSON writes it.
 *
 * @returns that event
 */
export function checkEnvelope(event: unknown): JsonObject {
  const written = JSON.parse(toJson(event, 'event')) as JsonObject;
  const { type, timestamp, actor, planHash, graphCommit, prevEventId, tags } = written;
  checkText(type, 'event.type');
  if (typeof timestamp !== 'string' || !isIsoTimestamp(timestamp)) {
    throw invalid('event.timestamp', `expected an ISO 8601 timestamp, got ${describe(timestamp)}`);
  }
  if (typeof actor !== 'object' || actor === null || Array.isArray(actor)) {
    throw invalid('event.actor', `expected an object, got ${describe(actor)}`);
  }
  const { agent, id } = actor as JsonObject;
  checkText(agent, 'event.actor.agent');
  checkText(id, 'event.actor.id');
  for (const [name, value] of Object.entries({ planHash, graphCommit, prevEventId })) {
    if (value !== undefined && typeof value !== 'string') {
      throw invalid(`event.${name}`, `expected a string, got ${describe(value)}`);
    }
  }
  if (tags !== undefined) checkTags(tags);
  return written;
}

export function checkText(value: unknown, field: string): void {
  if (typeof value !== 'string' || value === '') {
    throw invalid(field, `expected a non-empty string, got ${describe(value)}`);
  }
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
