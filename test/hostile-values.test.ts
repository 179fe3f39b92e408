/**
 * Values that cannot be read: proxies that were revoked or whose traps throw, getters that throw, a `toJSON` that throws
 * or revokes. As any argument of any public call they are `EVALIDATION` with the argument's name, and what was thrown
 * is the cause.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as holdfast from 'holdfast';
import logTo from 'holdfast/pino';
import { connect, type Postgres } from 'holdfast/postgres';
import lockfile from 'holdfast/proper-lockfile';
import * as sage from 'holdfast/sage-chronicle';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from './support/files.js';
import { noPostgres, PostgresServer } from './support/postgres.js';

const thrown = new Error('thrown\nby the caller');

function revoked(of: object = {}): object {
  const { proxy, revoke } = Proxy.revocable(of, {});
  revoke();
  return proxy;
}

const throws = () => {
  throw thrown;
};

const traps: ProxyHandler<object> = { get: throws, has: throws, ownKeys: throws, getPrototypeOf: throws };

/** New ones each time: some can be read once. */
const hostile: Record<string, () => object> = {
  'a revoked proxy': () => revoked(),
  'a revoked proxy of an array': () => revoked([]),
  'a revoked proxy of a function': () => revoked(() => {}),
  'a proxy whose traps throw': () => new Proxy({}, traps),
  'a proxy that throws what was revoked': () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw revoked();
        },
        get: () => {
          throw revoked();
        },
        getPrototypeOf: () => {
          throw revoked();
        },
      },
    ),
};

/** An object of which one property cannot be read. */
const throwing = (name: string) => Object.defineProperty({}, name, { enumerable: true, get: throws });

const newFile = () => {
  const file = join(temporaryDirectory(), 'file.ndjson');
  writeFileSync(file, '{"n":1}\n');
  return file;
};

async function chronicleOf(options?: holdfast.ChronicleOptions): Promise<holdfast.Chronicle> {
  const chronicle = await holdfast.openChronicle(newFile(), options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}

async function chainOf(): Promise<holdfast.Chronicle> {
  const chronicle = await holdfast.openChronicle(`${newFile()}.chain`, { chain: true });
  onTestFinished(() => chronicle.close());
  return chronicle;
}

async function held(options?: holdfast.LockOptions): Promise<holdfast.FileLock> {
  const lock = await holdfast.lock(newFile(), options);
  onTestFinished(() => lock.release());
  return lock;
}

type Call = (value: never) => unknown;

/** Each argument, by the name that the error must tell; and a call that is given it. */
const calls: [field: string, call: string, Call][] = [
  ['file', 'lock', (value) => holdfast.lock(value)],
  ['file', 'lockSync', (value) => holdfast.lockSync(value)],
  ['file', 'tryLock', (value) => holdfast.tryLock(value)],
  ['file', 'tryLockSync', (value) => holdfast.tryLockSync(value)],
  ['file', 'withLock', (value) => holdfast.withLock(value, () => {})],
  ['file', 'lockHolders', (value) => holdfast.lockHolders(value)],
  ['options', 'lock', (value) => holdfast.lock(newFile(), value)],
  ['options', 'lockSync', (value) => holdfast.lockSync(newFile(), value)],
  ['options', 'tryLock', (value) => holdfast.tryLock(newFile(), value)],
  ['options', 'tryLockSync', (value) => holdfast.tryLockSync(newFile(), value)],
  ['options', 'withLock', (value) => holdfast.withLock(newFile(), value, () => {})],
  ['range', 'lock', (value) => holdfast.lock(newFile(), { kind: 'fcntl', range: value })],
  ['signal', 'lock', (signal) => holdfast.lock(newFile(), { signal })],
  ['mode', 'lock', (mode) => holdfast.lock(newFile(), { mode })],
  ['timeout', 'lock', (timeout) => holdfast.lock(newFile(), { timeout })],
  ['options', 'FileLock.release', async (value) => (await held()).release(value)],
  ['options', 'FileLock.releaseSync', async (value) => (await held()).releaseSync(value)],
  ['options', 'FileLock.upgrade', async (value) => (await held({ mode: 'shared' })).upgrade(value)],
  ['path', 'openChronicle', (value) => holdfast.openChronicle(value)],
  ['options', 'openChronicle', (value) => holdfast.openChronicle(newFile(), value)],
  ['rotate', 'openChronicle', (rotate) => chronicleOf({ rotate })],
  ['dedupe', 'openChronicle', (dedupe) => chronicleOf({ dedupe })],
  ['schema', 'openChronicle', (schema) => chronicleOf({ schema })],
  ['idKey', 'openChronicle', (idKey) => chronicleOf({ idKey })],
  ['event', 'Chronicle.append', async (value) => (await chronicleOf()).append(value)],
  ['event', 'Chronicle.append', async (value) => (await chronicleOf({ computeId: false })).append(value)],
  ['event', 'Chronicle.append', async (value) => (await chainOf()).append(value)],
  ['event', 'Chronicle.append', async (a) => (await chronicleOf()).append({ a })],
  ['event', 'Chronicle.append', async (a) => (await chronicleOf()).append({ list: [{ a }] })],
  ['event', 'Chronicle.append', async (value) => (await chronicleOf()).append({ toJSON: () => value })],
  ['event', 'Chronicle.appendSync', async (value) => (await chronicleOf()).appendSync(value)],
  ['json', 'Chronicle.appendJson', async (value) => (await chronicleOf()).appendJson(value)],
  ['events', 'Chronicle.appendMany', async (value) => (await chronicleOf()).appendMany(value)],
  ['events[0]', 'Chronicle.appendMany', async (value) => (await chronicleOf()).appendMany([value])],
  ['jsons', 'Chronicle.appendManyJson', async (value) => (await chronicleOf()).appendManyJson(value)],
  ['options', 'Chronicle.append', async (value) => (await chronicleOf()).append({}, value)],
  ['options', 'Chronicle.appendSync', async (value) => (await chronicleOf()).appendSync({}, value)],
  ['options', 'Chronicle.appendMany', async (value) => (await chronicleOf()).appendMany([{}], value)],
  ['fence', 'Chronicle.append', async (fence) => (await chronicleOf()).append({}, { fence })],
  ['options', 'Chronicle.read', async (value) => (await chronicleOf()).read(value).next()],
  ['options', 'Chronicle.readBatches', async (value) => (await chronicleOf()).readBatches(value).next()],
  ['options', 'Chronicle.toArray', async (value) => (await chronicleOf()).toArray(value)],
  ['options', 'Chronicle.stream', async (value) => (await chronicleOf()).stream(value).toArray()],
  ['where', 'Chronicle.toArray', async (where) => (await chronicleOf()).toArray({ where })],
  ['where.a', 'Chronicle.toArray', async (a) => (await chronicleOf()).toArray({ where: { a } })],
  ['after', 'Chronicle.toArray', async (after) => (await chronicleOf()).toArray({ after })],
  ['onGap', 'Chronicle.toArray', async (onGap) => (await chronicleOf()).toArray({ onGap })],
  ['eventId', 'Chronicle.find', async (value) => (await chronicleOf()).find(value)],
  ['options', 'Chronicle.find', async (value) => (await chronicleOf()).find('a', value)],
  ['count', 'Chronicle.tail', async (value) => (await chronicleOf()).tail(value)],
  ['options', 'Chronicle.tail', async (value) => (await chronicleOf()).tail(1, value)],
  ['options', 'Chronicle.follow', async (value) => (await chronicleOf()).follow(value).next()],
  ['where', 'Chronicle.follow', async (where) => (await chronicleOf()).follow({ where }).next()],
  ['signal', 'Chronicle.follow', async (signal) => (await chronicleOf()).follow({ signal }).next()],
  ['options', 'Chronicle.verify', async (value) => (await chronicleOf()).verify(value)],
  ['signal', 'Chronicle.verify', async (signal) => (await chronicleOf()).verify({ signal })],
  ['options', 'Chronicle.repair', async (value) => (await chronicleOf()).repair(value)],
  ['path', 'appendEvent', (value) => holdfast.appendEvent(value, {})],
  ['event', 'appendEvent', (value) => holdfast.appendEvent(newFile(), value)],
  ['options', 'appendEvent', (value) => holdfast.appendEvent(newFile(), {}, value)],
  ['event', 'appendEventWithId', (value) => holdfast.appendEventWithId(newFile(), value)],
  ['options', 'appendEventWithId', (value) => holdfast.appendEventWithId(newFile(), {}, value)],
  ['path', 'readChronicle', (value) => holdfast.readChronicle(value)],
  ['options', 'readChronicle', (value) => holdfast.readChronicle(newFile(), value)],
  ['path', 'tailChronicle', (value) => holdfast.tailChronicle(value)],
  ['options', 'tailChronicle', (value) => holdfast.tailChronicle(newFile(), 1, value)],
  ['path', 'followChronicle', (value) => holdfast.followChronicle(value).next()],
  ['options', 'followChronicle', (value) => holdfast.followChronicle(newFile(), value).next()],
  ['path', 'verifyChronicle', (value) => holdfast.verifyChronicle(value)],
  ['options', 'verifyChronicle', (value) => holdfast.verifyChronicle(newFile(), value)],
  ['path', 'repairChronicle', (value) => holdfast.repairChronicle(value)],
  ['options', 'repairChronicle', (value) => holdfast.repairChronicle(newFile(), value)],
  ['path', 'writeFileAtomic', (value) => holdfast.writeFileAtomic(value, '')],
  ['data', 'writeFileAtomic', (value) => holdfast.writeFileAtomic(newFile(), value)],
  ['data[0]', 'writeFileAtomic', (value) => holdfast.writeFileAtomic(newFile(), [value])],
  ['options', 'writeFileAtomic', (value) => holdfast.writeFileAtomic(newFile(), '', value)],
  ['signal', 'writeFileAtomic', (signal) => holdfast.writeFileAtomic(newFile(), '', { signal })],
  ['options', 'pino', async (value) => logTo(value)],
  ['path', 'pino', async (path) => logTo({ path })],
  ['rotate', 'pino', async (rotate) => logTo({ path: newFile(), rotate })],
  ['file', 'proper-lockfile', (value) => lockfile.lock(value)],
  ['options', 'proper-lockfile', (value) => lockfile.lock(newFile(), value)],
  ['retries', 'proper-lockfile', (retries) => lockfile.lock(newFile(), { retries })],
  ['fs', 'proper-lockfile', (fs) => lockfile.lock(newFile(), { fs })],
  ['lockfilePath', 'proper-lockfile', (lockfilePath) => lockfile.lock(newFile(), { lockfilePath })],
  ['options', 'connect to PostgreSQL', (value) => connect(value)],
  ['pool', 'connect to PostgreSQL', (pool) => connect({ pool })],
];

/** A function is refused, or its name told, before it is looked at; as a callback it is called, or is no data. */
const isCallback = (field: string, what: string) => field === 'onGap' && what.endsWith('function');

async function expectRefusal(call: () => unknown, field: string): Promise<void> {
  const error = await (async () => call())().then(
    () => expect.fail('it was taken'),
    (reason) => reason,
  );
  expect(error, String(error)).toBeInstanceOf(holdfast.HoldfastError);
  expect(error).toMatchObject({ code: 'EVALIDATION', field: expect.any(String) });
  const named = (error as holdfast.ValidationError).field;
  // Inside of an event, or of several, the path of the value may be told.
  expect(named === field || named.startsWith(`${field}.`) || named.startsWith(`${field}[`), named).toBe(true);
  expect((error as Error).message).not.toContain('\n');
}

describe.each(Object.entries(hostile))('%s', (what, make) => {
  it.each(calls.filter(([field]) => !isCallback(field, what)))(
    'as %s of %s is EVALIDATION',
    (field, _, call) => expectRefusal(() => call(make() as never), field),
  );

  it('is no error of ours, whoever has thrown it', () => {
    expect(make() instanceof holdfast.HoldfastError).toBe(false);
  });
});

describe('What is thrown where a value is read is the cause', () => {
  it.each<[field: string, name: string, Call]>([
    ['options', 'timeout', (value) => holdfast.lock(newFile(), value)],
    ['options', 'dedupe', (value) => holdfast.openChronicle(newFile(), value)],
    ['rotate', 'maxBytes', (rotate) => chronicleOf({ rotate })],
    ['dedupe', 'window', (dedupe) => chronicleOf({ dedupe })],
    ['range', 'start', (range) => holdfast.lock(newFile(), { kind: 'fcntl', range })],
    ['where', 'a', async (where) => (await chronicleOf()).toArray({ where })],
    ['options', 'limit', async (value) => (await chronicleOf()).toArray(value)],
    ['signal', 'aborted', (signal) => holdfast.lock(newFile(), { signal })],
    ['schema', '~standard', (schema) => chronicleOf({ schema })],
    ['event', 'a', async (value) => (await chronicleOf()).append(value)],
    ['event', 'toJSON', async (value) => (await chronicleOf()).append(value)],
    ['event', 'eventId', async (value) => (await chronicleOf()).append(value)],
    ['file', 'fd', (value) => holdfast.lock(value)],
    ['path', 'href', (value) => holdfast.openChronicle(value)],
    ['fs', 'stat', (fs) => lockfile.lock(newFile(), { fs })],
    ['pool', 'connect', (pool) => connect({ pool })],
  ])('%s, by its %s', async (field, name, call) => {
    await expect((async () => call(throwing(name) as never))()).rejects.toMatchObject({
      code: 'EVALIDATION',
      field,
      message: expect.stringMatching(/: cannot be .*: thrown$/),
      cause: thrown,
    });
  });

  it('also of a toJSON, and of one that revokes what it belongs to', async () => {
    await using chronicle = await holdfast.openChronicle(newFile());
    await expect(chronicle.append({ toJSON: throws })).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'event',
      cause: thrown,
    });
    for (const text of [{}, { a: 1 }, { a: null }]) {
      const { proxy, revoke } = Proxy.revocable(
        {
          toJSON: () => {
            revoke();
            return text;
          },
        },
        {},
      );
      await expectRefusal(() => chronicle.append(proxy), 'event');
    }
    const first = {
      toJSON: () => {
        many.revoke();
        return { n: 2 };
      },
    };
    const many = Proxy.revocable([first, { n: 3 }], {});
    await expectRefusal(() => chronicle.appendMany(many.proxy), 'events');
    expect(await chronicle.toArray()).toHaveLength(1);
  });

  it('also of an iterable of events, of which none is written then', async () => {
    await using chronicle = await holdfast.openChronicle(newFile());
    function* events() {
      yield { n: 2 };
      throw thrown;
    }
    await expect(chronicle.appendMany(events())).rejects.toMatchObject({ field: 'events', cause: thrown });
    expect(await chronicle.toArray()).toHaveLength(1);
  });

  it('options that nobody has read yet are refused when they are, not before', async () => {
    await using chronicle = await holdfast.openChronicle(newFile());
    const range = revoked();
    for (const call of [chronicle.read(range), chronicle.readBatches(range), chronicle.follow(range)])
      await expect(call.next()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'options' });
  });
});

it('a proxy that can be read is taken for what it stands for', async () => {
  const file = newFile();
  const stop = new AbortController();
  const options = new Proxy({ signal: new Proxy(stop.signal, {}) }, {});
  await using _ = await holdfast.lock(file, options);
  const waiting = holdfast.lock(file, options);
  stop.abort(thrown);
  await expect(waiting).rejects.toBe(thrown);
});

describe('holdfast/sage-chronicle', () => {
  const functions = Object.entries(sage).filter(([, value]) => typeof value === 'function') as [
    string,
    (...values: unknown[]) => unknown,
  ][];
  const event = { type: 'PLAN_APPROVED', timestamp: '2026-01-31T12:00:00Z', actor: { agent: 'a', id: 'x' } };

  it.each(functions)('%s: each argument', async (_, call) => {
    for (const make of Object.values(hostile)) {
      for (const values of [
        [make()],
        [`${newFile()}.sage`, make()],
        [`${newFile()}.sage`, event, make()],
        [`${newFile()}.sage`, 'a', make()],
        [event, make()],
        [[event], make()],
      ]) {
        try {
          const value = await call(...values);
          expect(['boolean', 'object', 'undefined', 'string', 'number', 'function']).toContain(typeof value);
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(holdfast.HoldfastError);
        }
      }
    }
  });
});

describe.skipIf(noPostgres)('holdfast/postgres', () => {
  let postgres: Postgres;

  beforeAll(async () => {
    const server = await PostgresServer.start();
    postgres = await connect({ connectionString: server.connectionString });
    return async () => {
      await postgres.close();
      await server.remove();
    };
  });

  const opened = () => postgres.openChronicle('hostile');
  it.each<[string, string, Call]>([
    ['name', 'openChronicle', (value) => postgres.openChronicle(value)],
    ['options', 'openChronicle', (value) => postgres.openChronicle('hostile', value)],
    ['retain', 'openChronicle', (retain) => postgres.openChronicle('hostile', { retain })],
    ['fence', 'Chronicle.append', async (fence) => (await opened()).append({}, { fence })],
    ['event', 'Chronicle.append', async (value) => (await opened()).append(value)],
    ['options', 'Chronicle.toArray', async (value) => (await opened()).toArray(value)],
    ['options', 'lock', (value) => postgres.lock('hostile', value)],
    ['options', 'tryLock', (value) => postgres.tryLock('hostile', value)],
  ])('%s of %s', async (field, _, call) => {
    for (const make of Object.values(hostile)) await expectRefusal(() => call(make() as never), field);
  });
});
