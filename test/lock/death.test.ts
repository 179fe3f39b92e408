/** L2: a lock dies with its holder, however that ends. No child process inherits it. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor, within } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { holderOf, locker } from '../support/holder.js';
import { Program } from '../support/processes.js';

/** A process that holds the lock of the file, so that this one does not get it. */
async function holder(file: string): Promise<Program> {
  const program = await holderOf(file);
  expect(await tryLock(file)).toBeNull();
  return program;
}

describe('L2: a lock dies with its holder', () => {
  it('is free at once after SIGKILL, and a waiter gets it', async () => {
    const file = join(temporaryDirectory(), 'file');
    const program = await holder(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    await program.kill();
    expect((await waiting).held).toBe(true);
  });

  it.each(['exit', 'crash', 'throw', 'leave'])('is free after the holder ends by %s', async (command) => {
    const file = join(temporaryDirectory(), 'file');
    const program = await holder(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    program.send({ command });
    expect((await waiting).held).toBe(true);
    await program.exited;
  });

  it('is not kept by a child process that was started while it was held', async () => {
    const file = join(temporaryDirectory(), 'file');
    const program = await holder(file);
    const { started } = await program.ask<{ started: number }>({ command: 'child' });
    onTestFinished(() => {
      process.kill(started, 'SIGKILL');
    });
    await program.kill();
    const held = await lock(file);
    expect(() => process.kill(started, 0)).not.toThrow(); // the child is still there
    expect(held.held).toBe(true);
  });

  it('is free after the process that held it in a worker thread was killed', async () => {
    const file = join(temporaryDirectory(), 'file');
    const program = await locker();
    await program.ask({ command: 'worker', file });
    expect(await tryLock(file)).toBeNull();
    await program.kill();
    expect((await lock(file)).held).toBe(true);
  });

  it('is free after worker.terminate()', async () => {
    const file = join(temporaryDirectory(), 'file');
    const worker = new Worker(new URL('../programs/locking-worker.mjs', import.meta.url), {
      workerData: { file, sync: true },
    });
    await once(worker, 'message');
    expect(await tryLock(file)).toBeNull();
    await worker.terminate();
    expect(await tryLock(file)).not.toBeNull();
  });

  it('is never granted to a worker thread that was terminated while it waited', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file);
    const worker = new Worker(new URL('../programs/locking-worker.mjs', import.meta.url), {
      workerData: { file },
    });
    await once(worker, 'message');
    await someoneWaitsFor(file);
    await worker.terminate();
    held.releaseSync();
    // Taken again and again: a grant to the dead would show as a lock that nobody can release.
    for (let i = 0; i < 100; i++) {
      const taken = await within(lock(file), 'the lock that a dead thread waited for is free');
      expect(taken.held).toBe(true);
      taken.releaseSync();
    }
  });

  it('works in a thread that was the only one to load the library, and after it has ended', async () => {
    const file = join(temporaryDirectory(), 'file');
    const program = new Program('worker-only', file);
    expect(await program.next()).toEqual({ rounds: 20 });
    expect(await program.exited).toBe(0);
  }, 180_000); // forty threads that load the library: a busy machine takes a minute
});
