/**
 * S4: values that are changed during a call, getters that say something else each time, and a polluted
 * `Object.prototype` alter nothing; and no argument means another one.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as holdfast from 'holdfast';
import logTo from 'holdfast/pino';
import { connect } from 'holdfast/postgres';
import lockfile from 'holdfast/proper-lockfile';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';
import { noPostgres, PostgresServer } from './support/postgres.js';

const newFile = () => join(temporaryDirectory(), 'file');

let server: PostgresServer | undefined;

beforeAll(async () => {
  if (noPostgres === undefined) server = await PostgresServer.start();
  return () => server?.remove();
});

async function ended(log: logTo.Log): Promise<void> {
  log.end('{"a":1}\n');
  await once(log, 'close');
}

describe('S4: a polluted Object.prototype', () => {
  const program = fileURLToPath(new URL('programs/polluted.mjs', import.meta.url));
  const run = (...value: string[]) => {
    const directory = join(temporaryDirectory(), 'new');
    const at = server?.connectionString ?? 'none';
    return execFileSync(process.execPath, [program, directory, at, ...value], { encoding: 'utf8' });
  };
  let clean: string | undefined;

  it.each(['true', 'false', '0', '5', 'null', '"all"', '"fcntl"', '{"window":1}'])(
    'with %s under the name of every option changes nothing',
    (value) => {
      clean ??= run();
      expect(run(value)).toBe(clean);
    },
  );
});

describe('S4: a descriptor', () => {
  const calls: [string, (file: never) => unknown][] = [
    ['lock', (file) => holdfast.lock(file)],
    ['tryLock', (file) => holdfast.tryLock(file)],
    ['lockSync', async (file) => holdfast.lockSync(file)],
    ['withLock', (file) => holdfast.withLock(file, () => {})],
  ];
  describe.each(calls)('of %s', (_, call) => {
    it.each([Number.NaN, 1.5, 2 ** 32, 2 ** 31, -2, Number.POSITIVE_INFINITY, '0', 0n, null, {}, true])(
      'that is %s is refused, in an object too',
      async (fd) => {
        await expect(call({ fd } as never)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'file' });
        if (typeof fd === 'number')
          await expect(call(fd as never)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'file' });
      },
    );
  });

  it('is read once, of an own FileHandle or of another object', async () => {
    const file = newFile();
    const descriptor = openSync(file, 'w');
    let read = 0;
    const changing = {
      get fd() {
        return read++ === 0 ? descriptor : 0;
      },
    };
    const held = await holdfast.lock(changing as never);
    expect(read).toBe(1);
    const handle = await open(file);
    expect(await holdfast.tryLock(handle)).toBeNull();
    await held.release();
    await (await holdfast.lock(handle)).release();
    await handle.close();
    closeSync(descriptor);
  });
});

describe('S4: what is changed while a call runs is as it was at the call', () => {
  /** A path as bytes, and the same bytes made those of another file. */
  function changing() {
    const directory = temporaryDirectory();
    const path = Buffer.from(join(directory, 'one'));
    return {
      directory,
      path,
      change: () => path.write('two', path.length - 3),
      other: join(directory, 'two'),
    };
  }

  it.each<[string, (path: Buffer) => unknown]>([
    ['lock', (path) => holdfast.lock(path)],
    ['openChronicle', (path) => holdfast.openChronicle(path).then((chronicle) => chronicle.append({ a: 1 }))],
    ['appendEvent', (path) => holdfast.appendEvent(path, { a: 1 })],
    ['writeFileAtomic', (path) => holdfast.writeFileAtomic(path, 'x')],
    ['repairChronicle', (path) => holdfast.repairChronicle(path)],
    ['proper-lockfile', (path) => lockfile.lock(path, { realpath: false }).then((release) => release())],
    ['pino', (path) => ended(logTo({ path }))],
  ])('a path of %s', async (_, call) => {
    const { directory, path, change, other } = changing();
    writeFileSync(join(directory, 'one'), '');
    const called = call(path);
    change();
    await called;
    expect(() => statSync(other)).toThrow('ENOENT');
    expect(() => statSync(`${other}.lock`)).toThrow('ENOENT');
  });

  it.each<[string, (bytes: Uint8Array) => holdfast.AtomicData]>([
    ['bytes', (bytes) => bytes],
    ['an array of pieces', (bytes) => [bytes, 'text']],
  ])('the content of a file: %s', async (_, dataOf) => {
    const file = newFile();
    const bytes = new Uint8Array(5).fill(97);
    const data = dataOf(bytes);
    const written = holdfast.writeFileAtomic(file, data);
    bytes.fill(98);
    if (Array.isArray(data)) data.length = 0;
    await written;
    expect(readFileSync(file, 'utf8')).toMatch(/^aaaaa/);
  });

  it('the range of a read, and what is followed', async () => {
    const chronicle = await holdfast.openChronicle(newFile());
    await chronicle.appendMany([{ a: 1 }, { a: 2 }, { a: 1 }].map((event, n) => ({ ...event, n })));
    const range = { where: { a: 1 }, limit: 5 };
    const entries = chronicle.read(range);
    range.where.a = 2;
    range.limit = 1;
    const seen: unknown[] = [];
    for await (const { event } of entries) seen.push(event.n);
    expect(seen).toEqual([0, 2]);
    const stop = new AbortController();
    const options = { where: { a: 1 }, signal: stop.signal };
    const followed = chronicle.follow(options);
    options.where.a = 2;
    expect((await followed.next()).value?.event.n).toBe(0);
    expect((await followed.next()).value?.event.n).toBe(2);
    await followed.return();
    await chronicle.close();
  });
});

describe('S4: a getter among the options is read once', () => {
  /** Options whose getters count, and say something else from the second time on. */
  function counting(values: Record<string, unknown>) {
    const reads: Record<string, number> = {};
    const options: object = Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          {
            enumerable: true,
            get() {
              reads[name] = (reads[name] ?? 0) + 1;
              return reads[name] === 1 ? value : 'something else';
            },
          },
        ]),
      ),
    );
    const once = Object.fromEntries(Object.keys(values).map((name) => [name, 1]));
    return { options: options as never, reads, once };
  }

  it.each<[string, Record<string, unknown>, (file: string, options: never) => unknown]>([
    [
      'lock',
      { timeout: 60_000, mode: 'shared', create: true, kind: 'flock' },
      (file, options) => holdfast.lock(file, options),
    ],
    [
      'lockSync',
      { timeout: 60_000, mode: 'shared' },
      async (file, options) => holdfast.lockSync(file, options),
    ],
    ['tryLock', { mode: 'shared', permissions: 0o600 }, (file, options) => holdfast.tryLock(file, options)],
    [
      'openChronicle',
      {
        lockTimeout: 60_000,
        dedupe: 'all',
        chain: false,
        computeId: true,
        rotate: undefined,
        onCorrupt: 'skip',
      },
      (file, options) => holdfast.openChronicle(file, options),
    ],
    [
      'appendEvent',
      { lockTimeout: 60_000, durability: 'none' },
      (file, options) => holdfast.appendEvent(file, {}, options),
    ],
    [
      'readChronicle',
      { onCorrupt: 'skip', maxLineBytes: 100 },
      (file, options) => holdfast.readChronicle(file, options),
    ],
    [
      'verifyChronicle',
      { ids: false, lockTimeout: 60_000, onProgress: () => {} },
      (file, options) => holdfast.verifyChronicle(file, options),
    ],
    [
      'repairChronicle',
      { durability: 'none', onProgress: () => {} },
      (file, options) => holdfast.repairChronicle(file, options),
    ],
    [
      'writeFileAtomic',
      { mode: 0o600, parents: true, durability: 'none' },
      (file, options) => holdfast.writeFileAtomic(file, '', options),
    ],
    [
      'proper-lockfile',
      { realpath: false, stale: 5000, retries: 0, lockfilePath: undefined },
      (file, options) => lockfile.lock(file, options).then((release) => release()),
    ],
    [
      'pino',
      { lockTimeout: 60_000, durability: 'none', sync: false, signals: false, rotate: undefined },
      (file, options) =>
        ended(logTo(Object.defineProperty(options, 'path', { value: file, enumerable: true }))),
    ],
  ])('by %s', async (_, values, call) => {
    const { options, reads, once } = counting(values);
    const file = newFile();
    writeFileSync(file, '');
    await call(file, options);
    expect(reads).toEqual(once);
  });

  it('in what is nested too', async () => {
    const range = counting({ start: 0, length: 10 });
    await (await holdfast.lock(newFile(), { kind: 'fcntl', range: range.options })).release();
    const rotate = counting({ maxBytes: 1000, keep: 1 });
    const dedupe = counting({ window: 5 });
    await (
      await holdfast.openChronicle(newFile(), { rotate: rotate.options, dedupe: dedupe.options })
    ).close();
    for (const { reads, once } of [range, rotate, dedupe]) expect(reads).toEqual(once);
  });

  it.skipIf(noPostgres)('by holdfast/postgres', async () => {
    const { connectionString } = server as PostgresServer;
    const connecting = counting({ connectionString, max: 3, schema: 'getters', answerTimeout: 60_000 });
    await using postgres = await connect(connecting.options);
    const retain = counting({ maxAge: 60_000, maxEvents: 5 });
    const opening = counting({ dedupe: 'all', lockTimeout: 60_000, retain: retain.options });
    const chronicle = await postgres.openChronicle('a chronicle', opening.options);
    const locking = counting({ mode: 'shared', timeout: 60_000, signal: undefined });
    const held = await postgres.lock('a lock', locking.options);
    const upgrading = counting({ timeout: 60_000 });
    await held.upgrade(upgrading.options);
    const appending = counting({ fence: held });
    await chronicle.append({ number: 1 }, appending.options);
    await held.release();
    const trying = counting({ mode: 'shared' });
    expect(await postgres.tryLock('a lock', trying.options)).not.toBeNull();
    for (const { reads, once } of [connecting, opening, retain, locking, upgrading, appending, trying])
      expect(reads).toEqual(once);
  });

  it('what it throws is the cause of the refusal', async () => {
    const thrown = new Error('get');
    const options = {
      get timeout(): number {
        throw thrown;
      },
    };
    await expect(holdfast.lock(newFile(), options)).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'options',
      cause: thrown,
    });
  });
});
