/**
 * One subject: every error code of holdfast, and the one place where errors of the native code are mapped to them.
 */
import { constants } from 'node:os';
import { getSystemErrorMap, types } from 'node:util';
import type { Fence, LockHolder, LockMode } from './lock-holder.js';

/**
 * A system call that failed in native code. `errno` is positive, as in C; `text` is the system's description
 * of it.
 */
export interface NativeError {
  errno: number;
  syscall: string;
  text: string;
  /** The file that was met, where that is not the one that the caller knows. */
  path?: string;
}

/**
 * - `ELOCK_TIMEOUT`: the lock was not free in time. Nothing was written.
 * - `EVALIDATION`: an argument is wrong; {@link HoldfastError.field} names it. Nothing was written.
 * - `EIO`: the file system failed a call; `cause` is the system's error, with its own code.
 * - `ECONFLICT`: the file did not end where `ifEnd` said; {@link HoldfastError.end} is where it ends. Nothing
 *   was written.
 * - `EGAP`: events that a reader should have got are gone; {@link HoldfastError.gap} is what is known of them.
 * - `EFENCED`: the lock that an append names was given to somebody else since. Nothing was written.
 * - `ECLOSED`: the chronicle was closed before the call, or the lock is not held.
 * - `ELOST`: the reason of a {@link FileLock.lost} that is aborted.
 * - `EDEADLK`: a call that blocks its thread would have waited for a lock that this thread holds itself. Nothing
 *   was written.
 * - `ECHAIN`: the last link of a chained file is not that of its last event, so nothing is appended to it.
 */
export type HoldfastErrorCode =
  | 'ELOCK_TIMEOUT'
  | 'EVALIDATION'
  | 'EIO'
  | 'ECONFLICT'
  | 'EGAP'
  | 'EFENCED'
  | 'ECLOSED'
  | 'EDEADLK'
  | 'ECHAIN'
  | 'ELOST';

/** What is known of an error besides its code and its message: see the properties of {@link HoldfastError}. */
export interface HoldfastErrorDetails {
  /** The error behind this one. Default: none. */
  cause?: unknown;
  /** `EVALIDATION`: the argument or option that is wrong. Default: none. */
  field?: string | undefined;
  /** The file that the call was about. Default: none. */
  path?: string | undefined;
  /** `EIO`: whether nobody can say if what was written will last. Default: false. */
  outcomeUnknown?: boolean | undefined;
  /** `ELOCK_TIMEOUT`: who held the lock at the deadline. Default: `[]`. */
  holders?: readonly LockHolder[] | undefined;
  /** `ECONFLICT`: where the file ends, in bytes. Default: none. */
  end?: number | undefined;
  /** `EGAP`: what is known of the events that are gone. Default: none. */
  gap?: Missing | undefined;
}

/** What is known of events that are gone. */
export interface Missing {
  /** The position after which they were; undefined if nothing was read before. */
  readonly after: string | undefined;
  /** The paths of the files that are gone, as far as they are known. */
  readonly files: readonly string[];
  /** The path of the file at whose beginning the chronicle goes on; undefined if it has none. */
  readonly next: string | undefined;
}

/** The same symbol in every copy of the package. */
const brand = Symbol.for('holdfast.error');

/**
 * Every error that holdfast makes itself. (Locks pass on the system's own errors, such as `ENOENT`, as they
 * are.)
 *
 * `instanceof` recognises the errors of every copy of the package that is loaded: one process may hold two
 * versions, and a test runner may load the same version twice. TypeScript, from 5.3 on, then knows by the
 * `code` what else there is; see {@link AnyHoldfastError}.
 *
 * @example
 *   try {
 *     await chronicle.append({ type: 'order' }, { ifEnd });
 *   } catch (error) {
 *     if (!(error instanceof HoldfastError) || error.code !== 'ECONFLICT') throw error;
 *     console.log(`somebody was faster: the file ends at byte ${error.end}`);
 *   }
 */
export class HoldfastError extends Error {
  static {
    Object.defineProperty(HoldfastError.prototype, brand, { value: true });
  }

  /** Whether `value` is an error of holdfast, of whichever copy; for a derived class, whether it is its own. */
  static override [Symbol.hasInstance]<Instance>(
    this: abstract new (
      ...parameters: never
    ) => Instance,
    value: unknown,
  ): value is HoldfastError extends Instance ? AnyHoldfastError : Instance {
    // A class that extends this one recognises its own instances only.
    // biome-ignore lint/complexity/noThisInStatic: the class on the right of `instanceof`, which may be a derived one
    if (!Object.is(this, HoldfastError)) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== 'object' || value === null) return false;
    try {
      return brand in value;
    } catch {
      return false; // whatever was thrown: a proxy that was revoked
    }
  }

  /** `'HoldfastError'`. */
  override readonly name = 'HoldfastError';
  /** What went wrong. */
  readonly code: HoldfastErrorCode;
  /** `EVALIDATION`: the argument or option that is wrong, as in `'rotate.maxBytes'` or `'event.items[1]'`. */
  readonly field?: string;
  /** The file that the call was about. */
  readonly path?: string;
  /**
   * `EIO`: true if a sync failed, so that nobody can say whether what was written will last. After an append,
   * open the chronicle again and send the event again with the same id; a file that was to be replaced,
   * replace again.
   */
  readonly outcomeUnknown: boolean;

  /** `ELOCK_TIMEOUT`: who held the lock at the deadline, if that is known; else `[]`. */
  readonly holders: readonly LockHolder[];

  /** `ECONFLICT`: where the file ends, in bytes. */
  readonly end?: number;

  /** `EGAP`: what is known of the events that are gone. */
  readonly gap?: Missing;

  /** For tests that need such an error; nothing else has to make one. The message begins with the code. */
  constructor(code: HoldfastErrorCode, message: string, details: HoldfastErrorDetails = {}) {
    // Own properties only: Object.prototype may be polluted.
    const own: HoldfastErrorDetails = Object.assign(Object.create(null), details);
    const { cause, field, path, end, gap, outcomeUnknown, holders } = own;
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    if (field !== undefined) this.field = field;
    if (path !== undefined) this.path = path;
    if (end !== undefined) this.end = end;
    if (gap !== undefined) this.gap = gap;
    this.outcomeUnknown = outcomeUnknown ?? false;
    this.holders = holders ?? [];
  }
}

/**
 * An error of holdfast whose `code` tells what else there is: what `instanceof HoldfastError` makes of a
 * value.
 *
 * @example
 *   function explain(error: AnyHoldfastError): string {
 *     if (error.code === 'ELOCK_TIMEOUT') return `held by ${error.holders.map(({ pid }) => pid).join()}`;
 *     if (error.code === 'EVALIDATION') return `${error.field} is wrong`;
 *     return error.message;
 *   }
 */
export type AnyHoldfastError =
  | LockTimeoutError
  | ValidationError
  | IoError
  | ConflictError
  | GapError
  | FencedError
  | ClosedError
  | ChainError;

/** The lock was not free in time. Nothing was written. */
export interface LockTimeoutError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'ELOCK_TIMEOUT';
  /** Who held the lock at the deadline; `[]` if that is not known. */
  readonly holders: readonly LockHolder[];
}

/** An argument is wrong. Nothing was written. */
export interface ValidationError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'EVALIDATION';
  /** The argument or option that is wrong, as in `'rotate.maxBytes'` or `'event.items[1]'`. */
  readonly field: string;
}

/** The file system failed a call. */
export interface IoError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'EIO';
  /** The file that the call was about. */
  readonly path: string;
  /** The system's error, with its own code. */
  readonly cause: unknown;
}

/** The file did not end where `ifEnd` said. Nothing was written. */
export interface ConflictError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'ECONFLICT';
  /** Where the file ends, in bytes. */
  readonly end: number;
  /** The file that the call was about. */
  readonly path: string;
}

/** Events that a reader should have got are gone. */
export interface GapError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'EGAP';
  /** What is known of them. */
  readonly gap: Missing;
  /** The chronicle. */
  readonly path: string;
}

/** The lock that an append names was given to somebody else since. Nothing was written. */
export interface FencedError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'EFENCED';
  /** The chronicle. */
  readonly path: string;
}

/** The chronicle was closed before the call, or the lock is not held. */
export interface ClosedError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'ECLOSED';
}

/** The last link of a chained file is not that of its last event. Nothing was written. */
export interface ChainError extends HoldfastError {
  /** What went wrong. */
  readonly code: 'ECHAIN';
  /** The file that the call was about. */
  readonly path: string;
}

/** The argument or option `field` is wrong. */
export function invalid(field: string, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError('EVALIDATION', `${field}: ${problem}`, { field, cause });
}

/** The argument `field` could not be read: a getter or a proxy of the caller's threw. */
export function unreadable(field: string, thrown: unknown): HoldfastError {
  return thrown instanceof HoldfastError
    ? thrown
    : invalid(field, `cannot be read: ${firstLine(thrown)}`, thrown);
}

/** Of the message of an error, of any realm; it may be anything that was thrown. */
export function firstLine(error: unknown): string {
  try {
    return String(types.isNativeError(error) ? error.message : error).split('\n', 1)[0] ?? '';
  } catch {
    return 'what was thrown has no text';
  }
}

/** `waited` is in milliseconds. */
export function lockTimeout({ path, mode, waited, holders }: LockTimeout): HoldfastError {
  const message = `waited ${Math.round(waited)} ms for the ${mode} lock on '${path}'${describeHolders(holders)}`;
  return new HoldfastError('ELOCK_TIMEOUT', message, { path, holders });
}

interface LockTimeout {
  readonly path: string;
  readonly mode: LockMode;
  readonly waited: number;
  readonly holders: readonly LockHolder[];
}

/**
 * The system's error as node:fs would throw it: `code`, `errno`, `syscall`, `path`. `known` is the file that the
 * call was about, unless the error says that it met another one.
 */
export function systemError(error: NativeError, known: string): NodeJS.ErrnoException {
  const path = error.path ?? known;
  const code = codeOf(error.errno);
  // By name, because on Windows libuv has numbers of its own. It has none for a few, such as `ENOLCK`.
  const mapped = [...getSystemErrorMap()].find(([, [name]]) => name === code);
  const [errno, [, text]] = mapped ?? [-error.errno, [code, error.text]];
  const made: NodeJS.ErrnoException = new Error(`${code}: ${text}, ${error.syscall} '${path}'`);
  return Object.assign(made, { errno, code, syscall: error.syscall, path });
}

/** The name of a system error. If one number has two names (EAGAIN, EWOULDBLOCK), the first is libuv's. */
function codeOf(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === errno);
  return found?.[0] ?? `E${errno}`;
}

/** A failure of the file system, as `EIO` with the system's error as its cause. */
export function ioError(cause: unknown, path: string | Buffer): HoldfastError {
  const system = cause as NodeJS.ErrnoException;
  // Of a call about an open file, node:fs does not say which one that was.
  if (system.syscall !== undefined && system.path === undefined) {
    system.path = path.toString();
    system.message += ` '${system.path}'`;
  }
  return new HoldfastError('EIO', textOf(system), { cause, path: path.toString() });
}

/** A message for use in one of ours, which has a code of its own; that of the system is in the `cause`. */
function textOf({ message, code }: NodeJS.ErrnoException): string {
  return code !== undefined && message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
}

/** What `call` resolves to; if it rejects with an error of the system, rejects with {@link ioError}. */
export async function withIoErrors<T>(call: Promise<T>, path: string | Buffer): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw error instanceof HoldfastError ? error : ioError(error, path);
  }
}

/** As {@link withIoErrors}, for what is read piece by piece. */
export async function* eachWithIoErrors<T>(
  pieces: AsyncIterable<T>,
  path: string | Buffer,
): AsyncGenerator<T> {
  try {
    yield* pieces;
  } catch (error) {
    throw error instanceof HoldfastError ? error : ioError(error, path);
  }
}

/**
 * True for the error of a file or directory that does not exist: the system's own, or the `EIO` that it
 * caused.
 */
export function isMissing(error: unknown): boolean {
  const system = error instanceof HoldfastError ? error.cause : error;
  return (system as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** True for the `EIO` that {@link irregular} caused. */
export function isIrregular(error: unknown): boolean {
  const system =
    error instanceof HoldfastError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return system?.code === 'EISDIR' || system?.code === 'EINVAL';
}

/** A path that names no regular file: a directory, a FIFO, a device. */
export function irregular(stats: { isDirectory(): boolean }, path: string): NodeJS.ErrnoException {
  const { EISDIR, EINVAL } = constants.errno;
  const error = stats.isDirectory()
    ? { errno: EISDIR, syscall: 'open', text: 'illegal operation on a directory' }
    : { errno: EINVAL, syscall: 'open', text: 'not a regular file' };
  return systemError(error, path);
}

/** The file had been written to since its caller looked. */
export function conflict(path: string, expected: number, end: number): HoldfastError {
  return new HoldfastError('ECONFLICT', `'${path}' ends at ${end}, not at ${expected}`, { path, end });
}

/** A reader cannot get all events after a position, or after the last one that it got. */
export function gapIn(path: string, gap: Missing): HoldfastError {
  const { after, files, next } = gap;
  const gone = files.length > 0 ? `: ${files.map((file) => `'${file}'`).join(', ')} was removed` : '';
  const goesOn = next === undefined ? '' : `; it goes on with '${next}'`;
  const where = after === undefined ? '' : ` after the position ${after}`;
  return new HoldfastError('EGAP', `events of '${path}'${where} are gone${gone}${goesOn}`, { path, gap });
}

/** The copy of a chronicle ends with an event that the chronicle does not have, or does not have any more. */
export function divergedFrom(path: string, name: string): HoldfastError {
  const message =
    `'${path}' does not end with an event of '${name}': the server has lost it, or somebody else has changed the ` +
    'file; move it away, and mirror anew';
  const gap = { after: undefined, files: [], next: undefined };
  return new HoldfastError('EGAP', message, { path, gap });
}

/** A write was made whose sync failed, so nobody can say whether it will last. */
export function outcomeUnknown(cause: Error, path: string): HoldfastError {
  const message = `outcome unknown, reopen '${path}' and send the events again with the same ids: ${textOf(cause)}`;
  return new HoldfastError('EIO', message, { cause, path, outcomeUnknown: true });
}

/** A file could not be given its name, which another one has; that stays as it was. */
export function notReplaced(cause: NodeJS.ErrnoException, path: string): HoldfastError {
  // What rename(2) answers for a mount point. On Windows, the file is open elsewhere.
  if (cause.code !== 'EBUSY' || process.platform === 'win32') return ioError(cause, path);
  const message =
    `'${path}' cannot be replaced, because it is a mount point, such as a single file that is mounted into a ` +
    `container; mount the directory that holds it: ${textOf(cause)}`;
  return new HoldfastError('EIO', message, { cause, path });
}

/**
 * A file was replaced, but the sync of its directory failed: after a power loss the old one may be there
 * again.
 */
export function replacementUnsynced(cause: Error, path: string): HoldfastError {
  const message = `outcome unknown, '${path}' was replaced, but that may not last: ${textOf(cause)}`;
  return new HoldfastError('EIO', message, { cause, path, outcomeUnknown: true });
}

/** A server failed a statement about `name`, or could not be reached: `EIO` with the driver's error as its cause. */
export function serverError(cause: Error, name: string): HoldfastError {
  return new HoldfastError('EIO', `'${name}' on PostgreSQL: ${cause.message}`, { cause, path: name });
}

/** The connection was lost before the server said what became of a commit. */
export function commitUnknown(cause: Error, name: string): HoldfastError {
  const message = `outcome unknown, send the events of '${name}' again with the same ids: ${cause.message}`;
  return new HoldfastError('EIO', message, { cause, path: name, outcomeUnknown: true });
}

/** After an unknown outcome nothing more is written: a later sync that succeeds would prove nothing. */
export function poisoned(cause: Error, path: string): HoldfastError {
  const message = `not written, '${path}' must be opened again, because the outcome of a write is unknown: ${textOf(cause)}`;
  return new HoldfastError('EIO', message, { cause, path });
}

/** The path of a lock names another file than the one that is locked, or none. */
export function lostLock(path: string): HoldfastError {
  return new HoldfastError('ELOST', `'${path}' does not name the file any more that is locked`, { path });
}

/** An append names a lock that was given to somebody else since. */
export function fenced(path: string, { path: lock, fence }: Fence, cause?: Error): HoldfastError {
  const message = `not written to '${path}': the lock '${lock}' was given to somebody else after the token ${fence}`;
  return new HoldfastError('EFENCED', message, cause ? { path, cause } : { path });
}

/** The connection is gone that had the lock on `name`. */
export function lostConnection(name: string, cause: Error): HoldfastError {
  const message = `the connection that had the lock on '${name}' is gone: ${cause.message}`;
  return new HoldfastError('ELOST', message, { cause, path: name });
}

/** The server's session is not that of the connection for long enough to have a lock. */
export function poolerBetween(): HoldfastError {
  return invalid(
    'pool',
    'a pooler between here and the server gives each transaction another session, and a lock belongs to one: for ' +
      'locks, connect to the server itself, or to a pooler with pool_mode = session',
  );
}

/** The lock that a call blocks for is held by the very thread that it blocks. */
export function deadlock(path: string, cause?: Error): HoldfastError {
  const held = `this thread holds the lock on '${path}' itself`;
  const message = `${held}, and a call that blocks would wait for ever: release it first, or use a call that does not block`;
  return new HoldfastError('EDEADLK', message, { path, cause });
}

export function isNativeError(error: unknown): error is Error & NativeError {
  return types.isNativeError(error) && 'errno' in error && 'syscall' in error;
}

/** For the end of a message: who holds it, if that is known. */
export function describeHolders(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return '';
  const described = holders.map(({ pid, command, host, mode }) =>
    host !== undefined
      ? `session ${pid} of the server, for '${command}' on ${host} (${mode})`
      : pid === process.pid
        ? `this very process (${pid}, ${mode})`
        : `process ${pid} (${mode}): ${command}`,
  );
  return `, held by ${described.join('; ')}`;
}
