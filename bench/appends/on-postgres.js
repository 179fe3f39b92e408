/**
 * Ways to append durably to a PostgreSQL server in Node, all with one driver. `open` is as in contenders.js; its path is
 * `postgres://…#schema`, and what it makes is in that schema.
 */
import { randomUUID } from 'node:crypto';
import { connect } from 'holdfast/postgres';
import { loadPeer } from '../support/peer.js';
import { groupCommit } from './queues.js';

const pg = await loadPeer('pg');

/** As many connections as a service has for one process; who needs only one takes one. */
const connections = 10;

function poolOf(path) {
  const [connectionString, schema] = path.split('#');
  return { schema, connectionString, pool: new pg.Pool({ connectionString, max: connections }) };
}

async function openTable(path) {
  const { schema, pool } = poolOf(path);
  await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await pool.query(
    `CREATE TABLE IF NOT EXISTS ${schema}.events
       (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text UNIQUE, event text NOT NULL)`,
  );
  return { pool, table: `${schema}.events` };
}

const placeholders = (count) =>
  Array.from({ length: count }, (_, row) => `($${2 * row + 1}, $${2 * row + 2})`).join(', ');

async function openBoss(path) {
  const PgBoss = await loadPeer('pg-boss');
  const { connectionString, schema } = poolOf(path);
  const boss = new PgBoss({ connectionString, schema, max: connections, supervise: false, schedule: false });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue('events');
  return boss;
}

/** @type {import('./contenders.js').Contender[]} */
export const contenders = [
  {
    name: 'holdfast',
    groups: true,
    open: async (path) => {
      const { pool, schema } = poolOf(path);
      const postgres = await connect({ pool, schema });
      const chronicle = await postgres.openChronicle('events', { dedupe: 'all', lockTimeout: 60_000 });
      return (event) => chronicle.append(event);
    },
  },
  {
    // As it is written by hand where a retry must not be counted twice: one statement at a time, of what came meanwhile.
    name: 'multi-row INSERT',
    groups: true,
    open: async (path) => {
      const { pool, table } = await openTable(path);
      return groupCommit((events) =>
        pool.query(
          `INSERT INTO ${table} (id, event) VALUES ${placeholders(events.length)} ON CONFLICT DO NOTHING`,
          events.flatMap((event) => [randomUUID(), JSON.stringify(event)]),
        ),
      );
    },
  },
  {
    name: 'multi-row INSERT, without ids',
    groups: true,
    open: async (path) => {
      const { pool, table } = await openTable(path);
      return groupCommit((events) =>
        pool.query(
          `INSERT INTO ${table} (id, event) VALUES ${placeholders(events.length)}`,
          events.flatMap((event) => [null, JSON.stringify(event)]),
        ),
      );
    },
  },
  {
    name: 'single INSERTs',
    open: async (path) => {
      const { pool, table } = await openTable(path);
      const text = `INSERT INTO ${table} (id, event) VALUES ($1, $2) ON CONFLICT DO NOTHING`;
      return (event) => pool.query({ name: 'insert', text, values: [randomUUID(), JSON.stringify(event)] });
    },
  },
  {
    name: 'pg-boss, insert() of many',
    needs: 'pg-boss',
    groups: true,
    open: async (path) => {
      const boss = await openBoss(path);
      return groupCommit((events) => boss.insert(events.map((data) => ({ name: 'events', data }))));
    },
  },
  {
    name: 'pg-boss, send()',
    needs: 'pg-boss',
    open: async (path) => {
      const boss = await openBoss(path);
      return (event) => boss.send('events', event);
    },
  },
];

/** @returns {Promise<import('./contenders.js').Contender[]>} those that are installed, holdfast first */
export async function loadContenders() {
  if (!pg) throw new Error('pg is not installed: npm ci');
  const hasBoss = (await loadPeer('pg-boss')) !== undefined;
  return contenders.filter(({ needs }) => !needs || hasBoss);
}
