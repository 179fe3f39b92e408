/**
 * Who is told of new events on a PostgreSQL server: those who follow a chronicle, from the first commit on that they
 * might miss, and nobody else, since telling costs a transaction.
 */
import { hash } from 'node:crypto';
import type { Chronicle } from 'holdfast';
import { connect, type Postgres } from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

const end = 'end of the test';
const channel = `holdfast_${hash('sha256', 'holdfast').slice(0, 16)}`;
let number = 0;

describe.skipIf(noPostgres)('followers of a chronicle on a PostgreSQL server', () => {
  let server: PostgresServer;
  let postgres: Postgres;
  let name: string;
  beforeAll(async () => {
    server = await PostgresServer.start();
    postgres = await connect({ connectionString: server.connectionString });
  });
  afterAll(async () => {
    await postgres.close();
    await server.remove();
  });
  beforeEach(async () => {
    name = `followed ${number++}`;
    await (await postgres.openChronicle(name)).close();
  });

  async function clientOf(): Promise<pg.Client> {
    const client = new pg.Client(server.connection);
    client.on('error', () => {}); // of the server's end
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  /** Hears what everybody is told. What it returns ends that, and says how often it was about this test's chronicle. */
  async function listen(): Promise<() => Promise<number>> {
    const [row] = await server.query<{ id: number }>('SELECT id FROM holdfast.chronicles WHERE name = $1', [
      name,
    ]);
    const client = await clientOf();
    const told: unknown[] = [];
    const ended = new Promise<void>((resolve) => {
      client.on('notification', ({ payload }) => (payload === end ? resolve() : told.push(payload)));
    });
    await client.query(`LISTEN ${channel}`);
    return async () => {
      await client.query('SELECT pg_notify($1, $2)', [channel, end]);
      await ended;
      return told.filter((id) => id === String(row?.id)).length;
    };
  }

  /** Appends in commits of their own, and resolves when whoever is told was told. */
  async function append(events: number): Promise<void> {
    const chronicle = await postgres.openChronicle(name);
    for (let n = 0; n < events; n++) await chronicle.append({ n: number++ });
    await chronicle.close();
  }

  /** Resolves when so many connections wait to be told of this test's chronicle, or are. */
  async function untilTold(count: number, granted = true): Promise<void> {
    const sql = `SELECT 1 FROM pg_locks l JOIN holdfast.chronicles c ON l.objid = c.id::oid AND l.classid = c.tableoid
      WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted = $1 AND c.name = $2`;
    while ((await server.query(sql, [granted, name])).length !== count) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Follows it by a connection to the server of its own. */
  async function follow() {
    const other = await connect({ connectionString: server.connectionString });
    onTestFinished(() => other.close());
    const chronicle: Chronicle = await other.openChronicle(name, { readOnly: true });
    const stop = new AbortController();
    const seen: unknown[] = [];
    const done = (async () => {
      for await (const { event } of chronicle.follow({ signal: stop.signal })) seen.push(event.n);
    })();
    const end = async () => {
      stop.abort();
      await done;
    };
    return { seen, end };
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('nobody is told where nobody follows, or only another chronicle is followed', async () => {
    const told = await listen();
    await append(3);
    const others = name;
    name = `followed ${number++}`;
    await (await postgres.openChronicle(name)).close();
    await follow();
    await untilTold(1);
    name = others;
    await append(3);
    expect(await told()).toBe(0);
  });

  it('as many as follow are told, until the last of them has ended', async () => {
    await append(1);
    const told = await listen();
    const first = await follow();
    const second = await follow();
    await untilTold(2);
    await append(2);
    await until(() => first.seen.length === 3 && second.seen.length === 3);
    await first.end();
    await untilTold(1);
    await append(1);
    await until(() => second.seen.length === 4);
    await second.end();
    await untilTold(0);
    const before = await told();
    expect(before).toBeGreaterThan(1);
    const after = await listen();
    await append(3);
    expect(await after()).toBe(0);
  });

  it('two that follow by one connection are told until both have ended', async () => {
    const chronicle = await postgres.openChronicle(name);
    const [one, two] = [chronicle.follow(), chronicle.follow()];
    const firsts = [one.next(), two.next()];
    await untilTold(1);
    await append(1);
    await Promise.all(firsts);
    await one.return();
    const second = two.next();
    await append(1);
    await second;
    await untilTold(1);
    const told = await listen();
    await append(1);
    expect(await told()).toBeGreaterThan(0);
    await two.return();
    await untilTold(0);
    const again = chronicle.follow({ from: 'end' });
    const third = again.next();
    await untilTold(1);
    await append(1);
    await third;
    await again.return();
  });

  it('one that begins while somebody commits waits for that commit, and those after it tell', async () => {
    const writer = await clientOf();
    await writer.query('BEGIN');
    await writer.query(
      'SELECT pg_advisory_xact_lock(tableoid::bigint::bit(32)::integer, id) FROM holdfast.chronicles WHERE name = $1',
      [name],
    );
    const told = await listen();
    const follower = await follow();
    await untilTold(1, false);
    await append(1);
    await until(() => follower.seen.length === 1);
    expect(await told()).toBe(1);
    await writer.query('COMMIT');
    await untilTold(1);
    await follower.end();
  });

  it('they are told again after the server was restarted', async () => {
    const follower = await follow();
    await untilTold(1);
    await server.restart();
    await untilTold(1);
    const told = await listen();
    await append(1);
    await until(() => follower.seen.length === 1);
    expect(await told()).toBeGreaterThan(0);
    await follower.end();
  });
});
