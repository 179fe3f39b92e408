/**
 * `holdfast/sage-chronicle`: the functions of @sage/chronicle, on top of holdfast's chronicle.
 * docs/from-sage-chronicle.md says what differs from the original, and why.
 */

export {
  type ActorAnalysis,
  analyzeChronicle,
  type ChronicleAnalysis,
} from './sage-chronicle/analysis.js';
export {
  type AppendOptions,
  appendEvent,
  appendEventWithId,
  atomicAppendEvent,
  serializeEvent,
} from './sage-chronicle/append.js';
export {
  buildCausalChain,
  type ChainLink,
  type ChainValidationResult,
  getChainTail,
  getCompleteChain,
  validateCausalChain,
} from './sage-chronicle/chain.js';
export {
  appendWithCausalChain,
  type ChainedAppendOptions,
  type ChainedEvent,
} from './sage-chronicle/chained-append.js';
export {
  batchCheckDuplicates,
  type DuplicateCheckOptions,
  deduplicateConsecutiveEvents,
  isDuplicateEvent,
  isDuplicateUsingIndex,
  maintainEventIndex,
} from './sage-chronicle/duplicates.js';
export type {
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
} from './sage-chronicle/events.js';
export { ensureChronicleDirectory, fileExists } from './sage-chronicle/files.js';
export {
  canonicalizeEvent,
  computeChronicleHash,
  computeEventId,
  computeEventIds,
  eventsAreIdentical,
  findDuplicateEvents,
  verifyEventId,
} from './sage-chronicle/ids.js';
export {
  type EventOf,
  type EventType,
  filterEventsByType,
  getEventType,
  hasEventFields,
  isBuildEvent,
  isDeployEvent,
  isEnvvarChangeEvent,
  isFileAddedEvent,
  isFileMergedEvent,
  isFileRemovedEvent,
  isFileRenamedEvent,
  isFileSplitEvent,
  isHaltAndReportEvent,
  isPlanApprovedEvent,
  isPlanDeniedEvent,
  isPlanDraftedEvent,
  isPlanUnsafeEvent,
  isPostmortemEvent,
  isReconciliationEvent,
  isRogueEditDetectedEvent,
} from './sage-chronicle/kinds.js';
export type { BrokenLink } from './sage-chronicle/links.js';
export { acquireLock, cleanStaleLocks } from './sage-chronicle/locks.js';
export { type ChroniclePath, validateChroniclePath } from './sage-chronicle/path.js';
export {
  readChronicle,
  readChronicleFile,
  tailChronicle,
  tailChronicleFile,
} from './sage-chronicle/read.js';
export {
  type ChronicleRepairOptions,
  type ChronicleRepairResult,
  repairChronicle,
} from './sage-chronicle/repair.js';
export { formatAnalysisReport } from './sage-chronicle/report.js';
