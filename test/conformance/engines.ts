/**
 * The engines that the conformance suite runs over: where each keeps a new chronicle, by an address that
 * test/programs/open-at.mjs opens.
 */
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { noPostgres, PostgresServer } from '../support/postgres.js';

export interface EngineUnderTest {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly missing: string | undefined;
  /** Called once in a describe block: begins before its tests, ends after them. Returns what makes addresses. */
  readonly begin: () => () => string;
}

let number = 0;

export const engines: readonly EngineUnderTest[] = [
  {
    name: 'a file',
    missing: undefined,
    begin: () => () => join(temporaryDirectory(), 'chronicle'),
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
  },
];

/** A new chronicle on a server, whose name no statement should ever hold. */
export function addressOf(server: PostgresServer): string {
  const url = new URL(server.connectionString);
  url.searchParams.set('schema', 'an "odd" schema; --');
  url.searchParams.set('chronicle', `'); DROP TABLE events; -- ${number++}`);
  return url.href;
}
