/** An option that does not exist is refused, by its name and with the nearest one, in every function. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendEvent,
  appendEventWithId,
  followChronicle,
  lock,
  lockSync,
  openChronicle,
  readChronicle,
  repairChronicle,
  tailChronicle,
  tryLock,
  tryLockSync,
  verifyChronicle,
  withLock,
  writeFileAtomic,
} from 'holdfast';
import logTo from 'holdfast/pino';
import { connect, type Postgres } from 'holdfast/postgres';
import * as sage from 'holdfast/sage-chronicle';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';
import { noPostgres, PostgresServer } from './support/postgres.js';

/** Mistyped on purpose, so no type of ours. */
function wrong(options: object): never {
  return options as never;
}

const sageEvent = {
  type: 'PLAN_APPROVED',
  timestamp: '2026-01-31T12:00:00Z',
  actor: { agent: 'guardian', id: 'x' },
};

function newFile(): string {
  const file = join(temporaryDirectory(), 'file.ndjson');
  writeFileSync(file, '{"number":1}\n');
  return file;
}

interface Calls {
  [name: string]: [wrongName: string, near: string, call: (file: string, options: never) => unknown];
}

const calls: Calls = {
  lock: ['timeot', 'timeout', (file, options) => lock(file, options)],
  lockSync: ['tiemout', 'timeout', (file, options) => lockSync(file, options)],
  tryLock: ['mod', 'mode', (file, options) => tryLock(file, options)],
  tryLockSync: ['Mode', 'mode', (file, options) => tryLockSync(file, options)],
  withLock: ['signals', 'signal', (file, options) => withLock(file, options, () => {})],
  'lock, its range': [
    'range.strat',
    'range.start',
    (file) => lock(file, { kind: 'fcntl', range: wrong({ strat: 1 }) }),
  ],
  'FileLock.release': ['removed', 'remove', async (file, options) => (await lock(file)).release(options)],
  'FileLock.upgrade': ['time_out', 'timeout', async (file, options) => (await lock(file)).upgrade(options)],
  openChronicle: ['locktimeout', 'lockTimeout', (file, options) => openChronicle(file, options)],
  'openChronicle, its rotation': [
    'rotate.maxByte',
    'rotate.maxBytes',
    (file) => openChronicle(file, { rotate: wrong({ maxByte: 5, maxAge: 5 }) }),
  ],
  'openChronicle, its window': [
    'dedupe.windows',
    'dedupe.window',
    (file) => openChronicle(file, { dedupe: wrong({ window: 5, windows: 5 }) }),
  ],
  'appendEvent of sage-chronicle': [
    'lockTimeoutMS',
    'lockTimeoutMs',
    (file, options) => sage.appendEvent(`${file}.sage`, sageEvent, options),
  ],
  'appendEventWithId of sage-chronicle': [
    'computeID',
    'computeId',
    (file, options) => sage.appendEventWithId(`${file}.sage`, { ...sageEvent, eventId: 'a' }, options),
  ],
  'isDuplicateEvent of sage-chronicle': [
    'windowsSize',
    'windowSize',
    (file, options) => sage.isDuplicateEvent(`${file}.sage`, 'a', options),
  ],
  appendEvent: ['durabilty', 'durability', (file, options) => appendEvent(file, { number: 2 }, options)],
  appendEventWithId: ['idkey', 'idKey', (file, options) => appendEventWithId(file, { number: 2 }, options)],
  readChronicle: ['onCorupt', 'onCorrupt', (file, options) => readChronicle(file, options)],
  tailChronicle: ['maxLineByte', 'maxLineBytes', (file, options) => tailChronicle(file, 1, options)],
  followChronicle: ['form', 'from', (file, options) => followChronicle(file, options).next()],
  verifyChronicle: ['onprogress', 'onProgress', (file, options) => verifyChronicle(file, options)],
  repairChronicle: ['signl', 'signal', (file, options) => repairChronicle(file, options)],
  writeFileAtomic: ['parent', 'parents', (file, options) => writeFileAtomic(file, 'x', options)],
  'Chronicle.append': [
    'ifend',
    'ifEnd',
    async (file, options) => (await openChronicle(file)).append({}, options),
  ],
  'Chronicle.read': [
    'wher',
    'where',
    async (file, options) => (await openChronicle(file)).read(options).next(),
  ],
  'Chronicle.toArray': [
    'limits',
    'limit',
    async (file, options) => (await openChronicle(file)).toArray(options),
  ],
  'Chronicle.follow': [
    'sginal',
    'signal',
    async (file, options) => (await openChronicle(file)).follow(options).next(),
  ],
  'Chronicle.verify': ['id', 'ids', async (file, options) => (await openChronicle(file)).verify(options)],
  'Chronicle.repair': [
    'onProgres',
    'onProgress',
    async (file, options) => (await openChronicle(file)).repair(options),
  ],
  pino: ['signls', 'signals', async (path, options: object) => logTo({ path, ...options })],
  'pino, its rotation': [
    'rotate.maxage',
    'rotate.maxAge',
    async (path) => logTo({ path, rotate: wrong({ maxage: 5, keep: 5 }) }),
  ],
  'connect to PostgreSQL': ['answerTimout', 'answerTimeout', (_, options) => connect(options)],
};

async function isRefused([wrongName, near, call]: Calls[string]): Promise<void> {
  const attempt = async () => call(newFile(), wrong({ [wrongName]: 1 }));
  await expect(attempt()).rejects.toMatchObject({
    code: 'EVALIDATION',
    field: wrongName,
    message: expect.stringContaining(`${wrongName}: no such option; did you mean '${near}'?`),
  });
}

it.each(Object.entries(calls))('%s', (_, call) => isRefused(call));

describe.skipIf(noPostgres)('on PostgreSQL', () => {
  let postgres: Postgres;

  beforeAll(async () => {
    const server = await PostgresServer.start();
    postgres = await connect({ connectionString: server.connectionString });
    return async () => {
      await postgres.close();
      await server.remove();
    };
  });

  const name = 'a "name"';
  const onPostgres: Calls = {
    openChronicle: ['retian', 'retain', (_, options) => postgres.openChronicle(name, options)],
    'openChronicle, what is kept': [
      'retain.maxEvent',
      'retain.maxEvents',
      () => postgres.openChronicle(name, { retain: wrong({ maxAge: 5, maxEvent: 5 }) }),
    ],
    'Chronicle.append': [
      'fense',
      'fence',
      async (_, options) => (await postgres.openChronicle(name)).append({}, options),
    ],
    'Chronicle.follow': [
      'aftr',
      'after',
      async (_, options) => (await postgres.openChronicle(name)).follow(options).next(),
    ],
    lock: ['timeuot', 'timeout', (_, options) => postgres.lock(name, options)],
    tryLock: ['modes', 'mode', (_, options) => postgres.tryLock(name, options)],
    withLock: ['sigal', 'signal', (_, options) => postgres.withLock(name, options, () => {})],
    'PostgresLock.upgrade': [
      'Timeout',
      'timeout',
      async (_, options) => {
        await using held = await postgres.lock(name, { mode: 'shared' });
        await held.upgrade(options);
      },
    ],
  };

  it.each(Object.entries(onPostgres))('%s', (_, call) => isRefused(call));
});

it('a name that is like no other: all that there are', async () => {
  await expect(lock(newFile(), wrong({ patience: 5 }))).rejects.toThrow(
    'patience: no such option; there are mode, fence, kind, range, create, permissions, timeout, signal',
  );
});

it('options of a chronicle may stand in the one object that a service passes to all of its calls', async () => {
  const options = { dedupe: 'consecutive', lockTimeout: 500, idKey: 'id', onCorrupt: 'skip' } as const;
  const file = newFile();
  await appendEvent(file, { number: 2 }, options);
  expect(await readChronicle(file, options)).toHaveLength(2);
  expect((await verifyChronicle(file, options)).intact).toBe(true);
});
