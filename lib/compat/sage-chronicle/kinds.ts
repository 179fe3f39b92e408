/**
 * Telling the kinds of events apart.
 *
 * The guards look at every field that an event of the kind must have: whether it is there, and holds what its type says,
 * since events are written by others too. Only an event's own properties count, as they do for JSON.
 */
import { checkArray, describe, readFrom } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { isObject } from '../../event/line.js';
import type {
  ActionItem,
  Actor,
  BuildEvent,
  ChronicleEvent,
  ChronicleEventBase,
  DeployEvent,
  EnvvarChangeEvent,
  FileAddedEvent,
  FileMergedEvent,
  FileRemovedEvent,
  FileRenamedEvent,
  FileSplitEvent,
  HaltAndReportEvent,
  PlanApprovedEvent,
  PlanDeniedEvent,
  PlanDraftedEvent,
  PlanUnsafeEvent,
  PostmortemEvent,
  ReconciliationEvent,
  RogueEditDetectedEvent,
} from './events.js';

/** The types that events of @sage/chronicle have. */
export type EventType = ChronicleEvent['type'];

/** The event of a type. */
export type EventOf<Type extends EventType> = Extract<
  ChronicleEvent,
  {
    /** Its type. */
    type: Type;
  }
>;

type Check = (value: unknown) => boolean;

const any: Check = () => true;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const list: Check = Array.isArray;
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const object =
  (fields: Fields<object>): Check =>
  (value) =>
    isObject(value) && holds(value, fields);
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value as string);

/** The fields that may not be missing. */
type RequiredKey<T> = {
  [Key in keyof T]-?: undefined extends T[Key] ? (unknown extends T[Key] ? Key : never) : Key;
}[keyof T];

/** A check of each; the compiler tells where one is missing. */
type Fields<T> = { readonly [Key in RequiredKey<T>]: Check };

const envelope: Omit<Fields<ChronicleEventBase>, 'type'> = {
  timestamp: text,
  actor: object({ agent: text, id: text } satisfies Fields<Actor>),
};

/** What an event of each kind must have, besides the envelope. */
const fieldsOf: { readonly [Type in EventType]: Fields<Omit<EventOf<Type>, keyof ChronicleEventBase>> } = {
  PLAN_DRAFTED: { planId: text, summary: text, steps: list },
  PLAN_APPROVED: { planId: text, reviewerId: text, justification: text },
  PLAN_DENIED: { planId: text, reviewerId: text, reason: text },
  PLAN_UNSAFE: { planId: text, forcedBy: text, overriddenWarnings: listOf(text) },
  HALT_AND_REPORT: { invariant: text, expected: any, actual: any },
  RECONCILIATION: { filePath: text, diffRef: text, reconciliationStrategy: text },
  ROGUE_EDIT_DETECTED: { filePath: text, hash: text, detectedBy: text },
  BUILD: { status: oneOf('started', 'success', 'failed') },
  DEPLOY: {
    environment: text,
    deploymentId: text,
    status: oneOf('started', 'success', 'failed', 'rolled_back'),
  },
  ENVVAR_CHANGE: { variable: text, environment: text, operation: oneOf('set', 'unset', 'changed') },
  POSTMORTEM: {
    incidentId: text,
    title: text,
    rootCause: text,
    actionItems: listOf(object({ description: text } satisfies Fields<ActionItem>)),
  },
  FILE_ADDED: { filePath: text, hash: text, size: number },
  FILE_REMOVED: { filePath: text, lastHash: text },
  FILE_RENAMED: { oldPath: text, newPath: text, hash: text },
  FILE_SPLIT: { originalPath: text, resultingPaths: listOf(text), originalHash: text, strategy: text },
  FILE_MERGED: { sourcePaths: listOf(text), resultPath: text, resultHash: text, strategy: text },
};

function isOfKind(event: unknown, type: EventType): boolean {
  try {
    return isObject(event) && event.type === type && holds(event, envelope) && holds(event, fieldsOf[type]);
  } catch {
    return false; // what cannot be read, as a proxy that was revoked
  }
}

function holds(event: object, fields: Fields<object>): boolean {
  return Object.entries<Check>(fields).every(
    ([field, check]) => Object.hasOwn(event, field) && check((event as Record<string, unknown>)[field]),
  );
}

function has(event: object, fields: readonly PropertyKey[]): boolean {
  return fields.every((field) => Object.hasOwn(event, field));
}

/** Whether this is a `PLAN_DRAFTED` with the fields that it must have, and what they must hold. */
export function isPlanDraftedEvent(event: unknown): event is PlanDraftedEvent {
  return isOfKind(event, 'PLAN_DRAFTED');
}

/** Whether this is a `PLAN_APPROVED` with the fields that it must have, and what they must hold. */
export function isPlanApprovedEvent(event: unknown): event is PlanApprovedEvent {
  return isOfKind(event, 'PLAN_APPROVED');
}

/** Whether this is a `PLAN_DENIED` with the fields that it must have, and what they must hold. */
export function isPlanDeniedEvent(event: unknown): event is PlanDeniedEvent {
  return isOfKind(event, 'PLAN_DENIED');
}

/** Whether this is a `PLAN_UNSAFE` with the fields that it must have, and what they must hold. */
export function isPlanUnsafeEvent(event: unknown): event is PlanUnsafeEvent {
  return isOfKind(event, 'PLAN_UNSAFE');
}

/** Whether this is a `HALT_AND_REPORT` with the fields that it must have, and what they must hold. */
export function isHaltAndReportEvent(event: unknown): event is HaltAndReportEvent {
  return isOfKind(event, 'HALT_AND_REPORT');
}

/** Whether this is a `RECONCILIATION` with the fields that it must have, and what they must hold. */
export function isReconciliationEvent(event: unknown): event is ReconciliationEvent {
  return isOfKind(event, 'RECONCILIATION');
}

/** Whether this is a `ROGUE_EDIT_DETECTED` with the fields that it must have, and what they must hold. */
export function isRogueEditDetectedEvent(event: unknown): event is RogueEditDetectedEvent {
  return isOfKind(event, 'ROGUE_EDIT_DETECTED');
}

/** Whether this is a `BUILD` with the fields that it must have, and what they must hold. */
export function isBuildEvent(event: unknown): event is BuildEvent {
  return isOfKind(event, 'BUILD');
}

/** Whether this is a `DEPLOY` with the fields that it must have, and what they must hold. */
export function isDeployEvent(event: unknown): event is DeployEvent {
  return isOfKind(event, 'DEPLOY');
}

/** Whether this is a `ENVVAR_CHANGE` with the fields that it must have, and what they must hold. */
export function isEnvvarChangeEvent(event: unknown): event is EnvvarChangeEvent {
  return isOfKind(event, 'ENVVAR_CHANGE');
}

/** Whether this is a `POSTMORTEM` with the fields that it must have, and what they must hold. */
export function isPostmortemEvent(event: unknown): event is PostmortemEvent {
  return isOfKind(event, 'POSTMORTEM');
}

/** Whether this is a `FILE_ADDED` with the fields that it must have, and what they must hold. */
export function isFileAddedEvent(event: unknown): event is FileAddedEvent {
  return isOfKind(event, 'FILE_ADDED');
}

/** Whether this is a `FILE_REMOVED` with the fields that it must have, and what they must hold. */
export function isFileRemovedEvent(event: unknown): event is FileRemovedEvent {
  return isOfKind(event, 'FILE_REMOVED');
}

/** Whether this is a `FILE_RENAMED` with the fields that it must have, and what they must hold. */
export function isFileRenamedEvent(event: unknown): event is FileRenamedEvent {
  return isOfKind(event, 'FILE_RENAMED');
}

/** Whether this is a `FILE_SPLIT` with the fields that it must have, and what they must hold. */
export function isFileSplitEvent(event: unknown): event is FileSplitEvent {
  return isOfKind(event, 'FILE_SPLIT');
}

/** Whether this is a `FILE_MERGED` with the fields that it must have, and what they must hold. */
export function isFileMergedEvent(event: unknown): event is FileMergedEvent {
  return isOfKind(event, 'FILE_MERGED');
}

/** The event's type. */
export function getEventType<T extends ChronicleEventBase>(event: T): T['type'] {
  return readFrom('event', () => checkObject(event).type);
}

/** The events of one type, in their order. What fields they have is not looked at. */
export function filterEventsByType<Type extends EventType>(
  events: readonly ChronicleEvent[],
  type: Type,
): EventOf<Type>[] {
  const all = checkArray(events, 'events');
  if (typeof type !== 'string') throw invalid('type', `expected a string, got ${describe(type)}`);
  return all.filter((event, index) =>
    readFrom(`events[${index}]`, () => isObject(event) && event.type === type),
  ) as EventOf<Type>[];
}

/** Whether the event has all of these fields, whatever is in them. */
export function hasEventFields<T extends ChronicleEventBase>(
  event: ChronicleEventBase,
  fields: readonly (keyof T)[],
): event is T {
  const names = checkArray(fields, 'fields');
  return readFrom('event', () => has(checkObject(event), names));
}

function checkObject<T>(event: T): T & object {
  if (!isObject(event)) throw invalid('event', `expected an object, got ${describe(event)}`);
  return event;
}
