/** What connect() and openChronicle() say when the server is not there, or refuses the connection: what, where, and what to do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { HoldfastError } from 'holdfast';
import { connect } from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../support/command.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

describe.skipIf(noPostgres)('a server that cannot be connected to', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
    await server.query(`CREATE USER known PASSWORD 'right-secret'`);
    await server.query(`CREATE USER crowded PASSWORD 'right-secret' CONNECTION LIMIT 0`);
    await server.query(`CREATE USER outcast PASSWORD 'right-secret'`);
    await server.query('REVOKE CONNECT ON DATABASE postgres FROM public');
    await server.query('CREATE DATABASE closed');
    await server.query('REVOKE CONNECT ON DATABASE closed FROM public');
    await server.query('GRANT CONNECT ON DATABASE postgres TO known, crowded, outcast');
    await writeFile(
      join(server.dataDirectory, 'pg_hba.conf'),
      'local all all trust\nhost all outcast 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n',
    );
    await server.configure({});
  });
  afterAll(() => server?.remove());

  const at = (user: string, password: string, database = 'postgres') =>
    `postgres://${user}${password && `:${password}`}@127.0.0.1:${server.port}/${database}`;

  const cases: [string, () => string, { code: RegExp; says: string[]; advises: string }][] = [
    [
      'nobody listens',
      () => 'postgres://me:wrong-secret@127.0.0.1:1/app',
      {
        code: /^ECONNREFUSED$/,
        says: ["127.0.0.1:1, database 'app', user 'me'"],
        advises: 'is the server running',
      },
    ],
    [
      'nobody listens at any address of the host',
      () => 'postgres://me:wrong-secret@localhost:1/app',
      { code: /^ECONNREFUSED$/, says: ['localhost:1', 'ECONNREFUSED'], advises: 'is the server running' },
    ],
    [
      'there is no socket',
      () => 'postgres://me:wrong-secret@/app?host=/nowhere&port=5433',
      { code: /^ENOENT$/, says: ['/nowhere, port 5433', "'app'"], advises: 'directory of its socket' },
    ],
    [
      'there is no such host',
      () => 'postgres://me:wrong-secret@nowhere.invalid/app',
      { code: /^(ENOTFOUND|EAI_AGAIN)$/, says: ['nowhere.invalid:5432'], advises: 'is the name of the host' },
    ],
    [
      'the password is wrong',
      () => at('known', 'wrong-secret'),
      { code: /^28P01$/, says: ["user 'known'"], advises: 'check the user and the password' },
    ],
    [
      'nobody knows the user',
      () => at('stranger', 'wrong-secret'),
      { code: /^28P01$/, says: ["user 'stranger'"], advises: 'check the user and the password' },
    ],
    [
      'the user is not let in',
      () => at('outcast', 'right-secret'),
      { code: /^28000$/, says: ["user 'outcast'"], advises: 'pg_hba.conf' },
    ],
    [
      'there is no such database',
      () => at('known', 'right-secret', 'missing'),
      { code: /^3D000$/, says: ["database 'missing'"], advises: 'make the database' },
    ],
    [
      'the user may not connect to the database',
      () => at('known', 'right-secret', 'closed'),
      { code: /^42501$/, says: ["database 'closed'"], advises: 'right to CONNECT' },
    ],
    [
      'the server has too many connections',
      () => at('crowded', 'right-secret'),
      { code: /^53300$/, says: ["user 'crowded'"], advises: 'make the pools smaller' },
    ],
  ];

  it.each(cases)('%s', async (_, connectionString, { code, says, advises }) => {
    const pool = new pg.Pool({ connectionString: connectionString() });
    onTestFinished(() => pool.end());
    for (const options of [{ connectionString: connectionString() }, { pool }]) {
      const error = await errorOf(connect({ ...options, schema: 'of_mine' }));
      expect(error).toMatchObject({ code: 'EIO', cause: { code: expect.stringMatching(code) } });
      for (const words of [...says, advises]) expect(error.message).toContain(words);
      expect(error.message).not.toContain('of_mine');
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('-secret');
    }
  });

  it('a password that is needed, and not given', async () => {
    const error = await errorOf(connect({ connectionString: at('known', '') }));
    expect(error.message).toContain('the server asks for a password');
  });

  it.each(['postgres://known:wrong-secret@127.0.0.1:99999999/x', 'postgres://known:wrong-secr/et@[::1/x'])(
    'a connectionString that is no URL: %s',
    async (connectionString) => {
      const error = await errorOf(connect({ connectionString }));
      expect(error).toMatchObject({ code: 'EVALIDATION', field: 'connectionString' });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('wrong-secr');
    },
  );

  it('a pool without a free connection', async () => {
    const pool = new pg.Pool({ ...server.connection, host: server.directory, max: 1 });
    const taken = await pool.connect();
    onTestFinished(async () => {
      taken.release();
      await pool.end();
    });
    const error = await errorOf(connect({ pool, answerTimeout: 50 }));
    expect(error).toMatchObject({ code: 'EIO', cause: { code: 'ETIMEDOUT' } });
    expect(error.message).toContain(server.directory);
    expect(error.message).toContain('Give it a larger max');
  });

  it('one that has gone: openChronicle and append name the chronicle and the server', async () => {
    const gone = await PostgresServer.start();
    onTestFinished(() => gone.remove());
    const postgres = await connect({ connectionString: gone.connectionString });
    onTestFinished(() => postgres.close());
    const chronicle = await postgres.openChronicle('orders');
    await gone.stop();
    for (const call of [() => postgres.openChronicle('others'), () => chronicle.append({ n: 1 })]) {
      let error = await errorOf(call());
      // What was connected still learns of the end from the first call.
      if (!error.message.includes('no connection')) error = await errorOf(call());
      expect(error).toMatchObject({ code: 'EIO', outcomeUnknown: false, cause: { code: 'ECONNREFUSED' } });
      expect(error.message).toMatch(
        /'(orders|others)' on PostgreSQL: no connection to 127\.0\.0\.1:\d+, database/,
      );
    }
  });

  it('the command says it too', async () => {
    const { code, err } = await run(['cat', 'postgres://me:wrong-secret@127.0.0.1:1/app?chronicle=orders']);
    expect(code).not.toBe(0);
    expect(err).toContain("127.0.0.1:1, database 'app', user 'me'");
    expect(err).toContain('is the server running');
    expect(err).not.toContain('wrong-secret');
  });
});

async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  return promise.then(
    () => expect.unreachable('it did not reject'),
    (error) => error,
  );
}
