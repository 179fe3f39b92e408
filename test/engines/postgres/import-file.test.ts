/** An import keeps order, ids and bytes, goes on where it was ended, and says what it left out. */
import { once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Chronicle, type CorruptLine, type HoldfastError, openChronicle } from 'holdfast';
import {
  connect,
  type ImportOptions,
  importFile,
  mirror,
  type PostgresChronicleOptions,
} from 'holdfast/postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { finished, start } from '../../support/command.js';
import { memory, temporaryDirectory } from '../../support/files.js';
import { connected, noPostgres, PostgresServer } from '../../support/postgres.js';

let number = 0;

describe.skipIf(noPostgres)('an import', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  async function opened(options: PostgresChronicleOptions = {}): Promise<Chronicle> {
    return (await connected(server)).openChronicle(`imported ${number++}`, { dedupe: 'all', ...options });
  }

  const file = () => join(temporaryDirectory(memory), 'orders.ndjson');

  function fileWith(text: string | Uint8Array): string {
    const path = file();
    writeFileSync(path, text);
    return path;
  }

  async function linesOf(chronicle: Chronicle): Promise<string> {
    const path = file();
    await mirror(chronicle, path, { follow: false });
    return readFileSync(path, 'utf8');
  }

  async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
    return promise.then(
      () => expect.unreachable('it resolved'),
      (error) => error,
    );
  }

  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  const lines = (count: number, fill = '') =>
    Array.from({ length: count }, (_, n) => `{"n":${n},"fill":"${fill}","eventId":"id ${n}"}\n`).join('');

  it('keeps the order, the bytes and the ids, and makes no ids', async () => {
    const text = [
      '{"n":12345678901234567890.50, "10":1, "2":2}',
      '{ "text" : "\\u00e9 é 🦉 \\ud800" , "eventId":"a\\/b" }',
      '{"eventId":"\\ud800"}',
      '{"eventId":"\\ud801"}',
      '{"n":1,"n":2,"eventId":"twice in one"}\t ',
      '{}',
      '{}',
      '{"eventId":7}',
      '{"eventId":"c","chainLink":1e400}',
    ];
    const path = fileWith(text.map((line) => `${line}\n`).join(''));
    const chronicle = await opened();
    expect(await importFile(path, chronicle)).toEqual({ events: 9, duplicates: 0, corrupt: 0 });
    expect(await linesOf(chronicle)).toBe(readFileSync(path, 'utf8'));
    expect((await chronicle.find('a/b'))?.event).toMatchObject({ text: 'é é 🦉 \ud800' });
    expect(await importFile(path, chronicle)).toEqual({ events: 0, duplicates: 9, corrupt: 0 });
    // What is appended later is recognised.
    expect(await chronicle.append({ eventId: 'a/b' })).toMatchObject({ duplicate: true });
  });

  it('takes the rotated files before it, compressed or not, and what a file may begin and end with', async () => {
    const path = file();
    writeFileSync(`${path}.20260101T000000.000Z.gz`, gzipSync('\ufeff{"eventId":"1"}\n'));
    writeFileSync(`${path}.20260102T000000.000Z`, '\n{"eventId":"2"}\r\n\n');
    writeFileSync(path, '{"eventId":"1"}\n{"eventId":"3"}');
    const chronicle = await opened();
    const progress: number[] = [];
    const onProgress: ImportOptions['onProgress'] = ({ done, total }) => progress.push(done / total);
    const imported = await importFile(path, chronicle, { onProgress });
    expect(imported).toEqual({ events: 3, duplicates: 1, corrupt: 0 });
    expect(await linesOf(chronicle)).toBe('{"eventId":"1"}\n{"eventId":"2"}\r\n{"eventId":"3"}\n');
    expect(progress.every((part, index) => part > (progress[index - 1] ?? 0) && part <= 1)).toBe(true);
    // Begun again after a rotation, an event without id has its place still.
    appendFileSync(path, '\n{"n":1}\n');
    await importFile(path, chronicle);
    renameSync(path, `${path}.20260103T000000.000Z`);
    writeFileSync(path, '{"n":1}\n');
    expect(await importFile(path, chronicle)).toMatchObject({ events: 1, duplicates: 5 });
  });

  it('keeps the links of a file, and goes on with its chain', async () => {
    const path = file();
    const local = await openChronicle(path, { chain: true });
    await local.appendMany(Array.from({ length: 30 }, (_, n) => ({ n })));
    const head = await local.head();
    await local.close();
    const chronicle = await opened({ chain: true });
    expect(await importFile(path, chronicle)).toMatchObject({ events: 30 });
    expect(await importFile(path, chronicle)).toMatchObject({ events: 0, duplicates: 30 });
    expect(await linesOf(chronicle)).toBe(readFileSync(path, 'utf8'));
    expect(await chronicle.head()).toEqual(head);
    await chronicle.append({ n: 30 });
    expect(await chronicle.verify({ expect: head?.link as string })).toMatchObject({ intact: true });
    const unlinked = await errorOf(importFile(fileWith('{"eventId":"x"}\n'), chronicle));
    expect(unlinked).toMatchObject({ code: 'EVALIDATION', field: 'path' });
  });

  it('leaves out lines that are no event, says which, and imports the others', async () => {
    const path = fileWith(
      Buffer.concat([
        Buffer.from('{"eventId":"1"}\njunk\n[]\n\0\0\n'),
        Buffer.from([0xff, 0x0a]),
        Buffer.from(
          `{"fill":"${'x'.repeat(300)}"}\n{"eventId":"2","n":"no number"}\n{"eventId":"3"}\n{"torn`,
        ),
      ]),
    );
    const schema = z.looseObject({ n: z.number().optional() });
    const chronicle = (await opened({ schema, maxLineBytes: 200 })) as Chronicle;
    const corrupt: CorruptLine[] = [];
    const imported = await importFile(path, chronicle, { onCorrupt: (line) => void corrupt.push(line) });
    expect(imported).toEqual({ events: 2, duplicates: 0, corrupt: 7 });
    expect(corrupt.map(({ reason }) => reason)).toEqual([
      'json',
      'object',
      'nul',
      'utf8',
      'long',
      'schema',
      'torn',
    ]);
    expect(new Set(corrupt.map((line) => line.path))).toEqual(new Set([path]));
    expect(await linesOf(chronicle)).toBe('{"eventId":"1"}\n{"eventId":"3"}\n');
    const error = await errorOf(importFile(path, chronicle, { onCorrupt: 'throw' }));
    expect(error).toMatchObject({ code: 'EIO', path, cause: { offset: 16 } });
  });

  it('killed again and again, the command goes on where it was', async () => {
    const text = lines(6000, 'x'.repeat(250));
    const path = fileWith(text);
    const chronicle = await opened();
    const command = ['import', '--json', path];
    const address = `${server.connectionString}?chronicle=${encodeURIComponent(chronicle.path)}`;
    const count = async () => (await chronicle.tail(1))[0]?.next ?? 0;
    const kills = 2;
    for (let kill = 0; kill < kills; kill++) {
      const before = await count();
      const importing = start([...command, address]);
      const exit = once(importing, 'exit');
      const ended = exit.then(() => true);
      while ((await Promise.race([ended, pause(10)])) !== true && (await count()) === before);
      importing.kill('SIGKILL');
      await exit;
      expect(text.startsWith(await linesOf(chronicle))).toBe(true);
    }
    const { out } = await finished(start([...command, address]));
    const { events, duplicates } = JSON.parse(out);
    expect(events + duplicates).toBe(6000);
    expect(duplicates).toBeGreaterThan(0);
    expect(await linesOf(chronicle)).toBe(text);
  });

  it('goes on beside others who append some of its events themselves', async () => {
    const text = lines(3000);
    const path = fileWith(text);
    const chronicle = await opened();
    const others = (async () => {
      for (let n = 2999; n > 2900; n--) await chronicle.append({ n, fill: '', eventId: `id ${n}` });
    })();
    await Promise.all([importFile(path, chronicle), others]);
    const { duplicates, events } = await chronicle.verify().then((found) => ({
      duplicates: found.duplicates.count,
      events: found.events,
    }));
    expect({ duplicates, events }).toEqual({ duplicates: 0, events: 3000 });
  });

  it('sends no line after those of a commit that failed', async () => {
    const text = lines(9000, 'x'.repeat(300));
    const path = fileWith(text);
    const chronicle = await opened({ lockTimeout: 50 });
    const postgres = await connected(server);
    const other = await postgres.openChronicle(chronicle.path);
    let stopped = false;
    // A lock on the head makes one commit, or another, fail.
    const hinder = (async () => {
      while (!stopped) {
        await server.query(`SELECT pg_sleep(0.1) FROM holdfast.chronicles WHERE name = $1 FOR UPDATE`, [
          chronicle.path,
        ]);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    })();
    for (;;) {
      const outcome = await importFile(path, chronicle).then(
        () => 'done',
        (error) => error.code,
      );
      expect(text.startsWith(await linesOf(other))).toBe(true);
      if (outcome === 'done') break;
      expect(outcome).toBe('ELOCK_TIMEOUT');
      if ((await other.tail(1)).length > 0) stopped = true;
    }
    stopped = true;
    await hinder;
    expect(await linesOf(chronicle)).toBe(text);
  });

  it('takes no memory for what it has done', async () => {
    const path = fileWith(lines(2000, 'x'.repeat(8000)));
    const { path: name } = await opened();
    const address = `${server.connectionString}?chronicle=${encodeURIComponent(name)}`;
    const env = { NODE_OPTIONS: '--max-old-space-size=20' };
    const imported = await finished(start(['import', '--json', path, address], env));
    expect(imported).toMatchObject({ code: 0, out: '{"events":2000,"duplicates":0,"corrupt":0}\n' });
    const copy = file();
    expect(await finished(start(['mirror', '--no-follow', address, copy], env))).toMatchObject({ code: 0 });
    expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
  });

  it('who may only read is told so, and can mirror', async () => {
    const { path: name } = await opened();
    const path = fileWith(lines(3));
    await importFile(path, await (await connected(server)).openChronicle(name, { dedupe: 'all' }));
    await server.query('CREATE ROLE reader LOGIN');
    await server.query('GRANT USAGE ON SCHEMA holdfast TO reader');
    await server.query('GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO reader');
    const connectionString = server.connectionString.replace('postgres@', 'reader@');
    const reader = await connect({ connectionString });
    onTestFinished(() => reader.close());
    const chronicle = await reader.openChronicle(name, { dedupe: 'all' });
    const refused = { code: 'EIO', cause: { code: '42501' } };
    expect(await errorOf(importFile(fileWith('{"eventId":"new"}\n'), chronicle))).toMatchObject(refused);
    const readOnly = await reader.openChronicle(name, { dedupe: 'all', readOnly: true });
    const error = await errorOf(importFile(path, readOnly));
    expect(error).toMatchObject({ code: 'EVALIDATION', field: 'readOnly' });
    expect(await linesOf(readOnly)).toBe(lines(3));
  });

  it('refuses what it cannot do, by name, and ends at an abort', async () => {
    const path = fileWith(lines(3));
    const chronicle = await opened();
    const local = await openChronicle(file());
    onTestFinished(() => local.close());
    const cases: [unknown, unknown, unknown, string][] = [
      [path, local, undefined, 'chronicle'],
      [path, undefined, undefined, 'chronicle'],
      [path, await opened({ dedupe: { window: 10 } }), undefined, 'chronicle'],
      ['', chronicle, undefined, 'path'],
      [path, chronicle, { onCorupt: 'skip' }, 'onCorupt'],
      [path, chronicle, { onCorrupt: 'repair' }, 'onCorrupt'],
      [path, chronicle, { onProgress: 1 }, 'onProgress'],
      [path, chronicle, { signal: 1 }, 'signal'],
    ];
    for (const [from, to, options, field] of cases) {
      const error = await errorOf(importFile(from as string, to as Chronicle, options as ImportOptions));
      expect(error).toMatchObject({ code: 'EVALIDATION', field });
    }
    const reason = new Error('enough');
    expect(await errorOf(importFile(path, chronicle, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await errorOf(importFile(join(path, '..', 'missing'), chronicle))).toMatchObject({
      code: 'EIO',
      cause: { code: 'ENOENT' },
    });
    await chronicle.close();
    expect(await errorOf(importFile(path, chronicle))).toMatchObject({ code: 'ECLOSED' });
  });
});
