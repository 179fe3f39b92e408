/**
 * L1 by descriptor, between the threads of a process: to the kernel, all locks through one open file description are one
 * lock, whichever of its descriptors they were taken by.
 */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type LockOptions, lock, lockSync, tryLock, tryLockSync } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';

interface Thread {
  readonly worker: Worker;
  readonly said: string[];
}

/** A worker thread that has tried the lock. */
async function thread(descriptor: number, options?: LockOptions, wait = false): Promise<Thread> {
  const worker = new Worker(new URL('../programs/descriptor-worker.mjs', import.meta.url), {
    workerData: { descriptor, options, wait },
  });
  onTestFinished(async () => void (await worker.terminate()));
  const said: string[] = [];
  worker.on('message', (message) => said.push(message));
  await once(worker, 'message');
  return { worker, said };
}

function opened(flags = 'w+'): { file: string; descriptor: number } {
  const file = join(temporaryDirectory(), 'file');
  const descriptor = openSync(file, flags);
  onTestFinished(() => closeSync(descriptor));
  return { file, descriptor };
}

/** Whether the promise is resolved before the event loop goes on, which no other thread can do. */
async function isAtOnce(promise: Promise<unknown>): Promise<boolean> {
  let resolved = false;
  void promise.then(() => {
    resolved = true;
  });
  for (let turn = 0; turn < 20; turn++) await undefined;
  return resolved;
}

const shared = { mode: 'shared' } as const;
const fcntl = { kind: 'fcntl' } as const;

describe('L1 by descriptor, between the threads of a process', () => {
  it.each([
    ['flock', {}],
    ['fcntl', fcntl],
  ] as const)('excludes the other thread, whose end frees nothing (%s)', async (_, options) => {
    const { file, descriptor } = opened();
    const held = await lock(descriptor, options);
    const { worker, said } = await thread(descriptor, options);
    expect(said).toEqual(['busy']);
    await worker.terminate();
    const other = await locker();
    expect(await other.ask({ command: 'tryLock', file, options })).toEqual({ held: false });
    expect(held.held).toBe(true);
    held.releaseSync();
    expect(await other.ask({ command: 'tryLock', file, options })).toEqual({ held: true });
  });

  it.each([
    ['exclusive', {}, shared],
    ['shared', shared, {}],
  ] as const)('excludes another mode than the %s one that is held', async (_, mine, theirs) => {
    const { descriptor } = opened();
    const held = lockSync(descriptor, mine);
    expect((await thread(descriptor, theirs)).said).toEqual(['busy']);
    held.releaseSync();
  });

  it('lets the other thread wait for its turn', async () => {
    const { descriptor } = opened();
    const held = await lock(descriptor);
    const { said, worker } = await thread(descriptor, {}, true);
    held.releaseSync();
    await until(() => said.length === 2, 'the worker has the lock');
    expect(tryLockSync(descriptor)).toBeNull();
    await worker.terminate();
    (await lock(descriptor)).releaseSync();
  });

  it('is freed by the end of a thread, for those who wait', async () => {
    const { descriptor } = opened();
    const { worker, said } = await thread(descriptor);
    expect(said).toEqual(['held']);
    expect(await tryLock(descriptor)).toBeNull();
    const waiting = lock(descriptor, { timeout: 60_000 });
    await worker.terminate();
    (await waiting).releaseSync();
  });

  it.each([
    ['flock', shared],
    ['fcntl', { ...shared, ...fcntl }],
  ] as const)('is shared until the last thread has released it (%s)', async (_, options) => {
    const { file, descriptor } = opened();
    const mine = await lock(descriptor, options);
    const { worker, said } = await thread(descriptor, options);
    expect(said).toEqual(['held']);
    mine.releaseSync();
    const other = await locker();
    const exclusive = { kind: 'kind' in options ? 'fcntl' : 'flock' };
    expect(await other.ask({ command: 'tryLock', file, options: exclusive })).toEqual({ held: false });
    await worker.terminate();
    expect(await other.ask({ command: 'tryLock', file, options: exclusive })).toEqual({ held: true });
  });

  it('is not made exclusive under another thread that shares it', async () => {
    const { descriptor } = opened();
    const mine = await lock(descriptor, { ...shared, ...fcntl });
    const { worker } = await thread(descriptor, { ...shared, ...fcntl });
    await expect(mine.upgrade({ timeout: 5 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(mine).toMatchObject({ held: true, mode: 'shared' });
    const upgrading = mine.upgrade();
    await worker.terminate();
    await upgrading;
    expect(mine.mode).toBe('exclusive');
    mine.releaseSync();
  });

  it('by ranges excludes what overlaps, and nothing beside it', async () => {
    const { descriptor } = opened();
    const range = (start: number) => ({ ...fcntl, range: { start, length: 10 } });
    const held = await lock(descriptor, range(0));
    expect((await thread(descriptor, range(9))).said).toEqual(['busy']);
    expect((await thread(descriptor, range(10))).said).toEqual(['held']);
    held.releaseSync();
  });

  it('excludes a second open file as ever', async () => {
    const { file, descriptor } = opened();
    const second = openSync(file, 'r+');
    onTestFinished(() => closeSync(second));
    const held = await lock(descriptor);
    expect((await thread(second)).said).toEqual(['busy']);
    expect(await tryLock(second)).toBeNull();
    held.releaseSync();
    (await lock(second)).releaseSync();
  });
});

// Only Linux tells the device of an open file without asking a server.
describe.skipIf(process.platform !== 'linux')('a descriptor of a device that is known to be local', () => {
  it('is locked without another thread', async () => {
    const { file, descriptor } = opened();
    (await lock(descriptor)).releaseSync();
    for (const options of [{}, shared, fcntl, { timeout: 0 }, { timeout: 60_000 }]) {
      const locking = lock(descriptor, options);
      expect(await isAtOnce(locking), JSON.stringify(options)).toBe(true);
      (await locking).releaseSync();
    }
    const trying = tryLock(descriptor);
    expect(await isAtOnce(trying)).toBe(true);
    (await trying)?.releaseSync();
    const byPath = await lock(file);
    const busy = tryLock(descriptor);
    expect(await isAtOnce(busy)).toBe(true);
    expect(await busy).toBeNull();
    byPath.releaseSync();
  });

  it('is one that a path led to, or another descriptor', async () => {
    const { file } = opened();
    (await lock(file)).releaseSync();
    const { descriptor } = opened();
    const locking = lock(descriptor);
    expect(await isAtOnce(locking)).toBe(true);
    (await locking).releaseSync();
  });

  it('is refused while it is locked or waited for, and can be locked after a try that failed', async () => {
    const { file, descriptor } = opened();
    const held = await lock(descriptor);
    const refused = { code: 'EVALIDATION', field: 'file' };
    await expect(lock(descriptor)).rejects.toMatchObject(refused);
    expect(() => tryLockSync(descriptor)).toThrow(expect.objectContaining(refused));
    held.releaseSync();
    const byPath = await lock(file);
    await expect(lock(descriptor, { timeout: 0 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    const waiting = lock(descriptor);
    expect(() => tryLockSync(descriptor)).toThrow(expect.objectContaining(refused));
    byPath.releaseSync();
    (await waiting).releaseSync();
    (await lock(descriptor)).releaseSync();
  });
});
