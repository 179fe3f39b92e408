/**
 * The chain on a server: what somebody does to the rows who may write to the tables is found, at the right event, also
 * where it leaves places that do not fit, and by those who append.
 */
import type { Chronicle } from 'holdfast';
import { connect, type Postgres, type PostgresChronicleOptions } from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { linkAfter, linkIn, noLink } from '../../../lib/event/chain-link.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';

const chained = { chain: true };
const schema = 'chains';
let number = 0;

describe.skipIf(noPostgres)('a chain on a PostgreSQL server', () => {
  let server: PostgresServer;
  let postgres: Postgres;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await PostgresServer.start();
    pool = new pg.Pool(server.connection);
    postgres = await connect({ pool, schema });
  });
  afterAll(async () => {
    await postgres.close();
    await pool.end();
    await server.remove();
  });

  interface Chain {
    readonly name: string;
    readonly chronicle: Chronicle;
    readonly link: string;
    /** Where each event begins. */
    readonly places: number[];
    /** Has the server do something with the rows; `$1` is the chronicle. */
    sql(statement: string, ...values: unknown[]): Promise<Record<string, unknown>[]>;
  }

  async function chainOf(count: number, options: PostgresChronicleOptions = chained): Promise<Chain> {
    const name = `chain ${number++}`;
    const chronicle = await postgres.openChronicle(name, options);
    await chronicle.appendMany(Array.from({ length: count }, (_, n) => ({ eventId: `event ${n}`, n })));
    const link = (await chronicle.head())?.link as string;
    const [row] = (await pool.query(`SELECT id FROM ${schema}.chronicles WHERE name = $1`, [name])).rows;
    const sql = async (statement: string, ...values: unknown[]) => {
      const text = statement.replace(/\b(FROM|INTO|UPDATE) (events|chronicles)\b/g, `$1 ${schema}.$2`);
      return (await pool.query(text, [row.id, ...values])).rows;
    };
    const rows = await sql('SELECT begins FROM events WHERE chronicle = $1 ORDER BY begins');
    return { name, chronicle, link, places: rows.map(({ begins }) => Number(begins)), sql };
  }

  const open = (name: string) => postgres.openChronicle(name, chained);
  const breaksOf = async (chronicle: Chronicle) => (await chronicle.verify({ chain: true })).chain?.breaks;
  const refuses = (chronicle: Chronicle) =>
    expect(chronicle.append({ more: true })).rejects.toMatchObject({ code: 'ECHAIN', path: chronicle.path });

  describe('finds', () => {
    it.each([
      ["'9'", "'0'"], // an event that is shorter than before, or longer
      ["'longer'", "'long'"],
      [`E'\\n{"put":"in"}\\n'`, `E'\\n\\n'`],
    ])('every UPDATE of a line, to %s in it', async (text, other) => {
      const { chronicle, places, sql } = await chainOf(4);
      for (const [index, place] of places.entries()) {
        for (const change of [text, other]) {
          const [before] = await sql('SELECT line FROM events WHERE chronicle = $1 AND begins = $2', place);
          await sql(
            `UPDATE events SET line = replace(line, '"n":', '"n":' || ${change}) WHERE chronicle = $1 AND begins = $2`,
            place,
          );
          const found = await chronicle.verify({ chain: true });
          expect(found.intact, `event ${index}`).toBe(false);
          const at = found.chain?.breaks.first[0]?.offset as number;
          // What is no event any more is damage, and then the next event is the one that cannot be checked.
          expect(at).toBeGreaterThanOrEqual(place);
          if (found.corrupt.lines === 0) expect(at).toBe(place);
          if (index === 3) await refuses(chronicle);
          await sql('UPDATE events SET line = $3 WHERE chronicle = $1 AND begins = $2', place, before?.line);
        }
      }
      expect((await chronicle.verify({ chain: true })).intact).toBe(true);
    });

    it('every DELETE, at the event after it; of the last one at the end', async () => {
      for (let index = 0; index < 4; index++) {
        const { name, chronicle, places, sql } = await chainOf(4);
        await sql('DELETE FROM events WHERE chronicle = $1 AND begins = $2', places[index]);
        expect(await breaksOf(chronicle)).toMatchObject(
          index < 3
            ? {
                count: 1,
                first: [{ offset: places[index + 1], reason: 'link', eventId: `event ${index + 1}` }],
              }
            : { count: 1, first: [{ offset: places[3], reason: 'head', eventId: undefined }] },
        );
        if (index === 3) await refuses(await open(name));
        // Without the chain it is found by the places.
        await expect(chronicle.verify()).rejects.toMatchObject({ code: 'EIO' });
      }
    });

    it('a DELETE of all events, of all but the last, and of those at the beginning', async () => {
      const all = await chainOf(3);
      await all.sql('DELETE FROM events WHERE chronicle = $1');
      expect(await breaksOf(all.chronicle)).toMatchObject({
        count: 1,
        first: [{ offset: 0, reason: 'head' }],
      });
      await refuses(all.chronicle);
      const others = await chainOf(3);
      await others.sql('DELETE FROM events WHERE chronicle = $1 AND begins < $2', others.places[2]);
      expect(await breaksOf(others.chronicle)).toMatchObject({
        count: 1,
        first: [{ offset: others.places[2] }],
      });
      await refuses(others.chronicle);
    });

    it('every INSERT, before, between and after the events', async () => {
      const insert = 'INSERT INTO events (chronicle, begins, number, copy, line) VALUES ($1, $2, 0, 0, $3)';
      const line = '{"eventId":"foreign"}';
      const linked = `${line.slice(0, -1)},"chainLink":"${noLink}"}`;
      for (const [text, reason] of [
        [line, 'unlinked'],
        [linked, 'link'],
      ]) {
        for (let index = 0; index < 4; index++) {
          const { chronicle, places, sql } = await chainOf(3);
          const { position = 0 } = (await chronicle.head()) ?? {};
          const place = (places[index] ?? position) + (index < 3 ? 1 : 0);
          await sql(insert, place, text);
          expect(await breaksOf(chronicle)).toMatchObject({
            first: [{ offset: place, reason, eventId: 'foreign' }, ...(reason === 'link' ? [{}] : [])],
          });
          if (index >= 2) await refuses(chronicle);
        }
      }
    });

    it('an INSERT far behind the end, with the right link', async () => {
      const { chronicle, link, sql } = await chainOf(2);
      const room = `{"eventId":"foreign","chainLink":"${noLink}"}`;
      const line = room.replace(noLink, linkAfter(link, Buffer.from(room)));
      await sql(
        'INSERT INTO events (chronicle, begins, number, copy, line) VALUES ($1, 100000, 0, 0, $2)',
        line,
      );
      expect(await breaksOf(chronicle)).toMatchObject({ count: 1, first: [{ reason: 'head' }] });
      await refuses(chronicle);
    });

    it('events that were moved', async () => {
      const { chronicle, places, sql } = await chainOf(4);
      await sql('UPDATE events SET begins = begins + 100000 WHERE chronicle = $1 AND begins = $2', places[1]);
      expect(await breaksOf(chronicle)).toMatchObject({
        first: [{ offset: places[2], reason: 'link' }, { eventId: 'event 1' }, { reason: 'head' }],
      });
      await refuses(chronicle);
      await sql('UPDATE events SET begins = begins - 100000 WHERE chronicle = $1 AND begins > 100000');
      expect((await chronicle.verify({ chain: true })).intact).toBe(true);
    });

    it.each([
      ['chain_link = $2', noLink],
      ['chain_link = NULL, fingerprint = $2', 'x'],
    ])('a head row that was changed: %s', async (change, value) => {
      const { name, chronicle, sql } = await chainOf(2);
      await sql(`UPDATE chronicles SET ${change} WHERE id = $1`, value);
      expect(await breaksOf(chronicle)).toMatchObject({ count: 1, first: [{ reason: 'head' }] });
      const anew = await open(name);
      await refuses(anew);
      await anew.repair();
      await anew.append({ goes: 'on' });
      expect(await breaksOf(anew)).toMatchObject({ count: 0 });
    });

    it('only with a head that was kept, the end that was cut off of the events and of the head row', async () => {
      const { chronicle, link, places, sql } = await chainOf(3);
      const [last] = await sql(
        'DELETE FROM events WHERE chronicle = $1 AND begins = $2 RETURNING begins',
        places[2],
      );
      const [before] = await sql('SELECT line FROM events WHERE chronicle = $1 AND begins = $2', places[1]);
      const cut = 'UPDATE chronicles SET ends = $2, events = events - 1, chain_link = $3 WHERE id = $1';
      await sql(cut, last?.begins, linkIn(before?.line as string));
      expect(await chronicle.verify({ chain: true })).toMatchObject({ intact: true });
      expect(await chronicle.verify({ expect: link })).toMatchObject({
        chain: { intact: false, expected: 'missing' },
      });
    });
  });

  describe('repair', () => {
    it('begins a new chain after whatever was put behind the end', async () => {
      const { chronicle, link, sql } = await chainOf(2);
      await sql(
        `INSERT INTO events (chronicle, begins, number, copy, line) VALUES ($1, 100000, 0, 0, '{"eventId":"foreign"}')`,
      );
      const { chainRestart } = await chronicle.repair();
      expect(chainRestart).toMatchObject({ offset: 100_000 + '{"eventId":"foreign"}\n'.length, after: link });
      await chronicle.append({ goes: 'on' });
      expect(await chronicle.verify({ chain: true })).toMatchObject({
        chain: { intact: true, breaks: { count: 1 }, restarts: [chainRestart] },
      });
    });

    it('names the old head where the last events are gone, and ends when it is told to', async () => {
      const { chronicle, link, places, sql } = await chainOf(3);
      await sql('DELETE FROM events WHERE chronicle = $1 AND begins >= $2', places[1]);
      await expect(chronicle.repair({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
      const phases = new Set<string>();
      const { chainRestart } = await chronicle.repair({ onProgress: ({ phase }) => phases.add(phase) });
      expect(chainRestart).toMatchObject({ after: link });
      expect([...phases]).toEqual(['look']);
      await chronicle.append({ goes: 'on' });
      expect((await chronicle.verify({ chain: true })).chain).toMatchObject({ intact: true, events: 3 });
    });

    it('is refused without a chain', async () => {
      const plain = await postgres.openChronicle('without a chain');
      await expect(plain.repair()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'repair' });
    });

    it('by several at once leaves one chain that holds', async () => {
      const { name, places, sql } = await chainOf(3);
      const handles = await Promise.all([open(name), open(name), open(name)]);
      await sql('DELETE FROM events WHERE chronicle = $1 AND begins = $2', places[1]);
      await Promise.all(handles.map((handle) => handle.repair()));
      await Promise.all(handles.map((handle, n) => handle.append({ n })));
      expect((await handles[0]?.verify({ chain: true }))?.chain).toMatchObject({ intact: true });
    });
  });

  describe('with retain', () => {
    it('goes on where all events before were removed, and says that it is not complete', async () => {
      const { name, chronicle, places, sql } = await chainOf(4);
      const remove = (place: number | undefined) =>
        sql('DELETE FROM events WHERE chronicle = $1 AND begins < $2', place).then(() =>
          sql('UPDATE chronicles SET begins = $2 WHERE id = $1', place),
        );
      await remove(places[2]);
      expect((await chronicle.verify({ chain: true })).chain).toMatchObject({
        intact: true,
        complete: false,
        events: 2,
      });
      await chronicle.append({ n: 4 });
      const head = await chronicle.head();
      await remove(places[3]);
      await chronicle.append({ n: 5 });
      await remove((await chronicle.head())?.position);
      expect(await chronicle.verify({ chain: true })).toMatchObject({ intact: true, events: 0 });
      expect(await (await open(name)).head()).toMatchObject({
        link: expect.not.stringMatching(head?.link as string),
      });
      await (await open(name)).append({ n: 6 });
      await chronicle.append({ n: 7 });
      expect((await chronicle.verify({ chain: true })).chain).toMatchObject({
        intact: true,
        complete: false,
      });
    });

    it('finds events that were taken out after those that retain has removed', async () => {
      const { chronicle, places, sql } = await chainOf(4);
      await sql('DELETE FROM events WHERE chronicle = $1 AND begins < $2', places[2]);
      await sql('UPDATE chronicles SET begins = $2 WHERE id = $1', places[1]);
      expect(await breaksOf(chronicle)).toMatchObject({
        count: 1,
        first: [{ offset: places[2], reason: 'link' }],
      });
    });

    it('removes events of a chain', async () => {
      const retained = { chain: true, retain: { maxEvents: 2 } };
      const { name, chronicle } = await chainOf(6, retained);
      await chronicle.close();
      expect((await (await open(name)).verify({ chain: true })).chain).toMatchObject({
        intact: true,
        complete: false,
        events: 2,
      });
    });
  });

  it('reads a chain of many pages, with events of more than one page', async () => {
    const chronicle = await open('of many pages');
    for (let n = 0; n < 6; n++) {
      await chronicle.append({ n, fill: 'é'.repeat(300_000) });
      await chronicle.appendMany(Array.from({ length: 2000 }, (_, m) => ({ n, m })));
    }
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(done / total);
    expect(await chronicle.verify({ chain: true, onProgress })).toMatchObject({
      intact: true,
      events: 12_006,
    });
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.at(-1)).toBe(1);
  });

  it('is given to tables that are there already, by many at once who append at once', async () => {
    const { connectionString } = server;
    const old = 'of_the_step_before';
    const before = await connect({ connectionString, schema: old });
    await (await before.openChronicle('old')).append({ n: 1 });
    await before.close();
    // As they were after the second step.
    for (const statement of [
      `ALTER TABLE ${old}.chronicles DROP COLUMN chain_link, DROP COLUMN chain_key`,
      `DROP FUNCTION ${old}.link_in, ${old}.link_after, ${old}.chain_end, ${old}.append`,
      `CREATE FUNCTION ${old}.append(integer, text, bigint[], bigint, bytea, bigint, boolean, integer[], bigint[],
        integer, boolean) RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
      // What the fourth step made.
      `CREATE FUNCTION ${old}.append(integer, text, bigint[], bigint, bytea, bigint, boolean, integer[], bigint[],
        integer, boolean, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT 1::text'`,
      `DELETE FROM ${old}.migrations WHERE step >= 3`,
    ]) {
      await server.query(statement);
    }
    const all = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const postgres = await connect({ connectionString, schema: old, max: 2 });
        onTestFinished(() => postgres.close());
        const chronicle = await postgres.openChronicle('new', chained);
        await chronicle.append({ n });
        return postgres;
      }),
    );
    const [postgres] = all as [(typeof all)[0]];
    const chain = await postgres.openChronicle('new', chained);
    expect(await chain.verify({ chain: true })).toMatchObject({ intact: true, events: 8 });
    const plain = await postgres.openChronicle('old');
    await plain.append({ n: 2 });
    expect(await plain.toArray()).toHaveLength(2);
    const functions = await server.query(
      `SELECT 1 FROM pg_proc WHERE proname = 'append' AND pronamespace = '${old}'::regnamespace`,
    );
    expect(functions).toHaveLength(1);
  });

  it('a handle that only reads needs no option to verify it, and begins no new one', async () => {
    const { name, link, places, sql } = await chainOf(3);
    const reader = await postgres.openChronicle(name, { readOnly: true });
    expect(await reader.verify({ expect: link })).toMatchObject({ intact: true, events: 3 });
    await sql('DELETE FROM events WHERE chronicle = $1 AND begins = $2', places[1]);
    const other = await postgres.openChronicle(name, { readOnly: true, chain: true });
    for (const handle of [reader, other]) {
      await expect(handle.repair()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'repair' });
      expect(await breaksOf(handle)).toMatchObject({ count: 1 });
    }
  });

  it('a user who may only read can open it, verify it and tell its head', async () => {
    const { name, link } = await chainOf(2);
    await server.query('CREATE USER reader_of_chains');
    await server.query(`GRANT USAGE ON SCHEMA ${schema} TO reader_of_chains`);
    await server.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO reader_of_chains`);
    const connectionString = server.connectionString.replace(`//${server.user}@`, '//reader_of_chains@');
    const readers = await connect({ connectionString, schema });
    onTestFinished(() => readers.close());
    const reader = await readers.openChronicle(name, chained);
    expect(await reader.verify({ expect: link })).toMatchObject({ intact: true, events: 2 });
    expect(await reader.head()).toMatchObject({ link });
    await expect(reader.append({ n: 3 })).rejects.toMatchObject({ code: 'EIO', cause: { code: '42501' } });
  });
});
