/**
 * Telling the kinds of events apart.
 *
 * The guards look at the type and at whether the fields are there, not at what is in them: events are written
 * by others too. Only an event's own properties count, as they do for JSON.
 */
import { describe } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { isObject } from '../../event/line.js';
import type {
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

/** The fields that an event of each kind must have, besides the envelope. */
const fieldsOf: { readonly [Type in EventType]: readonly (keyof EventOf<Type>)[] } = {
  PLAN_DRAFTED: ['planId', 'summary', 'steps'],
  PLAN_APPROVED: ['planId', 'reviewerId', 'justification'],
  PLAN_DENIED: ['planId', 'reviewerId', 'reason'],
  PLAN_UNSAFE: ['planId', 'forcedBy', 'overriddenWarnings'],
  HALT_AND_REPORT: ['invariant', 'expected', 'actual'],
  RECONCILIATION: ['filePath', 'diffRef', 'reconciliationStrategy'],
  ROGUE_EDIT_DETECTED: ['filePath', 'hash', 'detectedBy'],
  BUILD: ['status'],
  DEPLOY: ['environment', 'deploymentId', 'status'],
  ENVVAR_CHANGE: ['variable', 'environment', 'operation'],
  POSTMORTEM: ['incidentId', 'title', 'rootCause', 'actionItems'],
  FILE_ADDED: ['filePath', 'hash', 'size'],
  FILE_REMOVED: ['filePath', 'lastHash'],
  FILE_RENAMED: ['oldPath', 'newPath', 'hash'],
  FILE_SPLIT: ['originalPath', 'resultingPaths', 'originalHash', 'strategy'],
  FILE_MERGED: ['sourcePaths', 'resultPath', 'resultHash', 'strategy'],
};

function isOfKind(event: unknown, type: EventType): boolean {
  return isObject(event) && event.type === type && has(event, fieldsOf[type]);
}

function has(event: object, fields: readonly PropertyKey[]): boolean {
  return fields.every((field) => Object.hasOwn(event, field));
}

/** Whether this is a `PLAN_DRAFTED` with the fields that it must have. */
export function isPlanDraftedEvent(event: unknown): event is PlanDraftedEvent {
  return isOfKind(event, 'PLAN_DRAFTED');
}

/** Whether this is a `PLAN_APPROVED` with the fields that it must have. */
export function isPlanApprovedEvent(event: unknown): event is PlanApprovedEvent {
  return isOfKind(event, 'PLAN_APPROVED');
}

/** Whether this is a `PLAN_DENIED` with the fields that it must have. */
export function isPlanDeniedEvent(event: unknown): event is PlanDeniedEvent {
  return isOfKind(event, 'PLAN_DENIED');
}

/** Whether this is a `PLAN_UNSAFE` with the fields that it must have. */
export function isPlanUnsafeEvent(event: unknown): event is PlanUnsafeEvent {
  return isOfKind(event, 'PLAN_UNSAFE');
}

/** Whether this is a `HALT_AND_REPORT` with the fields that it must have. */
export function isHaltAndReportEvent(event: unknown): event is HaltAndReportEvent {
  return isOfKind(event, 'HALT_AND_REPORT');
}

/** Whether this is a `RECONCILIATION` with the fields that it must have. */
export function isReconciliationEvent(event: unknown): event is ReconciliationEvent {
  return isOfKind(event, 'RECONCILIATION');
}

/** Whether this is a `ROGUE_EDIT_DETECTED` with the fields that it must have. */
export function isRogueEditDetectedEvent(event: unknown): event is RogueEditDetectedEvent {
  return isOfKind(event, 'ROGUE_EDIT_DETECTED');
}

/** Whether this is a `BUILD` with the fields that it must have. */
export function isBuildEvent(event: unknown): event is BuildEvent {
  return isOfKind(event, 'BUILD');
}

/** Whether this is a `DEPLOY` with the fields that it must have. */
export function isDeployEvent(event: unknown): event is DeployEvent {
  return isOfKind(event, 'DEPLOY');
}

/** Whether this is a `ENVVAR_CHANGE` with the fields that it must have. */
export function isEnvvarChangeEvent(event: unknown): event is EnvvarChangeEvent {
  return isOfKind(event, 'ENVVAR_CHANGE');
}

/** Whether this is a `POSTMORTEM` with the fields that it must have. */
export function isPostmortemEvent(event: unknown): event is PostmortemEvent {
  return isOfKind(event, 'POSTMORTEM');
}

/** Whether this is a `FILE_ADDED` with the fields that it must have. */
export function isFileAddedEvent(event: unknown): event is FileAddedEvent {
  return isOfKind(event, 'FILE_ADDED');
}

/** Whether this is a `FILE_REMOVED` with the fields that it must have. */
export function isFileRemovedEvent(event: unknown): event is FileRemovedEvent {
  return isOfKind(event, 'FILE_REMOVED');
}

/** Whether this is a `FILE_RENAMED` with the fields that it must have. */
export function isFileRenamedEvent(event: unknown): event is FileRenamedEvent {
  return isOfKind(event, 'FILE_RENAMED');
}

/** Whether this is a `FILE_SPLIT` with the fields that it must have. */
export function isFileSplitEvent(event: unknown): event is FileSplitEvent {
  return isOfKind(event, 'FILE_SPLIT');
}

/** Whether this is a `FILE_MERGED` with the fields that it must have. */
export function isFileMergedEvent(event: unknown): event is FileMergedEvent {
  return isOfKind(event, 'FILE_MERGED');
}

/** The event's type. */
export function getEventType<T extends ChronicleEventBase>(event: T): T['type'] {
  return checkObject(event).type;
}

/** The events of one type, in their order. What fields they have is not looked at. */
export function filterEventsByType<Type extends EventType>(
  events: readonly ChronicleEvent[],
  type: Type,
): EventOf<Type>[] {
  checkArray(events, 'events');
  if (typeof type !== 'string') throw invalid('type', `expected a string, got ${describe(type)}`);
  return events.filter((event) => isObject(event) && event.type === type) as EventOf<Type>[];
}

/** Whether the event has all of these fields, whatever is in them. */
export function hasEventFields<T extends ChronicleEventBase>(
  event: ChronicleEventBase,
  fields: readonly (keyof T)[],
): event is T {
  return has(checkObject(event), checkArray(fields, 'fields'));
}

function checkObject<T>(event: T): T & object {
  if (!isObject(event)) throw invalid('event', `expected an object, got ${describe(event)}`);
  return event;
}

function checkArray<T>(value: readonly T[], field: string): readonly T[] {
  if (!Array.isArray(value)) throw invalid(field, `expected an array, got ${describe(value)}`);
  return value;
}
