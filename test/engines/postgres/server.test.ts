/** The servers that the tests start: that they do what is said of them, and never outlive the test process. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stateOf } from '../../support/blocking.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';
import { PostgresCluster } from '../../support/postgres-cluster.js';
import { Program } from '../../support/processes.js';

describe.skipIf(noPostgres)('a PostgreSQL server of the tests', () => {
  async function newServer(): Promise<PostgresServer> {
    const server = await PostgresServer.start();
    onTestFinished(() => server.remove());
    return server;
  }

  it('keeps its data when it is stopped, restarted and killed', async () => {
    const server = await newServer();
    await server.query('CREATE TABLE kept (n int)');
    for (const end of [() => server.stop(), () => server.stop('immediate'), () => server.kill()]) {
      await server.query('INSERT INTO kept VALUES (1)');
      await end();
      expect(server.processes()).toEqual([]);
      await server.run();
    }
    expect(await server.query('SELECT count(*)::int AS count FROM kept')).toEqual([{ count: 3 }]);
  });

  it('answers nobody while it is paused', async () => {
    const server = await newServer();
    const client = new pg.Client(server.connection);
    await client.connect();
    onTestFinished(() => client.end());
    server.pause();
    const answer = client.query('SELECT 1');
    await setTimeout(50);
    expect(await stateOf(answer)).toBe('pending');
    server.resume();
    expect((await answer).rowCount).toBe(1);
  });

  it('can be made read-only', async () => {
    const server = await newServer();
    await server.setReadOnly(true);
    await expect(server.query('CREATE TABLE refused ()')).rejects.toMatchObject({ code: '25006' });
    await server.setReadOnly(false);
    await server.query('CREATE TABLE taken ()');
  });

  it.each(['running', 'paused'])(
    'ends with the test process that is killed while it is %s',
    async (state) => {
      const program = new Program('postgres-server', state);
      const { directory, processes } = await program.next<{ directory: string; processes: number[] }>();
      expect(processes.length).toBeGreaterThan(1);
      await program.kill();
      while (existsSync(directory) || processes.some(exists)) await setTimeout(10);
    },
  );
});

describe.skipIf(noPostgres)('a cluster of the tests', () => {
  it('loses nothing that was acknowledged when the primary is killed, and takes it back', async () => {
    const cluster = await PostgresCluster.start();
    onTestFinished(() => cluster.remove());
    await cluster.primary.query('CREATE TABLE kept (n int)');
    for (const stop of ['kill', 'pause'] as const) {
      await cluster.primary.query('INSERT INTO kept VALUES (1)');
      const old = cluster.primary;
      await old[stop]();
      await cluster.failover();
      expect(cluster.primary).not.toBe(old);
      await cluster.rejoin();
    }
    const client = new pg.Client(cluster.connection);
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS count FROM kept');
    expect(rows).toEqual([{ count: 2 }]);
    const ended = once(client, 'end');
    await client.end();
    await ended;
  });

  it('acknowledges nothing on a primary that was replaced', async () => {
    const cluster = await PostgresCluster.start();
    onTestFinished(() => cluster.remove());
    await cluster.primary.query('CREATE TABLE kept (n int)');
    const client = new pg.Client(cluster.connection);
    client.on('error', () => {});
    await client.connect();
    const old = cluster.primary;
    old.pause();
    await cluster.failover();
    const commit = client.query('INSERT INTO kept VALUES (1)');
    commit.catch(() => {});
    old.resume();
    const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
    while ((await old.query(waits)).length === 0) await setTimeout(5);
    expect(await stateOf(commit)).toBe('pending');
    await cluster.rejoin();
    await expect(commit).rejects.toThrow();
    expect(await cluster.primary.query('SELECT * FROM kept')).toEqual([]);
  });
});

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
