/**
 * The engines that the conformance suite runs over: where each keeps a new chronicle, by an address that
 * test/programs/open-at.mjs opens.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { noPostgres, PostgresServer } from '../support/postgres.js';

export interface EngineUnderTest {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly missing: string | undefined;
  /** Called once in a describe block: begins before its tests, ends after them. Returns what makes addresses. */
  readonly begin: () => () => string;
  /** The lines that a chronicle is kept in, without newlines. */
  readonly linesOf: (address: string) => Promise<string[]>;
  /** Has a chronicle consist of these lines, as somebody would who goes around holdfast. */
  readonly tamper: (address: string, lines: readonly string[]) => Promise<void>;
}

let number = 0;

export const engines: readonly EngineUnderTest[] = [
  {
    name: 'a file',
    missing: undefined,
    begin: () => () => join(temporaryDirectory(), 'chronicle'),
    linesOf: async (file) => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    tamper: async (file, lines) => writeFileSync(file, lines.map((line) => `${line}\n`).join('')),
  },
  {
    name: 'PostgreSQL',
    missing: noPostgres,
    begin: () => {
      let server: PostgresServer;
      beforeAll(async () => {
        server = await PostgresServer.start();
      });
      afterAll(() => server.remove());
      return () => addressOf(server);
    },
    linesOf: (address) =>
      onTables(address, async (client, { events, id }) => {
        const sql = `SELECT line FROM ${events} WHERE chronicle = $1 ORDER BY begins`;
        return (await client.query(sql, [id])).rows.map(({ line }) => line);
      }),
    tamper: (address, lines) =>
      onTables(address, async (client, { events, chronicles, id }) => {
        await client.query(`DELETE FROM ${events} WHERE chronicle = $1`, [id]);
        let begins = 0;
        for (const [index, line] of lines.entries()) {
          const insert = `INSERT INTO ${events} (chronicle, begins, number, copy, line) VALUES ($1, $2, $3, $3, $4)`;
          await client.query(insert, [id, begins, index + 1, line]);
          begins += Buffer.byteLength(line) + 1;
        }
        await client.query(`UPDATE ${chronicles} SET ends = $2, events = $3 WHERE id = $1`, [
          id,
          begins,
          lines.length,
        ]);
      }),
  },
];

/** A new chronicle on a server, whose name no statement should ever hold. */
export function addressOf(server: PostgresServer): string {
  const url = new URL(server.connectionString);
  url.searchParams.set('schema', 'an "odd" schema; --');
  url.searchParams.set('chronicle', `'); DROP TABLE events; -- ${number++}`);
  return url.href;
}

export interface Tables {
  /** Their names, quoted. */
  readonly chronicles: string;
  readonly events: string;
  /** The number of the chronicle in them. */
  readonly id: number;
}

/** Goes to the tables of a chronicle with this address, around holdfast. */
export async function onTables<T>(
  address: string,
  use: (client: pg.Client, tables: Tables) => Promise<T>,
): Promise<T> {
  const { searchParams } = new URL(address);
  const schema = pg.escapeIdentifier(searchParams.get('schema') as string);
  const client = new pg.Client({ connectionString: address.replace(/\?.*/, '') });
  await client.connect();
  try {
    const tables = { chronicles: `${schema}.chronicles`, events: `${schema}.events` };
    const find = `SELECT id FROM ${tables.chronicles} WHERE name = $1`;
    const [row] = (await client.query(find, [searchParams.get('chronicle')])).rows;
    return await use(client, { ...tables, id: row.id });
  } finally {
    await client.end();
  }
}
