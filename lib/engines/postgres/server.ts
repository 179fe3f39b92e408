/**
 * What a server must be and say, so that what holdfast promises holds on it.
 */
import { HoldfastError, invalid } from '../../base/errors.js';
import type { Session } from './session.js';

const minVersion = 13;

/** @throws `EVALIDATION` for a server that does not fit, which says what to do; `EIO` where there is none */
export async function checkServer(session: Session): Promise<void> {
  try {
    const [row] = await session.query(
      `SELECT current_setting('server_version_num'), current_setting('server_version'),
        current_setting('server_encoding'), current_setting('client_encoding'),
        current_setting('default_transaction_isolation')`,
    );
    const [number, version, encoding, clientEncoding, isolation] = row ?? [];
    if (Math.floor(Number(number) / 10_000) < minVersion) {
      throw invalid(
        'pool',
        `the server is PostgreSQL ${version}, and ${minVersion} is the oldest that will do`,
      );
    }
    if (encoding !== 'UTF8') {
      throw invalid('pool', `the encoding of the database is ${encoding}: make one with ENCODING 'UTF8'`);
    }
    if (clientEncoding !== 'UTF8') {
      throw invalid('pool', `client_encoding is ${clientEncoding}: the pool must leave it at UTF8`);
    }
    if (isolation !== 'read committed') {
      throw invalid(
        'pool',
        `default_transaction_isolation is '${isolation}', in which the order of events cannot be kept: give a pool ` +
          "with options: '-c default_transaction_isolation=read\\\\ committed', or set it for this user",
      );
    }
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError('EIO', `PostgreSQL: ${(error as Error).message}`, { cause: error });
  }
}
