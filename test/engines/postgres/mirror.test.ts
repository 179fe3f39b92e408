/** A mirror is the chronicle byte for byte, whatever ended the one that wrote it, and says what it cannot have. */
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Chronicle, type HoldfastError, lock, openChronicle, readChronicle } from 'holdfast';
import { connect, type MirrorOptions, mirror, type PostgresChronicleOptions } from 'holdfast/postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { start } from '../../support/command.js';
import { memory, temporaryDirectory } from '../../support/files.js';
import { connected, noPostgres, PostgresServer } from '../../support/postgres.js';

let number = 0;

describe.skipIf(noPostgres)('a mirror', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  async function opened(
    options?: PostgresChronicleOptions,
    name = `mirrored ${number++}`,
  ): Promise<Chronicle> {
    return (await connected(server)).openChronicle(name, options);
  }

  /** Lines that an object does not give back as they are. */
  const odd = [
    '{"n":12345678901234567890.50, "10":1, "2":2,"eventId":"a"}',
    '{ "text" : "\\u00e9 é 🦉 \\ud800" , "eventId":"a\\/b" }',
  ];

  async function appendSome(chronicle: Chronicle, count = 20): Promise<void> {
    await chronicle.appendMany(Array.from({ length: count }, (_, n) => ({ n, time: performance.now() })));
  }

  /** What the chronicle holds, as lines of a file: it is read by other means than a mirror does. */
  async function linesOf(chronicle: Chronicle): Promise<string> {
    const rows = await server.query<{ line: string }>(
      `SELECT e.line FROM holdfast.events e JOIN holdfast.chronicles c ON c.id = e.chronicle
       WHERE c.name = $1 ORDER BY e.begins`,
      [chronicle.path],
    );
    return rows.map(({ line }) => `${line}\n`).join('');
  }

  /** Removes all but about the last events, as `retain` does. */
  async function keepLast(chronicle: Chronicle, maxEvents: number): Promise<void> {
    const postgres = await connect({ connectionString: server.connectionString });
    const keeper = await postgres.openChronicle(chronicle.path, { retain: { maxEvents } });
    await keeper.append({ kept: number++ });
    await postgres.close();
  }

  const file = () => join(temporaryDirectory(memory), 'made', 'orders.ndjson');
  const read = (path: string) => readFileSync(path, 'utf8');
  const copy = (chronicle: Chronicle, path: string, options: MirrorOptions = {}) =>
    mirror(chronicle, path, { follow: false, ...options });

  async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
    return promise.then(
      () => expect.unreachable('it resolved'),
      (error) => error,
    );
  }

  it('has the lines of the chronicle byte for byte, its ids and its positions', async () => {
    const chronicle = await opened();
    await chronicle.appendManyJson(odd);
    await appendSome(chronicle);
    const path = file();
    const text = await linesOf(chronicle);
    expect(text).toContain('12345678901234567890.50, "10":1');
    expect(await copy(chronicle, path)).toEqual({ events: 22, bytes: Buffer.byteLength(text) });
    expect(read(path)).toBe(text);
    expect(existsSync(`${path}.mirror`)).toBe(false);
    const local = await openChronicle(path);
    const [last] = await local.tail(1);
    await local.close();
    expect((await chronicle.tail(1))[0]?.position).toBe(last?.position);
  });

  it('follows what comes, until it is aborted, or the chronicle is closed, or it was aborted before', async () => {
    const postgres = await connected(server);
    const chronicle = await postgres.openChronicle(`mirrored ${number++}`);
    const path = file();
    const controller = new AbortController();
    await appendSome(chronicle, 3);
    const mirroring = mirror(chronicle, path, { signal: controller.signal });
    const local = await openChronicle(path);
    onTestFinished(() => local.close());
    const seen = local.follow();
    for (let n = 0; n < 3; n++) await seen.next();
    await chronicle.append({ comes: 'later' });
    expect((await seen.next()).value?.event).toMatchObject({ comes: 'later' });
    controller.abort(new Error('enough'));
    expect(await mirroring).toMatchObject({ events: 4 });
    const other = mirror(chronicle, file());
    await appendSome(chronicle, 1);
    await chronicle.close();
    await other;
    expect(await mirror(chronicle, file())).toEqual({ events: 0, bytes: 0 });
    const aborted = file();
    expect(await mirror(await opened(), aborted, { signal: AbortSignal.abort() })).toMatchObject({
      events: 0,
    });
    expect(existsSync(aborted)).toBe(false);
  });

  it('goes on from every state that the end of its process can leave', async () => {
    const chronicle = await opened();
    await chronicle.appendManyJson(odd);
    await appendSome(chronicle, 3);
    const text = Buffer.from(await linesOf(chronicle));
    const path = file();
    await copy(chronicle, path);
    for (let size = text.length; size >= 0; size -= 7) {
      truncateSync(path, size);
      await copy(chronicle, path);
      expect(readFileSync(path).equals(text), `cut at ${size}`).toBe(true);
    }
    rmSync(path);
    await copy(chronicle, path);
    expect(readFileSync(path).equals(text)).toBe(true);
  });

  it('killed again and again while others append, the command loses and doubles nothing', async () => {
    const chronicle = await opened();
    const path = file();
    const address = `${server.connectionString}?chronicle=${encodeURIComponent(chronicle.path)}`;
    const size = () => (existsSync(path) ? statSync(path).size : 0);
    for (let round = 0; round < 3; round++) {
      const before = size();
      const command = start(['mirror', address, path]);
      const ended = once(command, 'exit');
      // More than one page, so that some of it is there while the rest is not.
      const fill = 'x'.repeat(2000 * (round % 3));
      const appending = Promise.all(
        Array.from({ length: 300 }, (_, n) => chronicle.append({ round, n, fill })),
      );
      while (size() === before) await new Promise((resolve) => setTimeout(resolve, 2));
      command.kill('SIGKILL');
      await Promise.all([ended, appending]);
      expect((await linesOf(chronicle)).startsWith(wholeLines(read(path)))).toBe(true);
    }
    await copy(chronicle, path);
    expect(read(path)).toBe(await linesOf(chronicle));
  });

  const wholeLines = (text: string) => text.slice(0, text.lastIndexOf('\n') + 1);

  it('two of one file at once: one of them ends with ECONFLICT, and nothing is doubled', async () => {
    const chronicle = await opened();
    const path = file();
    const controller = new AbortController();
    const outcomes = Promise.allSettled([
      mirror(chronicle, path, { signal: controller.signal }),
      mirror(chronicle, path, { signal: controller.signal }),
    ]);
    const text = () => (existsSync(path) ? read(path) : '');
    for (let n = 0; n < 10; n++) {
      await appendSome(chronicle, 5);
      const { length } = await linesOf(chronicle);
      while (text().length < length) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    controller.abort();
    expect(read(path)).toBe(await linesOf(chronicle));
    const failures = (await outcomes).flatMap((each) =>
      each.status === 'rejected' ? [each.reason.code] : [],
    );
    expect(failures).toEqual(['ECONFLICT']);
  });

  it('goes on across a server that is killed and comes back', async () => {
    const chronicle = await opened();
    const path = file();
    const controller = new AbortController();
    const mirroring = mirror(chronicle, path, { signal: controller.signal });
    await appendSome(chronicle, 3);
    await server.restart('immediate');
    await appendSome(chronicle, 3);
    const text = await linesOf(chronicle);
    while (!existsSync(path) || read(path) !== text) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    expect(await mirroring).toMatchObject({ events: 6 });
  });

  describe('of a chronicle whose first events were removed', () => {
    it('begins with those that are there, notes where they are, and goes on from every state', async () => {
      const chronicle = await opened();
      await appendSome(chronicle, 12);
      await keepLast(chronicle, 4);
      const text = Buffer.from(await linesOf(chronicle));
      const path = file();
      await copy(chronicle, path);
      expect(JSON.parse(read(`${path}.mirror`))).toMatchObject({ at: 0 });
      for (let size = text.length; size >= 0; size -= 11) {
        truncateSync(path, size);
        await copy(chronicle, path);
        expect(readFileSync(path).equals(text), `cut at ${size}`).toBe(true);
      }
      // The note of a file that was removed is not that of the next one.
      await appendSome(chronicle, 12);
      await keepLast(chronicle, 4);
      rmSync(path);
      await copy(chronicle, path);
      expect(read(path)).toBe(await linesOf(chronicle));
    });

    it('says what is gone that it has not seen, or goes on with the rest, once', async () => {
      const chronicle = await opened();
      await appendSome(chronicle, 5);
      const path = file();
      await copy(chronicle, path);
      const before = read(path);
      await appendSome(chronicle, 12);
      await keepLast(chronicle, 4);
      expect(await errorOf(copy(chronicle, path))).toMatchObject({ code: 'EGAP' });
      expect(read(path)).toBe(before);
      const gaps: HoldfastError[] = [];
      const onGap = (gap: HoldfastError) => void gaps.push(gap);
      await copy(chronicle, path, { onGap });
      expect(gaps.map(({ code }) => code)).toEqual(['EGAP']);
      const after = await linesOf(chronicle);
      expect(read(path)).toBe(before + after);
      // From the gap on, in every state: also the one in which there is a note, and no line yet.
      for (let { size } = statSync(path); size >= before.length; size -= 13) {
        truncateSync(path, Math.max(size, before.length));
        await copy(chronicle, path);
        expect(read(path), `cut at ${size}`).toBe(before + after);
      }
      truncateSync(path, before.length);
      await copy(chronicle, path);
      expect(read(path)).toBe(before + after);
      // A line that was not finished before it was removed.
      writeFileSync(path, `${before}{"unfinished":`);
      rmSync(`${path}.mirror`);
      await copy(chronicle, path, { onGap: 'continue' });
      expect(read(path)).toBe(before + after);
    });

    it('goes on where the last event that it has is the last one that was removed', async () => {
      const chronicle = await opened();
      await appendSome(chronicle, 8);
      const path = file();
      await copy(chronicle, path);
      const before = read(path);
      await keepLast(chronicle, 1);
      expect((await linesOf(chronicle)).split('\n').length).toBe(2);
      await copy(chronicle, path);
      expect(read(path)).toBe(before + (await linesOf(chronicle)));
    });
  });

  describe('refuses', () => {
    it('a file that is no mirror, or that of another chronicle, and leaves it as it was', async () => {
      const chronicle = await opened();
      const other = await opened();
      await appendSome(chronicle, 3);
      await appendSome(other, 9);
      for (const text of [
        '{"n":1}\n',
        'notes of mine',
        `${'x'.repeat(1e6)}`,
        'notes\nof mine',
        '\n',
        await linesOf(other),
      ]) {
        const path = join(temporaryDirectory(memory), 'a file');
        writeFileSync(path, text);
        const error = await errorOf(copy(chronicle, path));
        expect(['EVALIDATION', 'EGAP'], text).toContain(error.code);
        expect(error.message).toContain(path);
        expect(read(path)).toBe(text);
      }
    });

    it('a file whose end the server does not have, also where a gap is no reason to end', async () => {
      const chronicle = await opened();
      await appendSome(chronicle, 5);
      const path = file();
      await copy(chronicle, path);
      appendFileSync(path, '{"somebody":"else"}\n');
      const text = read(path);
      const error = await errorOf(copy(chronicle, path, { onGap: 'continue' }));
      expect(error).toMatchObject({ code: 'EGAP', path });
      expect(error.message).toContain('mirror anew');
      expect(read(path)).toBe(text);
    });

    it('to go on once somebody else has written to the file, or replaced it', async () => {
      for (const harm of [
        (path: string) => appendFileSync(path, '{"somebody":"else"}\n'),
        (path: string) => rmSync(path),
      ]) {
        const chronicle = await opened();
        const path = file();
        const mirroring = errorOf(mirror(chronicle, path));
        await appendSome(chronicle, 2);
        while (!existsSync(path) || read(path) !== (await linesOf(chronicle)))
          await new Promise((resolve) => setTimeout(resolve, 5));
        harm(path);
        await appendSome(chronicle, 2);
        expect(await mirroring).toMatchObject({ code: 'ECONFLICT', path });
      }
    });

    it('bad arguments, by name', async () => {
      const chronicle = await opened();
      const local = await openChronicle(join(temporaryDirectory(), 'a file'));
      onTestFinished(() => local.close());
      const cases: [unknown, unknown, unknown, string][] = [
        [local, 'a', undefined, 'chronicle'],
        ['orders', 'a', undefined, 'chronicle'],
        [null, 'a', undefined, 'chronicle'],
        [chronicle, '', undefined, 'path'],
        [chronicle, 1, undefined, 'path'],
        [chronicle, 'a', { folow: true }, 'folow'],
        [chronicle, 'a', { follow: 1 }, 'follow'],
        [chronicle, 'a', { signal: {} }, 'signal'],
        [chronicle, 'a', { onGap: 'skip' }, 'onGap'],
        [chronicle, 'a', { durability: 'some' }, 'durability'],
        [chronicle, 'a', { lockTimeout: -1 }, 'lockTimeout'],
      ];
      for (const [of, path, options, field] of cases) {
        const error = await errorOf(mirror(of as Chronicle, path as string, options as MirrorOptions));
        expect(error, String(path)).toMatchObject({ code: 'EVALIDATION', field });
      }
    });

    it('a note that is damaged, planted, or a link', async () => {
      const chronicle = await opened();
      await appendSome(chronicle, 12);
      await keepLast(chronicle, 4);
      const path = file();
      await copy(chronicle, path);
      const text = read(path);
      const note = `${path}.mirror`;
      for (const damage of ['', '{', '[]', '{"file":"a","at":-1,"offset":1.5}']) {
        writeFileSync(note, damage);
        expect(await errorOf(copy(chronicle, path)), damage).toMatchObject({
          code: 'EVALIDATION',
          field: 'path',
        });
      }
      writeFileSync(note, JSON.stringify({ file: 'a'.repeat(12), at: 0, offset: 7 }));
      expect((await errorOf(copy(chronicle, path))).code).toMatch(/EVALIDATION|EGAP/);
      rmSync(note);
      const elsewhere = join(temporaryDirectory(memory), 'precious');
      writeFileSync(elsewhere, 'precious');
      symlinkSync(elsewhere, note);
      expect(await errorOf(copy(chronicle, path))).toMatchObject({ code: 'EIO', cause: { code: 'ELOOP' } });
      expect(read(elsewhere)).toBe('precious');
      expect(read(path)).toBe(text);
    });
  });

  it('waits for the lock of the file no longer than lockTimeout, and keeps its rights', async () => {
    const chronicle = await opened();
    await appendSome(chronicle, 12);
    await keepLast(chronicle, 4);
    const path = join(temporaryDirectory(memory), 'a file');
    writeFileSync(path, '');
    chmodSync(path, 0o640);
    const held = await lock(path);
    expect(await errorOf(copy(chronicle, path, { lockTimeout: 50 }))).toMatchObject({
      code: 'ELOCK_TIMEOUT',
    });
    await held.release();
    await copy(chronicle, path);
    const modes = [path, `${path}.mirror`].map((name) => statSync(name).mode & 0o777);
    expect(modes).toEqual([0o640, 0o640]);
    expect(await errorOf(copy(chronicle, temporaryDirectory()))).toMatchObject({ code: 'EIO' });
  });

  it('is read while it is written, by whoever reads lines', async () => {
    const chronicle = await opened(undefined, `'); DROP TABLE events; -- "\\ ${number++}`);
    const path = file();
    const controller = new AbortController();
    const mirroring = mirror(chronicle, path, { signal: controller.signal });
    await appendSome(chronicle, 50);
    while ((await readChronicle(path)).length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await mirroring;
    expect(read(path)).toBe(await linesOf(chronicle));
  });
});
