/**
 * holdfast: kernel-held file locks, and a durable NDJSON log that many processes append to.
 */
export type { FilePath } from './arguments.js';
export { type AtomicData, type WriteFileAtomicOptions, writeFileAtomic } from './atomic/write-file-atomic.js';
export type { AppendResult } from './chronicle/appender.js';
export { type AppendOptions, Chronicle, openChronicle } from './chronicle/chronicle.js';
export type { CorruptLine, CorruptReason } from './chronicle/corrupt-line.js';
export type { Damage } from './chronicle/damage.js';
export type { ChronicleStats, Commit, Distribution } from './chronicle/diagnostics.js';
export { type FollowOptions, followChronicle } from './chronicle/follow.js';
export { appendEvent, appendEventWithId, readChronicle, tailChronicle } from './chronicle/functions.js';
export type { JsonObject } from './chronicle/line.js';
export type { Entry } from './chronicle/line-batch.js';
export type {
  ChronicleOptions,
  Dedupe,
  Durability,
  OnCorrupt,
  ReadOptions,
  Rotate,
} from './chronicle/options.js';
export type { ReadRange } from './chronicle/reading.js';
export { type Repair, type RepairOptions, repairChronicle } from './chronicle/repair.js';
export type { Schema, SchemaIssue, SchemaResult } from './chronicle/schema.js';
export {
  type DuplicateId,
  type Progress,
  type Verification,
  type VerifyOptions,
  verifyChronicle,
  type WrongId,
} from './chronicle/verify.js';
export type { Where } from './chronicle/where.js';
export { HoldfastError, type HoldfastErrorCode } from './errors.js';
export type { WaitOptions } from './lock/acquire.js';
export { FileLock, type ReleaseOptions } from './lock/file-lock.js';
export { type LockHolder, lockHolders } from './lock/holders.js';
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
export type { Lockable, LockMode, LockRange, TargetOptions } from './lock/target.js';
