/**
 * holdfast/postgres: chronicles and locks on PostgreSQL, for more than one machine.
 */
export { type ConnectOptions, connect, type Postgres } from './engines/postgres/connect.js';
export type { PostgresClient, PostgresPool } from './engines/postgres/driver.js';
export type { PostgresChronicleOptions, Retain } from './engines/postgres/options.js';
