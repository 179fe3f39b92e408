/**
 * PostgreSQL servers of the tests' own: each in a directory of its own, on a loopback port and a socket of its own. No
 * server of the machine is touched. They end with the test process, however that ends.
 *
 *     const server = await PostgresServer.start();
 *     await server.query('SELECT 1');
 *     await server.remove();
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connect, type Postgres } from 'holdfast/postgres';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { memory } from './files.js';

/** Where Debian and others put the programs; the newest first. `HOLDFAST_POSTGRES` names another directory. */
const programs = [
  process.env.HOLDFAST_POSTGRES,
  ...['18', '17', '16', '15', '14', '13'].flatMap((version) => [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
  ]),
].find((directory) => directory !== undefined && existsSync(join(directory, 'initdb')));

/** Why there are no servers here; undefined if there are. For `describe.skipIf(noPostgres)`. */
export const noPostgres =
  programs === undefined || process.platform !== 'linux' ? 'PostgreSQL is not installed' : undefined;

/** PostgreSQL refuses to run as root. Any other user does. */
const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** Runs a program to its end, as the user of the servers. */
function run(file: string, args: readonly string[]) {
  return promisify(execFile)(file, args, user);
}

/** In memory, where that has room: what the tests are about is the end of processes, not of the power. */
function place(): string {
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 2 ** 31 ? memory : tmpdir();
}

/** Of every server. What is slow to start with, or allocates much, is made small. */
const commonSettings = {
  listen_addresses: '127.0.0.1',
  fsync: 'on',
  dynamic_shared_memory_type: 'mmap', // files of the data directory, which go with it
  shared_buffers: '16MB',
  max_wal_size: '256MB',
  wal_keep_size: '64MB',
  min_wal_size: '4MB',
  log_min_messages: 'warning',
  lc_messages: 'C',
};

export type Settings = Readonly<Record<string, string | number | boolean>>;

/** One server. Its data stay from stop() to run(). */
export class PostgresServer {
  readonly host = '127.0.0.1';
  readonly user = 'postgres';
  readonly database = 'postgres';
  /** What it keeps is in `data`, and its socket here. */
  readonly directory: string;
  /** The last that the server has logged. */
  readonly log: string[] = [];
  #port = 0;
  #postmaster: ChildProcess | undefined;
  readonly #keeper: ChildProcess;
  #settings: Settings = commonSettings;

  /** A new server that is ready for connections. `parent` is where its directory is made. */
  static async start(settings: Settings = {}, parent = place()): Promise<PostgresServer> {
    const server = new PostgresServer(parent);
    await run('cp', ['-a', await template(), server.dataDirectory]);
    await server.configure(settings);
    await server.run();
    return server;
  }

  /** A new standby of `primary`, which knows it by `name`. */
  static async startStandby(primary: PostgresServer, name: string, settings: Settings = {}) {
    const server = new PostgresServer(place());
    await server.copyFrom(primary, name);
    await server.configure(settings);
    await server.run();
    return server;
  }

  private constructor(parent: string) {
    this.directory = mkdtempSync(join(parent, 'holdfast-pg-'));
    const { directory } = this;
    if (user.uid !== undefined) chownSync(directory, user.uid, user.gid);
    // Ends when this process does: then it kills what runs in the directory, stopped or not, and removes it.
    this.#keeper = spawn('sh', ['-c', keeperScript, directory], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true, // an interrupt from the keyboard is not for it
    });
    this.#keeper.unref();
    (this.#keeper.stdin as unknown as { unref(): void }).unref();
  }

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  /** The same from start to start. */
  get port(): number {
    return this.#port;
  }

  get running(): boolean {
    return this.#postmaster !== undefined;
  }

  /** For `pg` and for `connect()`, by TCP. */
  get connection() {
    const { host, port, user, database } = this;
    return { host, port, user, database };
  }

  get connectionString(): string {
    return `postgres://${this.user}@${this.host}:${this.port}/${this.database}`;
  }

  /** Runs one statement, in a connection of its own. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ ...this.connection, host: this.directory });
    client.on('error', () => {}); // the query rejects as well
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Adds to the settings. A server that runs takes those on that need no restart. */
  async configure(settings: Settings): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    const lines = Object.entries({ ...this.#settings, unix_socket_directories: this.directory });
    const text = lines.map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
    await writeFile(join(this.dataDirectory, 'holdfast.conf'), text.join(''));
    if (this.#postmaster) await this.#reload();
  }

  /** Resolves when every session goes by what is configured now, from its next statement on. */
  async #reload(): Promise<void> {
    const loaded = async () =>
      (await this.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at'))[0]?.at;
    const before = await loaded();
    await this.query('SELECT pg_reload_conf()');
    // A session that sees the new ones was started after the postmaster had told all that were there.
    while ((await loaded()) === before) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Starts the server, and resolves when it is ready. */
  async run(): Promise<void> {
    const mayMove = this.#port === 0;
    for (let tries = 1; ; tries++) {
      if (mayMove) this.#port = await freePort();
      try {
        return await this.#runOnce();
      } catch (error) {
        // Somebody was faster with the port.
        if (!mayMove || tries === 5 || !this.log.some((line) => line.includes('could not bind'))) throw error;
      }
    }
  }

  async #runOnce(): Promise<void> {
    this.log.length = 0;
    const postmaster = spawn(
      join(programs as string, 'postgres'),
      ['-D', this.dataDirectory, '-p', String(this.port)],
      {
        ...user,
        cwd: this.dataDirectory, // as PostgreSQL itself has it a moment later: the keeper knows it by that
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    this.#postmaster = postmaster;
    const exited = once(postmaster, 'exit').then(() => {
      if (this.#postmaster === postmaster) this.#postmaster = undefined;
      return 'exited' as const;
    });
    const ready = new Promise<'ready'>((resolve) => {
      createInterface({ input: postmaster.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        this.log.push(line);
        if (this.log.length > 200) this.log.shift();
        if (/ready to accept (read-only )?connections/.test(line)) resolve('ready');
      });
    });
    if ((await Promise.race([ready, exited])) === 'exited') {
      throw new Error(`PostgreSQL did not start:\n${this.log.join('\n')}`);
    }
    postmaster.unref();
    (postmaster.stderr as unknown as { unref(): void }).unref();
  }

  /** `'fast'` cuts every connection and ends in order; `'immediate'` is as a crash. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const exited = this.#exited();
    this.#postmaster?.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
  }

  async restart(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.stop(how);
    await this.run();
  }

  /** SIGKILL for all processes of the server at the same moment: as when the machine is gone. */
  async kill(): Promise<void> {
    const exited = this.#exited();
    this.pause(); // so that none sees another's end and reports it to a client
    for (const pid of this.processes()) signal(pid, 'SIGKILL');
    await exited;
    // The kernel has taken them out of its lists, so that their socket and shared memory are free.
    while (this.processes().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** SIGSTOP for all processes of the server: connections stay, and nobody answers. */
  pause(): void {
    if (!this.#postmaster?.pid) return;
    signal(this.#postmaster.pid, 'SIGSTOP'); // first, so that it starts no more
    for (const pid of this.processes()) signal(pid, 'SIGSTOP');
  }

  /** Ends {@link pause}. */
  resume(): void {
    for (const pid of this.processes()) signal(pid, 'SIGCONT');
  }

  /** The processes of this server. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => workingDirectory(pid) === this.dataDirectory)
      .map(Number);
  }

  /** Whether new transactions may write. Those that run go on. */
  async setReadOnly(readOnly: boolean): Promise<void> {
    await this.query(`ALTER SYSTEM SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`);
    await this.#reload();
  }

  /** Makes a standby a primary, and resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(false)');
    while ((await this.query('SELECT 1 WHERE pg_is_in_recovery()')).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Where a standby gets its log from; nowhere without `primary`. Resolves when it has let go of the old one. */
  async follow(primary: PostgresServer | undefined, name: string): Promise<void> {
    const source = primary
      ? `host=${primary.directory} port=${primary.port} user=postgres application_name=${name}`
      : '';
    await this.query(`ALTER SYSTEM SET primary_conninfo = '${source}'`);
    await this.#reload();
    if (primary) return;
    while ((await this.query('SELECT 1 FROM pg_stat_wal_receiver')).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** How far the log is that this standby has safely written, or replayed, in bytes. */
  async received(): Promise<bigint> {
    const [row] = await this.query<{ bytes: string }>(
      `SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn AS bytes`,
    );
    return BigInt((row as { bytes: string }).bytes);
  }

  /** Replaces the data by a copy of the primary's, whose standby this server is when it runs again. */
  async copyFrom(primary: PostgresServer, name: string): Promise<void> {
    await removeSharedMemory(this.dataDirectory);
    await rm(this.dataDirectory, { recursive: true, force: true });
    const source = `host=${primary.directory} port=${primary.port} user=postgres application_name=${name}`;
    const options = ['--pgdata', this.dataDirectory, '--write-recovery-conf', '--checkpoint=fast'];
    await run(join(programs as string, 'pg_basebackup'), [
      ...options,
      '--no-sync',
      '--wal-method=stream',
      '--dbname',
      source,
    ]);
    await this.configure({}); // not the primary's
  }

  /** Ends the server, and removes its data. */
  async remove(): Promise<void> {
    const ended = once(this.#keeper, 'exit');
    this.#keeper.ref();
    this.#keeper.stdin?.end();
    await Promise.all([ended, this.#exited()]);
  }

  async #exited(): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster) return;
    postmaster.ref();
    await once(postmaster, 'exit');
  }
}

/**
 * Waits for the end of its input, which is the end of the test process, also by SIGKILL. Then kills whatever works in
 * the data directory, again and again until nothing does, and removes everything.
 */
const keeperScript = `
cat >/dev/null
while
  pids=$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$0/data" 2>/dev/null | cut -d/ -f3)
  [ -n "$pids" ]
do kill -9 $pids 2>/dev/null
done
ipcrm -m "$(awk 'NR == 7 { print $2 }' "$0/data/postmaster.pid")" 2>/dev/null # see removeSharedMemory()
rm -rf "$0"
`;

/** What initdb makes, once for all tests of this machine: that takes seconds, a copy none. */
async function template(): Promise<string> {
  const { stdout } = await run(join(programs as string, 'postgres'), ['--version']);
  const directory = join(place(), `holdfast-pg-template-${stdout.match(/[0-9.]+/)}`);
  if (existsSync(directory)) return directory;
  const unfinished = mkdtempSync(`${directory}.new-`);
  if (user.uid !== undefined) chownSync(unfinished, user.uid, user.gid);
  const data = join(unfinished, 'data');
  const options = [
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
    '--wal-segsize=1',
  ];
  await run(join(programs as string, 'initdb'), ['--pgdata', data, ...options]);
  await writeFile(join(data, 'postgresql.conf'), `include = 'holdfast.conf'\n`);
  try {
    renameSync(data, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error; // else another process was faster
  }
  rmSync(unfinished, { recursive: true, force: true });
  return directory;
}

/** A server that was killed leaves a segment of System V shared memory, which nobody else removes. */
async function removeSharedMemory(dataDirectory: string): Promise<void> {
  const lines = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const segment = lines.split('\n')[6]?.trim().split(/ +/)[1];
  if (segment) await run('ipcrm', ['-m', segment]).catch(() => {});
}

/**
 * A port of the loopback interface that nobody has now. It is none that the system gives to outgoing connections
 * (ip_local_port_range in ip(7), from 32768 on): while a server is down, its clients try again and again, and one of
 * them would be given the very port in the end, and be connected to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // it has ended
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A connection of the product's own to the server, closed when the test ends. */
export async function connected({ connectionString }: PostgresServer): Promise<Postgres> {
  const postgres = await connect({ connectionString });
  onTestFinished(() => postgres.close());
  return postgres;
}
