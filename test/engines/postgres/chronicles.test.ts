/**
 * What only a chronicle on a server has to show: that it says what fails, loses nothing by it and goes on afterwards;
 * whom it refuses to trust; and how long it keeps events.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Chronicle, HoldfastError } from 'holdfast';
import {
  type ConnectOptions,
  connect,
  type Postgres,
  type PostgresChronicleOptions,
} from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { stateOf } from '../../support/blocking.js';
import { mountTmpfs, unmountable } from '../../support/mounts.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

let number = 0;

describe.skipIf(noPostgres)('chronicles on a PostgreSQL server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  async function connected(options: Partial<ConnectOptions> = {}): Promise<Postgres> {
    const { connectionString } = server;
    const postgres = await connect(options.pool ? options : { connectionString, ...options });
    onTestFinished(() => postgres.close());
    return postgres;
  }

  async function opened(
    options?: PostgresChronicleOptions,
    by?: Partial<ConnectOptions>,
  ): Promise<Chronicle> {
    return (await connected(by)).openChronicle(`chronicle ${number++}`, options);
  }

  async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
    const error: unknown = await promise.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error instanceof HoldfastError) return error;
    throw error ?? new Error('resolved');
  }

  describe('that fails', () => {
    /** Sends events until `count` are acknowledged: again, with the same ids, as long as it is refused. */
    async function sendAll(chronicle: Chronicle, name: string, count: number, errors: HoldfastError[]) {
      for (let n = 0; n < count; ) {
        try {
          await chronicle.append({ eventId: `${name}.${n}`, n });
          n++;
        } catch (error) {
          if (!(error instanceof HoldfastError) || error.code !== 'EIO') throw error;
          errors.push(error);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    }

    it('E2: killed and restarted under load, it loses and doubles nothing, and nobody needs a new process', async () => {
      const chronicle = await opened({ dedupe: 'all' });
      const followed: unknown[] = [];
      const count = 60;
      const callers = 8;
      const following = (async () => {
        for await (const { event } of chronicle.follow()) {
          followed.push(event.eventId);
          if (followed.length === callers * count) return;
        }
      })();
      const errors: HoldfastError[] = [];
      const sent = Promise.all(
        Array.from({ length: callers }, (_, caller) => sendAll(chronicle, `${caller}`, count, errors)),
      );
      for (const end of ['kill', 'immediate', 'fast'] as const) {
        const before = chronicle.stats().events;
        while (chronicle.stats().events < before + callers * 5)
          await new Promise((resolve) => setTimeout(resolve, 5));
        await (end === 'kill' ? server.kill() : server.stop(end));
        await server.run();
      }
      await sent;
      await following;
      expect(errors.length).toBeGreaterThan(0);
      const entries = await chronicle.toArray();
      expect(entries).toHaveLength(callers * count);
      expect(new Set(entries.map(({ event }) => event.eventId)).size).toBe(callers * count);
      expect(followed).toEqual(entries.map(({ event }) => event.eventId));
      expect((await chronicle.verify()).intact).toBe(true);
    });

    it('stopped in the middle of a commit: the outcome is unknown, and the same ids settle it', async () => {
      const chronicle = await opened({}, { answerTimeout: 3000, max: 1 });
      await chronicle.append({ n: 1 });
      await chronicle.toArray(); // the one connection is free
      server.pause();
      onTestFinished(() => server.resume());
      const error = await errorOf(chronicle.append({ n: 2 }));
      expect(error).toMatchObject({ code: 'EIO', outcomeUnknown: true, cause: { code: 'ETIMEDOUT' } });
      const before = await errorOf(chronicle.append({ n: 3 }));
      expect(before).toMatchObject({ code: 'EIO', outcomeUnknown: false, cause: { code: 'ETIMEDOUT' } });
      server.resume();
      await chronicle.appendMany([{ n: 2 }, { n: 3 }]);
      expect((await chronicle.toArray()).map(({ event }) => event.n)).toEqual([1, 2, 3]);
    });

    it('read-only: nothing was written, reading goes on, and so does appending when it takes writes again', async () => {
      const chronicle = await opened();
      await chronicle.append({ n: 1 });
      await server.setReadOnly(true);
      onTestFinished(() => server.setReadOnly(false));
      let error: HoldfastError | undefined;
      // The server takes it on in a moment.
      for (let n = 2; !error; n++) error = await errorOf(chronicle.append({ n })).catch(() => undefined);
      expect(error).toMatchObject({ code: 'EIO', outcomeUnknown: false, cause: { code: '25006' } });
      expect((await chronicle.toArray()).length).toBeGreaterThan(0);
      await server.setReadOnly(false);
      while (!(await chronicle.append({ last: true }).catch(() => undefined)));
      expect((await chronicle.tail(1))[0]?.event).toMatchObject({ last: true });
    });

    it.skipIf(unmountable)(
      'without room: EIO, and nothing was written; with room again it goes on',
      async () => {
        const postgres = await connected({ schema: 'small' });
        const chronicle = await postgres.openChronicle('filling');
        const disk = mountTmpfs(4 << 20);
        chownSync(disk, 65534, 65534); // the user of the server
        await server.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
        await server.query('ALTER TABLE small.events SET TABLESPACE small');
        try {
          const fill = randomBytes(50_000).toString('base64'); // which cannot be compressed
          let error: HoldfastError | undefined;
          let last = 0;
          for (let n = 0; !error; n++) {
            error = await errorOf(chronicle.append({ n, fill })).catch(() => undefined);
            if (!error) last = n;
          }
          expect(error).toMatchObject({ code: 'EIO', outcomeUnknown: false, cause: { code: '53100' } });
          expect((await chronicle.tail(1))[0]?.event.n).toBe(last);
          execFileSync('mount', ['-o', 'remount,size=64m', disk]);
          await chronicle.append({ n: last + 1, fill });
          expect((await chronicle.verify()).events).toBe(last + 2);
        } finally {
          await server.query('DROP TABLE small.events');
          await server.query('DROP TABLESPACE small');
        }
      },
    );

    it('that is not there: EIO', async () => {
      const error = await errorOf(connect({ connectionString: 'postgres://127.0.0.1:1/x' }));
      expect(error).toMatchObject({ code: 'EIO', cause: { code: 'ECONNREFUSED' } });
    });

    it('waits for the lock no longer than lockTimeout', async () => {
      const chronicle = await opened({ lockTimeout: 200 });
      const holder = new pg.Client(server.connection);
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM holdfast.chronicles WHERE name = $1 FOR UPDATE', [chronicle.path]);
      const error = await errorOf(chronicle.append({ n: 1 }));
      expect(error).toMatchObject({ code: 'ELOCK_TIMEOUT', path: chronicle.path, outcomeUnknown: false });
      const next = chronicle.append({ n: 2 });
      expect(await stateOf(next)).toBe('pending');
      await holder.end();
      await next;
      expect(await chronicle.toArray()).toHaveLength(1);
    });
  });

  describe('that must not be trusted', () => {
    it.each([
      ['fsync', 'off'],
      ['synchronous_commit', 'off'],
    ])('%s = %s is refused, unless durability is none', async (setting, value) => {
      const chronicle = await opened();
      const careless = await opened({ durability: 'none' });
      await chronicle.append({ n: 1 });
      await server.configure({ [setting]: value });
      onTestFinished(() => server.configure({ [setting]: 'on' }));
      let error: HoldfastError | undefined;
      for (let n = 2; !error; n++) error = await errorOf(chronicle.append({ n })).catch(() => undefined);
      expect(error).toMatchObject({ code: 'EVALIDATION', field: 'durability' });
      expect(error.message).toContain(setting);
      await careless.append({ n: 1 });
      expect(await careless.toArray()).toHaveLength(1);
    });

    it('another encoding is refused', async () => {
      await server.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`);
      const connectionString = server.connectionString.replace(/postgres$/, 'latin');
      const error = await errorOf(connect({ connectionString }));
      expect(error).toMatchObject({ code: 'EVALIDATION' });
      expect(error.message).toContain("ENCODING 'UTF8'");
    });

    it('a pool in another isolation level is refused', async () => {
      const pool = new pg.Pool({
        ...server.connection,
        options: '-c default_transaction_isolation=serializable',
      });
      onTestFinished(() => pool.end());
      expect(await errorOf(connect({ pool }))).toMatchObject({ code: 'EVALIDATION', field: 'pool' });
    });

    it('tables of a newer version are refused', async () => {
      await (await connect({ connectionString: server.connectionString, schema: 'newer' })).close();
      await server.query('INSERT INTO newer.migrations (step) VALUES (1000)');
      const error = await errorOf(connect({ connectionString: server.connectionString, schema: 'newer' }));
      expect(error).toMatchObject({ code: 'EVALIDATION', field: 'schema' });
      expect(error.message).toContain('update');
    });
  });

  it('many who connect at once make the tables once', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => connected({ schema: 'at once' })));
    await Promise.all(all.map(async (postgres) => (await postgres.openChronicle('same')).append({ n: 1 })));
    const chronicle = await (all[0] as Postgres).openChronicle('same');
    expect(await chronicle.toArray()).toHaveLength(1);
  });

  describe('rights', () => {
    function as(user: string): string {
      return server.connectionString.replace('postgres@', `${user}@`);
    }

    it('who may not make the tables is told what to do', async () => {
      await server.query('CREATE ROLE nobody_special LOGIN');
      const error = await errorOf(connect({ connectionString: as('nobody_special'), schema: 'of nobody' }));
      expect(error).toMatchObject({ code: 'EVALIDATION', field: 'schema' });
      expect(error.message).toContain('CREATE');
    });

    it('the rights that the documentation lists are enough, to write and to read', async () => {
      const chronicle = await opened();
      await chronicle.append({ n: 1 });
      await server.query('CREATE ROLE writer LOGIN');
      await server.query('CREATE ROLE reader LOGIN');
      await server.query('GRANT USAGE ON SCHEMA holdfast TO writer, reader');
      await server.query('GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO writer, reader');
      await server.query('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA holdfast TO writer');
      const written = await (await connected({ connectionString: as('writer') })).openChronicle(
        chronicle.path,
      );
      await written.append({ n: 2 });
      await (await connected({ connectionString: as('writer') })).openChronicle('of the writer');
      const reader = await connected({ connectionString: as('reader') });
      const read = await reader.openChronicle(chronicle.path);
      expect((await read.toArray()).map(({ event }) => event.n)).toEqual([1, 2]);
      await expect(read.append({ n: 3 })).rejects.toMatchObject({ code: 'EIO', cause: { code: '42501' } });
      await expect(reader.openChronicle('of the reader')).rejects.toMatchObject({ code: 'EIO' });
    });
  });

  describe('retain', () => {
    it('keeps about the last events, and says what is gone', async () => {
      const postgres = await connected();
      const name = `chronicle ${number++}`;
      const all = await postgres.openChronicle(name);
      await all.appendMany(Array.from({ length: 9 }, (_, n) => ({ n })));
      const [first] = await all.toArray({ limit: 1 });
      const chronicle = await postgres.openChronicle(name, { retain: { maxEvents: 3 } });
      await chronicle.append({ n: 9 });
      const numbers = async () => (await chronicle.toArray()).map(({ event }) => event.n);
      while ((await numbers()).length > 3) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await numbers()).toEqual([7, 8, 9]);
      const after = first?.position as string;
      await expect(chronicle.toArray({ after })).rejects.toMatchObject({ code: 'EGAP', gap: { after } });
      await expect(chronicle.follow({ after }).next()).rejects.toMatchObject({ code: 'EGAP' });
      const [kept] = await chronicle.toArray({ limit: 1 });
      expect(await chronicle.toArray({ after: kept?.position as string })).toHaveLength(2);
      // Offsets stay what they were.
      expect(kept?.offset).toBe(7 * 85);
      expect((await chronicle.append({ n: 10 })).offset).toBe(10 * 85);
      expect(await chronicle.verify()).toMatchObject({ intact: true, events: 4, bytes: 4 * 85 + 1 });
    });

    it('removes what is too old', async () => {
      const chronicle = await opened({ retain: { maxAge: 1 } });
      await chronicle.append({ n: 1 });
      while ((await chronicle.toArray()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      const [last] = await chronicle.tail(1);
      expect(last).toBeUndefined();
      expect((await chronicle.append({ n: 2 })).offset).toBe(85);
    });

    it.each([
      [{}, 'retain'],
      [{ maxAge: 0 }, 'retain.maxAge'],
      [{ maxEvents: 1.5 }, 'retain.maxEvents'],
      [{ maxBytes: 5 }, 'retain.maxBytes'],
      [7, 'retain'],
    ])('refuses %o', async (retain, field) => {
      const postgres = await connected();
      const error = await errorOf(postgres.openChronicle('x', { retain } as never));
      expect(error).toMatchObject({ code: 'EVALIDATION', field });
    });
  });

  describe('what has no meaning here is refused by name', () => {
    it.each([
      [{ rotate: { maxBytes: 1000 } }, 'rotate'],
      [{ onCorrupt: 'skip' }, 'onCorrupt'],
      [{ dedup: 'all' }, 'dedup'],
    ])('%o', async (options, field) => {
      const postgres = await connected();
      const error = await errorOf(postgres.openChronicle('x', options as never));
      expect(error).toMatchObject({ code: 'EVALIDATION', field });
    });

    it('appendSync, repair, files', async () => {
      const chronicle = await opened();
      await expect(chronicle.repair()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'repair' });
      await expect(chronicle.files()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'files' });
      await expect(chronicle.toArray({ files: 'current' })).rejects.toMatchObject({ field: 'files' });
      const refusal = { code: 'EVALIDATION', field: 'appendSync' };
      expect(() => chronicle.appendSync({})).toThrow(expect.objectContaining(refusal));
    });

    it.each(['', 'a\0b', 'x'.repeat(513), '\ud800', 7, undefined])('names: %o', async (name) => {
      const postgres = await connected();
      await expect(postgres.openChronicle(name as string)).rejects.toMatchObject({ field: 'name' });
    });

    it.each([
      [{}, 'pool'],
      [{ pool: {} }, 'pool'],
      [{ connectionString: 'localhost' }, 'connectionString'],
      [{ connectionString: 'postgres://x', max: 0 }, 'max'],
      [{ connectionString: 'postgres://x', schema: '' }, 'schema'],
      [{ connectionString: 'postgres://x', schema: 'pg_x' }, 'schema'],
      [{ connectionString: 'postgres://x', schema: 'é'.repeat(32) }, 'schema'],
      [{ connectionString: 'postgres://x', answerTimeout: -1 }, 'answerTimeout'],
      [{ conectionString: 'postgres://x' }, 'conectionString'],
    ])('connect(%o)', async (options, field) => {
      expect(await errorOf(connect(options as never))).toMatchObject({ code: 'EVALIDATION', field });
    });
  });

  it('readOnly: reads what is there, with a chain or without one, and makes and appends nothing', async () => {
    const postgres = await connected();
    const name = `chronicle ${number++}`;
    const missing = postgres.openChronicle(name, { readOnly: true });
    expect((await errorOf(missing)).message).toContain('no chronicle of this name');
    const written = await postgres.openChronicle(name, { chain: true });
    await written.append({ n: 1 });
    const read = await postgres.openChronicle(name, { readOnly: true });
    expect((await read.toArray()).map(({ event }) => event.n)).toEqual([1]);
    expect(await read.verify({ chain: true })).toMatchObject({ intact: true });
    for (const append of [read.append({ n: 2 }), read.appendMany([{ n: 2 }])]) {
      expect(await errorOf(append)).toMatchObject({ code: 'EVALIDATION', field: 'readOnly' });
    }
    expect(await written.toArray()).toHaveLength(1);
    const wrong = postgres.openChronicle(name, { readOnly: 'yes' as unknown as boolean });
    expect(await errorOf(wrong)).toMatchObject({ code: 'EVALIDATION', field: 'readOnly' });
  });

  it("a pool of the caller's is used as it is, and stays open", async () => {
    // What he has set up for his own statements changes nothing.
    const types = { getTypeParser: () => (text: string) => `parsed ${text}` };
    const pool = new pg.Pool({ ...server.connection, max: 3, types });
    onTestFinished(() => pool.end());
    const postgres = await connect({ pool });
    const chronicle = await postgres.openChronicle(`chronicle ${number++}`);
    expect(await chronicle.append({ n: 1 })).toMatchObject({ offset: 0, next: 85 });
    const followed = chronicle.follow();
    await followed.next();
    await postgres.close();
    await expect(postgres.openChronicle('x')).rejects.toMatchObject({ code: 'ECLOSED' });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 'parsed 1' }]);
    expect(pool.totalCount - pool.idleCount).toBe(0);
  });

  it('without pg, and without a pool of it, connect says what to install', () => {
    const script = `
      const { Module } = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (name, ...more) {
        if (name === 'pg') throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' });
        return resolve.call(this, name, ...more);
      };
      require('holdfast/postgres').connect({ connectionString: 'postgres://x' })
        .catch(({ code, message }) => console.log(code, message));`;
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const output = execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
    expect(output).toMatch(/^EVALIDATION .*npm install pg/);
  });
});
