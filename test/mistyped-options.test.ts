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
import * as sage from 'holdfast/sage-chronicle';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

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

const calls: {
  [name: string]: [wrongName: string, near: string, call: (file: string, options: never) => unknown];
} = {
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
};

it.each(Object.entries(calls))('%s', async (_, [wrongName, near, call]) => {
  const attempt = async () => call(newFile(), wrong({ [wrongName]: 1 }));
  await expect(attempt()).rejects.toMatchObject({
    code: 'EVALIDATION',
    field: wrongName,
    message: expect.stringContaining(`${wrongName}: no such option; did you mean '${near}'?`),
  });
});

it('a name that is like no other: all that there are', async () => {
  await expect(lock(newFile(), wrong({ patience: 5 }))).rejects.toThrow(
    'patience: no such option; there are mode, kind, range, create, permissions, timeout, signal',
  );
});

it('options of a chronicle may stand in the one object that a service passes to all of its calls', async () => {
  const options = { dedupe: 'consecutive', lockTimeout: 500, idKey: 'id', onCorrupt: 'skip' } as const;
  const file = newFile();
  await appendEvent(file, { number: 2 }, options);
  expect(await readChronicle(file, options)).toHaveLength(2);
  expect((await verifyChronicle(file, options)).intact).toBe(true);
});
