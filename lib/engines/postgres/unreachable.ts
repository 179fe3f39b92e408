/**
 * What to say when there is no connection to be had: where it was to go, why there is none, and what to do. Never a
 * password.
 */
import { invalid } from '../../base/errors.js';
import { addressOf } from './driver.js';
import { codeOf } from './failure.js';

/** By codes of the system and SQLSTATEs. */
const advice: ReadonlyMap<string | undefined, string> = new Map([
  ['ECONNREFUSED', 'nobody listens there: is the server running, and are the host and port right?'],
  ['ENOENT', 'nobody listens there: is the server running, and is the directory of its socket right?'],
  ['ENOTFOUND', 'is the name of the host right?'],
  ['EAI_AGAIN', 'is the name of the host right, and does the name server answer?'],
  [
    'ETIMEDOUT',
    'does something answer there, and are all connections of the pool in use? Give it a larger max',
  ],
  ['28P01', 'check the user and the password'],
  ['28000', 'check the user, and what pg_hba.conf of the server lets in'],
  ['3D000', 'make the database, or name another: only its tables are made'],
  ['42501', 'the user needs the right to CONNECT to the database'],
  ['53300', 'raise max_connections of the server, or make the pools smaller'],
  ['57P03', 'the server starts or stops: try again'],
]);

/** Of an error of the driver, with its `code`; the driver's is its `cause`. */
export function noConnection(cause: unknown, pool: unknown): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = codeOf(error);
  if (code === 'ERR_INVALID_URL') {
    // Not what it is: it may hold a password.
    return invalid(
      'connectionString',
      'is no valid URL: %-escape what is not a letter or digit of the password',
    );
  }
  // Where a host has several addresses, the driver's error is of all of them, and says nothing itself.
  const reasons =
    error instanceof AggregateError ? error.errors.map(({ message }) => message) : [error.message];
  const address = addressOf(pool);
  const message = `no connection${address && ` to ${address}`}: ${reasons.join(', ')}`;
  const advised = advice.get(code) ?? (/password must be/.test(error.message) ? noPassword : undefined);
  return Object.assign(new Error(advised ? `${message} (${advised})` : message, { cause: error }), { code });
}

/** The driver's words for it are of its own types. */
const noPassword = 'the server asks for a password, and none is given';
