/** L1: exclusion holds between processes, between worker threads, and between two calls in one thread. */
import { once } from 'node:events';
import { linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, tryLock, tryLockSync, withLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor, stateOf } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';

describe('L1: exclusion', () => {
  it('holds between processes', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    expect(await other.ask({ command: 'lock', file })).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
    expect(tryLockSync(file)).toBeNull();
    const waiting = lock(file);
    await someoneWaitsFor(file);
    expect(await stateOf(waiting)).toBe('pending');
    await other.ask({ command: 'release', file });
    const held = await waiting;
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: false });
    await held.release();
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });

  it('holds between worker threads', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = await lock(file);
    const worker = new Worker(new URL('../programs/locking-worker.mjs', import.meta.url), {
      workerData: { file },
    });
    const messages: string[] = [];
    worker.on('message', (message) => messages.push(message));
    await once(worker, 'message');
    await someoneWaitsFor(file);
    expect(messages).toEqual(['called']);
    await held.release();
    await once(worker, 'message');
    expect(messages).toEqual(['called', 'held']);
    expect(await tryLock(file)).toBeNull();
    await worker.terminate();
  });

  it('holds between two calls in one thread', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file);
    expect(tryLockSync(file)).toBeNull();
    expect(await tryLock(file)).toBeNull();
    const waiting = lock(file);
    await someoneWaitsFor(file);
    expect(await stateOf(waiting)).toBe('pending');
    held.releaseSync();
    (await waiting).releaseSync();
  });

  it('holds between the names of one file', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const held = await lock(file);
    symlinkSync(file, join(directory, 'symbolic'));
    linkSync(file, join(directory, 'hard'));
    expect(await tryLock(join(directory, 'symbolic'))).toBeNull();
    expect(await tryLock(join(directory, 'hard'))).toBeNull();
    expect(await tryLock(Buffer.from(file))).toBeNull();
    expect(await tryLock(pathToFileURL(file))).toBeNull();
    await held.release();
  });

  it('lets shared holders in together, and no exclusive one with them', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    const first = await lock(file, { mode: 'shared' });
    expect(await other.ask({ command: 'tryLock', file, options: { mode: 'shared' } })).toEqual({
      held: true,
    });
    await first.release();
    expect(await tryLock(file)).toBeNull();
    await other.ask({ command: 'release', file });
    expect(await tryLock(file)).not.toBeNull();
  });

  it('is given up on return and on throw by withLock', async () => {
    const file = join(temporaryDirectory(), 'file');
    expect(await withLock(file, async () => tryLockSync(file))).toBeNull();
    const failure = new Error('on purpose');
    await expect(
      withLock(file, { timeout: 1000 }, () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(tryLockSync(file)).not.toBeNull();
  });
});
