/**
 * The promises of the locks that can be seen on every platform.
 */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import lockfile from '../../compat/proper-lockfile.js';
import { type LockOptions, lock, lockSync, tryLock, tryLockSync, withLock } from '../../index.js';
import type { Bench, Check } from './bench.js';

const timedOut = { code: 'ELOCK_TIMEOUT' };

export const lockChecks: { readonly [promise: string]: Check } = {
  'two processes exclude each other': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    assert.equal(await tryLock(file), null);
    assert.equal(tryLockSync(file), null);
    const waiting = lock(file);
    await other.ask('release', file);
    const held = await waiting;
    assert.equal(await other.ask('tryLock', file), false);
    await held.release();
    assert.equal(await other.ask('tryLock', file), true);
  },

  'a killed process frees its lock at once': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    const waiting = lock(file);
    await other.kill();
    await (await waiting).release();
  },

  'a wait ends at its deadline, and a grant that comes later is kept by nobody': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    await assert.rejects(lock(file, { timeout: 20 }), timedOut);
    assert.throws(() => lockSync(file, { timeout: 20 }), timedOut);
    await assert.rejects(lock(file, { timeout: 20, mode: 'shared' }), timedOut);
    await Promise.all(Array.from({ length: 20 }, () => assert.rejects(lock(file, { timeout: 5 }), timedOut)));
    await other.ask('release', file);
    await (await lock(file)).release();
    assert.equal(await other.ask('tryLock', file), true);
  },

  'a wait ends at its abort': async (bench) => {
    const file = bench.newFile();
    const held = await lock(file);
    const controller = new AbortController();
    const waiting = lock(file, { signal: controller.signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await held.release();
    await (await lock(file)).release();
  },

  'waits for more files than there are threads for end as well': async (bench) => {
    const other = bench.startPeer();
    const taken = Array.from({ length: 80 }, () => bench.newFile());
    for (const file of taken) await other.ask('lock', file);
    await Promise.all(taken.map((file) => assert.rejects(lock(file, { timeout: 50 }), timedOut)));
    const waiting = Promise.all(taken.map((file) => lock(file)));
    for (const file of taken) await other.ask('release', file);
    for (const held of await waiting) await held.release();
  },

  'calls for one file are served in their order': async (bench) => {
    const file = bench.newFile();
    const held = await lock(file);
    const order: number[] = [];
    const waiting = Array.from({ length: 100 }, async (_, index) => {
      const mine = await lock(file);
      order.push(index);
      await mine.release();
    });
    await held.release();
    await Promise.all(waiting);
    const sorted = [...order].sort((a, b) => a - b);
    assert.deepEqual(order, sorted);
  },

  'shared holders share, and exclude an exclusive one; a lock can be downgraded and upgraded': async (
    bench,
  ) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    const held = await lock(file);
    await held.downgrade();
    assert.equal(await other.ask('tryLock', file), false);
    assert.equal(await other.ask('tryLock', file, { mode: 'shared' }), true);
    assert.equal(await tryLock(file), null);
    await other.ask('release', file);
    await held.upgrade();
    assert.equal(await other.ask('tryLock', file, { mode: 'shared' }), false);
    await held.release();
  },

  'ranges of bytes exclude each other where they overlap': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    const held = await lock(file, range(10, 10));
    assert.equal(await other.ask('tryLock', file, range(19, 1)), false);
    assert.equal(await other.ask('tryLock', file, range(20, 0)), true);
    await held.release();
  },

  'a lock on an open descriptor is a lock on its file': async (bench) => {
    const file = bench.newFile();
    const descriptor = openSync(file, 'w+');
    const held = await lock(descriptor);
    assert.equal(await tryLock(file), null);
    await held.release();
    const byPath = await lock(file);
    await assert.rejects(lock(descriptor, { timeout: 10 }), timedOut);
    const waiting = lock(descriptor);
    await byPath.release();
    await (await waiting).release();
    closeSync(descriptor);
  },

  'a file can be read, and written by others, while it is locked': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    writeFileSync(file, 'from somebody who does not lock');
    assert.equal(readFileSync(file, 'utf8'), 'from somebody who does not lock');
  },

  'a child process does not keep the lock of its parent': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    await other.ask('startChild', bench.runtime);
    await other.kill();
    await (await lock(file)).release();
  },

  'a lock file that is removed on release is made again by whoever waits': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await other.ask('lock', file);
    const waiting = lock(file);
    await other.ask('release', file, { remove: true });
    const held = await waiting;
    assert.ok(existsSync(file));
    await held.release({ remove: true });
    assert.ok(!existsSync(file));
  },

  'a lock file stays where others share it, and goes with the last of them': async (bench) => {
    await staysWhereShared(bench, { mode: 'shared' }, { mode: 'shared' });
    await staysWhereShared(bench, range(0, 1), range(10, 10));
  },

  'errors have the codes of node:fs': async ({ directory }) => {
    await assert.rejects(lock(join(directory, 'missing', 'file')), { code: 'ENOENT', syscall: 'open' });
    await assert.rejects(lock(directory, { kind: 'fcntl' }), { code: 'EISDIR' });
    await assert.rejects(lock(''), { code: 'EVALIDATION', field: 'file' });
  },

  'withLock releases, and proper-lockfile can be replaced': async (bench) => {
    const file = bench.newFile();
    writeFileSync(file, '');
    assert.equal(await withLock(file, async () => tryLockSync(file)), null);
    const release = await lockfile.lock(file);
    assert.equal(await lockfile.check(file), true);
    await release();
    assert.equal(await lockfile.check(file), false);
  },

  'worker threads exclude each other, and a terminated one frees its lock': async (bench) => {
    const file = bench.newFile();
    const worker = new Worker(join(__dirname, 'worker-program.js'), { workerData: { file } });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.equal(await tryLock(file), null);
    await worker.terminate();
    await (await lock(file)).release();
  },
};

function range(start: number, length: number): LockOptions {
  return { kind: 'fcntl', range: { start, length } };
}

/** `theirs` and `ours` do not exclude each other. */
async function staysWhereShared(bench: Bench, theirs: LockOptions, ours: LockOptions): Promise<void> {
  const file = bench.newFile();
  const other = bench.startPeer();
  await other.ask('lock', file, theirs);
  await (await lock(file, ours)).release({ remove: true });
  assert.ok(existsSync(file));
  await other.ask('release', file);
  await (await lock(file, ours)).release({ remove: true });
  assert.ok(!existsSync(file));
}
