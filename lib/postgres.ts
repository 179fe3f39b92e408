/**
 * holdfast/postgres: chronicles and locks on PostgreSQL, for more than one machine.
 */
export { type ConnectOptions, connect, type Postgres } from './engines/postgres/connect.js';
export type { PostgresClient, PostgresPool } from './engines/postgres/driver.js';
export type { PostgresLock } from './engines/postgres/lock.js';
export type { PostgresLockOptions, PostgresTryLockOptions } from './engines/postgres/locks.js';
export type { PostgresChronicleOptions, Retain } from './engines/postgres/options.js';
