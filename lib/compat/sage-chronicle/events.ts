/**
 * The events of @sage/chronicle: the envelope, which every event has, and the fields of the sixteen kinds.
 */

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
  /** The id of the event before it, or of the one that it corrects. Default: none. */
  prevEventId?: string | undefined;
  /** Words to find it by. Default: none. */
  tags?: string[] | undefined;
}

/** A plan was drafted. */
export interface PlanDraftedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'PLAN_DRAFTED';
  /** Which plan. */
  planId: string;
  /** What it is about. */
  summary: string;
  /** What is to be done, in order. */
  steps: unknown[];
}

/** A plan was approved. */
export interface PlanApprovedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'PLAN_APPROVED';
  /** Which plan. */
  planId: string;
  /** Who approved it. */
  reviewerId: string;
  /** Why. */
  justification: string;
}

/** A plan was denied. */
export interface PlanDeniedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'PLAN_DENIED';
  /** Which plan. */
  planId: string;
  /** Who denied it. */
  reviewerId: string;
  /** Why. */
  reason: string;
}

/** A plan was carried out although it was not safe. */
export interface PlanUnsafeEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'PLAN_UNSAFE';
  /** Which plan. */
  planId: string;
  /** Who wanted that. */
  forcedBy: string;
  /** The warnings that were passed over. */
  overriddenWarnings: string[];
}

/** Work was halted, because something that must always hold did not. */
export interface HaltAndReportEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'HALT_AND_REPORT';
  /** What must always hold. */
  invariant: string;
  /** What should have been. */
  expected: unknown;
  /** What was. */
  actual: unknown;
  /** What else is known. Default: nothing. */
  context?: Record<string, unknown> | undefined;
}

/** A file was reconciled with what it should be. */
export interface ReconciliationEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'RECONCILIATION';
  /** Which file. */
  filePath: string;
  /** Where the difference is. */
  diffRef: string;
  /** How it was done. */
  reconciliationStrategy: string;
}

/** A file was edited by somebody who should not have. */
export interface RogueEditDetectedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'ROGUE_EDIT_DETECTED';
  /** Which file. */
  filePath: string;
  /** Of its content. */
  hash: string;
  /** Who saw it. */
  detectedBy: string;
}

/** A build began, or ended. */
export interface BuildEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'BUILD';
  /** How far it came. */
  status: 'started' | 'success' | 'failed';
  /** Which build. Default: none. */
  buildId?: string | undefined;
  /** How long it took. Default: unknown. */
  duration?: number | undefined;
  /** What it made. Default: nothing. */
  artifacts?: string[] | undefined;
  /** What went wrong. Default: nothing. */
  errors?: string[] | undefined;
}

/** A deployment began, or ended. */
export interface DeployEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'DEPLOY';
  /** Where to. */
  environment: string;
  /** Which deployment. */
  deploymentId: string;
  /** How far it came. */
  status: 'started' | 'success' | 'failed' | 'rolled_back';
  /** Of which build. Default: none. */
  buildRef?: string | undefined;
}

/** An environment variable was changed. */
export interface EnvvarChangeEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'ENVVAR_CHANGE';
  /** Its name. */
  variable: string;
  /** Where. */
  environment: string;
  /** What was done to it. */
  operation: 'set' | 'unset' | 'changed';
  /** Of its value before. Default: none. */
  previousHash?: string | undefined;
  /** Of its value now. Default: none. */
  newHash?: string | undefined;
}

/** Something to be done after an incident. */
export interface ActionItem {
  /** What. */
  description: string;
  /** By whom. Default: nobody in particular. */
  assignee?: string | undefined;
  /** Until when, in ISO 8601. Default: never. */
  dueDate?: string | undefined;
}

/** What was learned from an incident. */
export interface PostmortemEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'POSTMORTEM';
  /** Which incident. */
  incidentId: string;
  /** In a few words. */
  title: string;
  /** Why it happened. */
  rootCause: string;
  /** What is to be done. */
  actionItems: ActionItem[];
}

/** A file was added. */
export interface FileAddedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'FILE_ADDED';
  /** Which file. */
  filePath: string;
  /** Of its content. */
  hash: string;
  /** In bytes. */
  size: number;
  /** Of its text. Default: unknown. */
  encoding?: string | undefined;
}

/** A file was removed. */
export interface FileRemovedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'FILE_REMOVED';
  /** Which file. */
  filePath: string;
  /** Of its content before. */
  lastHash: string;
  /** Why. Default: unknown. */
  reason?: string | undefined;
}

/** A file was renamed. */
export interface FileRenamedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'FILE_RENAMED';
  /** Where it was. */
  oldPath: string;
  /** Where it is. */
  newPath: string;
  /** Of its content. */
  hash: string;
}

/** A file was split into several. */
export interface FileSplitEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'FILE_SPLIT';
  /** Which file. */
  originalPath: string;
  /** What it was split into. */
  resultingPaths: string[];
  /** Of its content before. */
  originalHash: string;
  /** How it was done. */
  strategy: string;
}

/** Several files were merged into one. */
export interface FileMergedEvent extends ChronicleEventBase {
  /** The kind. */
  type: 'FILE_MERGED';
  /** Which files. */
  sourcePaths: string[];
  /** Into which file. */
  resultPath: string;
  /** Of its content. */
  resultHash: string;
  /** How it was done. */
  strategy: string;
}

/** An event of one of the sixteen kinds, told apart by its `type`. */
export type ChronicleEvent =
  | PlanDraftedEvent
  | PlanApprovedEvent
  | PlanDeniedEvent
  | PlanUnsafeEvent
  | HaltAndReportEvent
  | ReconciliationEvent
  | RogueEditDetectedEvent
  | BuildEvent
  | DeployEvent
  | EnvvarChangeEvent
  | PostmortemEvent
  | FileAddedEvent
  | FileRemovedEvent
  | FileRenamedEvent
  | FileSplitEvent
  | FileMergedEvent;

/** The property that holds an event's id. */
export const idKey = 'eventId';

/** The property that holds the id of the event before. */
export const previousKey = 'prevEventId';
