/**
 * holdfast/postgres: chronicles and locks on PostgreSQL, for more than one machine.
 */
export { type ConnectOptions, connect, type Postgres } from './engines/postgres/connect.js';
export type { PostgresClient, PostgresPool } from './engines/postgres/driver.js';
export { type Imported, type ImportOptions, importFile } from './engines/postgres/import-file.js';
export type { PostgresLock } from './engines/postgres/lock.js';
export type { PostgresLockOptions, PostgresTryLockOptions } from './engines/postgres/locks.js';
export { type Mirrored, type MirrorOptions, mirror } from './engines/postgres/mirror.js';
export type { PostgresChronicleOptions, Retain } from './engines/postgres/options.js';
