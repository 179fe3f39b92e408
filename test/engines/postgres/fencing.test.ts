/** E3: an append with the token of a lock that somebody else was given since is refused. */
import { connect, type Postgres } from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

describe.skipIf(noPostgres)('E3: appends with a fencing token', () => {
  let server: PostgresServer;
  let postgres: Postgres;
  let pool: pg.Pool;

  beforeAll(async () => {
    server = await PostgresServer.start();
    pool = new pg.Pool(server.connection);
    pool.on('error', () => {});
    postgres = await connect({ pool });
  });
  afterAll(async () => {
    await postgres.close();
    await pool.end();
    await server.remove();
  });

  it('are refused as soon as the lock has another holder', async () => {
    const chronicle = await postgres.openChronicle<{ n: number }>('fenced');
    const first = await postgres.lock('leader');
    await chronicle.append({ n: 1 }, { fence: first });
    for (const { pid } of await postgres.lockHolders('leader'))
      await server.query('SELECT pg_terminate_backend($1)', [pid]);
    await using second = await postgres.lock('leader');
    const refused = { code: 'EFENCED', path: 'fenced' };
    await expect(chronicle.append({ n: 2 }, { fence: first })).rejects.toMatchObject(refused);
    await expect(chronicle.appendMany([{ n: 2 }, { n: 3 }], { fence: first })).rejects.toMatchObject(refused);
    const outcomes = await Promise.allSettled([
      chronicle.append({ n: 4 }, { fence: second }),
      chronicle.append({ n: 5 }, { fence: first }),
      chronicle.append({ n: 6 }),
      chronicle.append({ n: 7 }, { fence: { path: 'leader', fence: first.fence } }),
      chronicle.append({ n: 8 }, { fence: second }),
    ]);
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
    expect((await chronicle.toArray()).map(({ event }) => event.n)).toEqual([1, 4, 6, 8]);
  });

  it('hold the next holder up until they are committed', async () => {
    const chronicle = await postgres.openChronicle<{ n: number }>('pending');
    const old = await postgres.lock('slow');
    await old.release();
    const blocker = new pg.Client(server.connection);
    await blocker.connect();
    onTestFinished(() => blocker.end());
    await blocker.query('BEGIN');
    await blocker.query(`SELECT FROM holdfast.chronicles WHERE name = 'pending' FOR UPDATE`);
    const append = chronicle.append({ n: 1 }, { fence: old });
    const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
    while ((await server.query(waits)).length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    let given = false;
    const next = postgres.lock('slow').then((held) => {
      given = true;
      return held;
    });
    while ((await server.query(waits)).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(given).toBe(false);
    await blocker.query('COMMIT');
    await append;
    await (await next).release();
    await expect(chronicle.append({ n: 2 }, { fence: old })).rejects.toMatchObject({ code: 'EFENCED' });
  });
});
