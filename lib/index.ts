/**
 * holdfast: kernel-held file locks, and a durable NDJSON log that many processes append to.
 */

export {
  type AtomicData,
  type AtomicPiece,
  type WriteFileAtomicOptions,
  writeFileAtomic,
} from './atomic/write-file-atomic.js';
export type { FilePath } from './base/arguments.js';
export type { Durability } from './base/durability.js';
export {
  type AnyHoldfastError,
  type ChainError,
  type ClosedError,
  type ConflictError,
  type FencedError,
  type GapError,
  HoldfastError,
  type HoldfastErrorCode,
  type HoldfastErrorDetails,
  type IoError,
  type LockTimeoutError,
  type Missing,
  type ValidationError,
} from './base/errors.js';
export type { Fence, FencedLock, LockHolder, LockMode } from './base/lock-holder.js';
export type {
  AppendOptions,
  FilesOption,
  FollowOptions,
  ListOptions,
  ReadRange,
  RepairOptions,
  RepairProgress,
  VerifyOptions,
  WhichFiles,
} from './chronicle/call-options.js';
export { Chronicle } from './chronicle/chronicle.js';
export type { HousekeepingProblem, HousekeepingStats } from './chronicle/housekeeping.js';
export type { ChronicleOptions, Dedupe, DedupeWindow, ReadOptions, Rotate } from './chronicle/options.js';
export type {
  AppendResult,
  ChainBreak,
  ChainReport,
  ChainRestart,
  ChronicleFile,
  Damage,
  DuplicateId,
  Entry,
  EventPlace,
  Findings,
  Head,
  Identified,
  IdentifiedResult,
  IgnoredReason,
  Position,
  Progress,
  Recorded,
  Repair,
  Verification,
  WrongId,
} from './chronicle/results.js';
export type { ChronicleStats, Commit, Distribution, KnownIds, PendingAppends } from './chronicle/stats.js';
export { followChronicle } from './engines/file/follow/follow.js';
export { appendEvent, appendEventWithId, readChronicle, tailChronicle } from './engines/file/functions.js';
export { openChronicle } from './engines/file/open-chronicle.js';
export { repairChronicle } from './engines/file/upkeep/repair.js';
export { verifyChronicle } from './engines/file/upkeep/verify.js';
export type { CorruptLine, CorruptReason, OnCorrupt } from './event/corrupt-line.js';
export type { OnGap } from './event/gap.js';
export type { JsonObject } from './event/line.js';
export type {
  Schema,
  SchemaIssue,
  SchemaPathSegment,
  SchemaResult,
  SchemaTypes,
  StandardSchema,
} from './event/schema.js';
export type { Where } from './event/where.js';
export type { WaitOptions } from './lock/acquire.js';
export { FileLock, type ReleaseOptions } from './lock/file-lock.js';
export { lockHolders } from './lock/holders.js';
export {
  type LockOptions,
  type LockSyncOptions,
  lock,
  lockSync,
  type TryLockOptions,
  tryLock,
  tryLockSync,
  withLock,
} from './lock/lock.js';
export type { Lockable, LockRange, TargetOptions } from './lock/target.js';
