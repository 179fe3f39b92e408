/** Locks through a pooler: pgbouncer with a session for each client, which will do, and with one for each transaction. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'holdfast/postgres';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../support/files.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

const program = '/usr/sbin/pgbouncer';
const nobody = 65534;

describe.skipIf(noPostgres || !existsSync(program))('locks through pgbouncer', () => {
  async function pooled(mode: 'session' | 'transaction'): Promise<pg.Pool> {
    const server = await PostgresServer.start();
    onTestFinished(() => server.remove());
    const directory = temporaryDirectory();
    const settings = join(directory, 'pgbouncer.ini');
    await writeFile(join(directory, 'users'), '"postgres" ""\n');
    await writeFile(
      settings,
      `[databases]\npostgres = host=${server.host} port=${server.port}\n[pgbouncer]\npool_mode = ${mode}\n` +
        `auth_type = trust\nauth_file = ${join(directory, 'users')}\nlisten_addr =\nlisten_port = 6432\n` +
        `unix_socket_dir = ${directory}\nignore_startup_parameters = extra_float_digits\n`,
    );
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(directory, nobody, nobody);
    const bouncer = spawn(program, [settings], {
      ...(isRoot && { uid: nobody, gid: nobody }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void bouncer.kill('SIGKILL'));
    for await (const line of createInterface({ input: bouncer.stderr }))
      if (line.includes('process up')) break;
    bouncer.stderr.resume();
    const pool = new pg.Pool({ host: directory, port: 6432, user: 'postgres', database: 'postgres' });
    pool.on('error', () => {});
    return pool;
  }

  it('are refused where each transaction has another session, and say what to do', async () => {
    const pool = await pooled('transaction');
    const postgres = await connect({ pool });
    for (const call of [() => postgres.lock('a'), () => postgres.tryLock('a')]) {
      await expect(call()).rejects.toMatchObject({
        code: 'EVALIDATION',
        field: 'pool',
        message: expect.stringContaining('pool_mode = session'),
      });
    }
    await postgres.close();
    await pool.end();
  });

  it('are held where each client has a session', async () => {
    const pool = await pooled('session');
    const postgres = await connect({ pool });
    const held = await postgres.lock('a');
    expect(await postgres.tryLock('a')).toBe(null);
    await held.release();
    expect(await postgres.withLock('a', ({ fence }) => fence)).toBe(2);
    await postgres.close();
    await pool.end();
  });
});
