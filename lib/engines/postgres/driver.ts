/**
 * The part of `pg` (node-postgres, version 8 and later) that is used here, as an interface: the package is the user's
 * own, and need not be there. It is loaded only where nobody has given a pool of it.
 */
import { invalid } from '../../base/errors.js';

/** A connection of a {@link PostgresPool}; `PoolClient` of `pg` is one. Its types are those of `pg`. */
export interface PostgresClient {
  /** Has the server do something. */
  query(...parameters: never): unknown;
  /** Listens to the connection. */
  on(...parameters: never): unknown;
  /** Ends that. */
  removeListener(...parameters: never): unknown;
  /** Gives it back. */
  release(...parameters: never): void;
}

/** A pool of connections; `Pool` of `pg` is one. */
export interface PostgresPool {
  /** A connection that nobody else uses until it is given back. */
  connect(): Promise<PostgresClient>;
}

/** What of a connection is used, as it is used. */
export interface Client {
  query(statement: Statement): Promise<{ readonly rows: (string | null)[][] }>;
  /** The server's process, as it has said itself; not known with pg-native. */
  readonly processID?: number | null;
  /** The driver's, with its socket. */
  readonly connection?: { readonly stream?: { setKeepAlive?(enable: boolean, delay: number): unknown } };
  /** Whether it keeps the process alive. */
  ref?(): void;
  unref?(): void;
  /** With an error, or true, it is closed. */
  release(close?: Error | boolean): void;
  on<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): unknown;
  removeListener<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): unknown;
}

export interface ClientEvents {
  error: (error: Error) => void;
  end: () => void;
  notice: (notice: { readonly code?: string | undefined }) => void;
  notification: (message: { readonly channel: string; readonly payload?: string | undefined }) => void;
}

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly rowMode: 'array';
  /** For a type of the server, what makes a value of its text. */
  readonly types: { getTypeParser: () => (text: string) => string };
}

/** A pool that was made here. */
export interface OwnPool extends PostgresPool {
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface Driver {
  readonly Pool: new (config: object) => OwnPool;
}

/** What a pool of `pg` has too, and a client as that is before it connects. */
interface Addressed {
  readonly Client: new (options: unknown) => { [Key in 'host' | 'port' | 'database' | 'user']?: unknown };
  readonly options: unknown;
}

/** Where a pool connects to, as far as it says so: empty for one that is not of `pg`. Without the password. */
export function addressOf(pool: unknown): string {
  try {
    const { Client, options } = pool as Addressed;
    const { host, port, database, user } = new Client(options); // the only one that knows what options, URL and environment say
    const at = String(host).startsWith('/') ? `${host}, port ${port}` : `${host}:${port}`;
    return `${at}${database ? `, database '${database}'` : ''}${user ? `, user '${user}'` : ''}`;
  } catch {
    return '';
  }
}

/** Makes a pool with the user's own `pg`. */
export function newPool(config: object): OwnPool {
  const { Pool } = loadDriver();
  const pool = new Pool(config);
  // What fails while nobody uses it is replaced, and that is all there is to do; `pg` would end the process.
  pool.on('error', () => {});
  return pool;
}

function loadDriver(): Driver {
  try {
    return require('pg') as Driver;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw invalid(
      'connectionString',
      "needs the package 'pg', which is not installed: npm install pg",
      error,
    );
  }
}
