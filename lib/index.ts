/**
 * holdfast: kernel-held file locks, and a durable NDJSON log that many processes append to.
 */

export { type AtomicData, type WriteFileAtomicOptions, writeFileAtomic } from './atomic/write-file-atomic.js';
export type { FilePath } from './base/arguments.js';
export type { Durability } from './base/durability.js';
export { HoldfastError, type HoldfastErrorCode } from './base/errors.js';
export type { LockHolder, LockMode } from './base/lock-holder.js';
export { type AppendOptions, Chronicle, openChronicle } from './chronicle/chronicle.js';
export type {
  ChronicleOptions,
  Dedupe,
  ReadOptions,
  Rotate,
} from './chronicle/options.js';
export type { ChronicleStats, Commit, Distribution } from './chronicle/stats.js';
export type { AppendResult } from './engines/file/append/appender.js';
export { type FollowOptions, followChronicle } from './engines/file/follow/follow.js';
export { appendEvent, appendEventWithId, readChronicle, tailChronicle } from './engines/file/functions.js';
export type { Entry } from './engines/file/lines/line-batch.js';
export type { ReadRange } from './engines/file/read/read.js';
export type { Damage } from './engines/file/upkeep/damage.js';
export { type Repair, type RepairOptions, repairChronicle } from './engines/file/upkeep/repair.js';
export {
  type DuplicateId,
  type Progress,
  type Verification,
  type VerifyOptions,
  verifyChronicle,
  type WrongId,
} from './engines/file/upkeep/verify.js';
export type { CorruptLine, CorruptReason, OnCorrupt } from './event/corrupt-line.js';
export type { JsonObject } from './event/line.js';
export type { Schema, SchemaIssue, SchemaResult } from './event/schema.js';
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
