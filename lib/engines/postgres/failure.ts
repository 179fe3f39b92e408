/**
 * What a failure of the server, or of the way to it, means for those who wait for an answer.
 */
import { commitUnknown, HoldfastError, serverError } from '../../base/errors.js';
import { type Refusal, refusal } from '../../native/protocol.js';
import { refusedByChain } from '../file/append/failure.js';

/** An error of the server has a SQLSTATE of five characters, one of the system a name such as `ECONNRESET`. */
const sqlState = /^[0-9A-Z]{5}$/;

/** `code` of an error of the driver. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/**
 * Whether the server has refused the statement, and so done nothing of it. Else the connection was lost, or may have
 * been: the statement may be done, or be done yet. (https://www.postgresql.org/docs/current/errcodes-appendix.html:
 * class 08 is the connection, 57P01 to 57P05 are servers that end. A server that ends while a commit waits for its
 * standbys has committed.)
 */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined || !sqlState.test(code)) return false;
  return !code.startsWith('08') && !code.startsWith('57P') && !code.startsWith('XX');
}

/** SQLSTATEs of refusals that pass by themselves, or when somebody has made room. */
const passing = /^(?:53|55006|57P|58|25006|40)/;

/** Whether trying again later may help. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof HoldfastError) || error.code !== 'EIO') return false;
  return !isRefusal(error.cause) || passing.test(codeOf(error.cause) ?? '');
}

/** What should be in the tables is not. */
export function missing(what: string, name: string): HoldfastError {
  return serverError(Object.assign(new Error(what), { code: 'HF004' }), name);
}

/**
 * Of a statement that changes nothing, or was refused.
 *
 * @param name of the chronicle or lock that it was about
 */
export function failureOf(error: unknown, name: string): Error {
  if (error instanceof HoldfastError) return error;
  return serverError(toError(error), name);
}

/** Of a statement that commits something, after it was sent. */
export function commitFailureOf(error: unknown, name: string): Error {
  if (error instanceof HoldfastError) return error;
  return isRefusal(error) ? failureOf(error, name) : commitUnknown(toError(error), name);
}

/** By the SQLSTATEs of append-sql.ts and chain-sql.ts. */
const refusals: ReadonlyMap<string | undefined, Refusal> = new Map([
  ['HF006', refusal.isChained],
  ['HF007', refusal.isNotChained],
  ['HF008', refusal.otherIdKey],
  ['HF009', refusal.isBroken],
]);

/** Undefined if it is not its chain for which a chronicle may not be gone on with. */
export function chainFailureOf(error: unknown, name: string, idKey: string): HoldfastError | undefined {
  const why = refusals.get(codeOf(error));
  return why === undefined ? undefined : refusedByChain(why, name, idKey);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A system's error of our own making, as `node:fs` has them. */
export function timedOut(what: string, milliseconds: number): NodeJS.ErrnoException {
  return Object.assign(new Error(`ETIMEDOUT: ${what} within ${milliseconds} ms`), { code: 'ETIMEDOUT' });
}
