/** L3 to L5: how a wait ends, what it costs, and what it keeps alive. */
import { getEventListeners } from 'node:events';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLock, lock, lockSync, tryLock, tryLockSync } from 'holdfast';
import { describe, expect, it, vi } from 'vitest';
import { someoneWaitsFor, stateOf, until } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { holderOf, locker } from '../support/holder.js';
import { heldBy, literally } from '../support/messages.js';
import { Program } from '../support/processes.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

async function heldElsewhere(): Promise<{ file: string; holder: Program }> {
  const file = join(temporaryDirectory(), 'file');
  return { file, holder: await holderOf(file) };
}

describe('L3: a wait ends at its deadline or its abort', () => {
  it('rejects with ELOCK_TIMEOUT, which says how long, for what, and who holds it', async () => {
    const { file, holder } = await heldElsewhere();
    const message = expect.stringMatching(
      heldBy(`^ELOCK_TIMEOUT: waited \\d+ ms for the shared lock on '${literally(file)}'`, holder.pid),
    );
    const failure = { code: 'ELOCK_TIMEOUT', path: file, message };
    await expect(lock(file, { timeout: 20, mode: 'shared' })).rejects.toMatchObject(failure);
    await expect(lock(file, { timeout: 0, mode: 'shared' })).rejects.toMatchObject(failure);
    expect(() => lockSync(file, { timeout: 20, mode: 'shared' })).toThrow(expect.objectContaining(failure));
    expect(() => lockSync(file, { timeout: 0, mode: 'shared' })).toThrow(expect.objectContaining(failure));
  });

  it('leaves nobody waiting in the kernel, and keeps no late grant', async () => {
    const { file, holder } = await heldElsewhere();
    await Promise.all(
      Array.from({ length: 50 }, () =>
        expect(lock(file, { timeout: 5 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' }),
      ),
    );
    await holder.ask({ command: 'release', file });
    // Whoever held on to a late grant would be in the way here.
    (await lock(file)).releaseSync();
    expect(await holder.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });

  it('rejects with the reason of an abort', async () => {
    const { file } = await heldElsewhere();
    const reason = new Error('changed my mind');
    await expect(lock(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = lock(file, { signal: controller.signal });
    await someoneWaitsFor(file);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it('gives the place of one that gave up to the next, whatever its mode', async () => {
    const { file, holder } = await heldElsewhere();
    const controller = new AbortController();
    const first = lock(file, { signal: controller.signal });
    await someoneWaitsFor(file);
    const second = lock(file, { mode: 'shared' });
    const third = lock(file, { mode: 'shared' });
    controller.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    await holder.ask({ command: 'release', file });
    const both = await Promise.all([second, third]);
    expect(both.map((held) => held.mode)).toEqual(['shared', 'shared']);
    for (const held of both) held.releaseSync();
  });

  it('holds for a wait that a blocked event loop could not serve: the grant is not lost', async () => {
    const { file, holder } = await heldElsewhere();
    const waiting = lock(file, { timeout: 60_000 });
    await someoneWaitsFor(file);
    holder.send({ command: 'release', file });
    // This thread sleeps in the kernel until it has the lock, before its wait above, which it could not serve.
    lockSync(file, { timeout: 60_000 }).releaseSync();
    (await waiting).releaseSync();
    lockSync(file, { timeout: 0 }).releaseSync();
  });

  it.runIf(process.platform === 'linux').each(['flock', 'fcntl'] as const)(
    'a grant (%s) that comes after the deadline is given back, though the event loop was blocked',
    async (kind) => {
      const file = join(temporaryDirectory(), 'file');
      const holder = await holderOf(file, { kind });
      const waiting = lock(file, { timeout: 50, kind });
      const next = lock(file, { kind });
      await someoneWaitsFor(file);
      const end = performance.now() + 60;
      while (performance.now() < end);
      holder.send({ command: 'release', file });
      // Blocks this thread until somebody else has it: the next in line.
      while (new RegExp(`-> .*:${statSync(file).ino} `).test(readFileSync('/proc/locks', 'utf8')));
      await expect(waiting).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
      (await next).releaseSync();
    },
  );

  it('a grant that came before the deadline is kept, though the event loop was blocked until after it', async () => {
    const { file, holder } = await heldElsewhere();
    const waiting = lock(file, { timeout: 1000 });
    await someoneWaitsFor(file);
    const end = performance.now() + 1100;
    holder.send({ command: 'release', file });
    while (performance.now() < end);
    (await waiting).releaseSync();
  });

  it.runIf(process.platform === 'linux')('an abort drops a grant that is on its way', async () => {
    const { file, holder } = await heldElsewhere();
    const controller = new AbortController();
    const waiting = lock(file, { signal: controller.signal });
    await someoneWaitsFor(file);
    holder.send({ command: 'release', file });
    while (new RegExp(`-> .*:${statSync(file).ino} `).test(readFileSync('/proc/locks', 'utf8')));
    controller.abort();
    await expect(waiting).rejects.toBe(controller.signal.reason);
    (await lock(file)).releaseSync();
    await holder.next();
    expect(await holder.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });

  it('an abort of which a listener of others kept the event to itself rejects at the grant', async () => {
    const { file, holder } = await heldElsewhere();
    const controller = new AbortController();
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
    const waiting = lock(file, { signal: controller.signal });
    await someoneWaitsFor(file);
    controller.abort();
    const rejected = expect(waiting).rejects.toBe(controller.signal.reason);
    await holder.ask({ command: 'release', file });
    await rejected;
    expect(await holder.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });

  it('leaves nothing behind that a single try finds in its way', async () => {
    const file = join(temporaryDirectory(), 'file');
    for (let round = 0; round < 20; round++) {
      const held = await lock(file);
      const mode = round % 2 === 0 ? 'exclusive' : 'shared';
      await expect(lock(file, { mode, timeout: 1 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
      held.releaseSync();
      const next = round % 4 < 2 ? tryLockSync(file) : await tryLock(file);
      expect(next?.held).toBe(true);
      next?.releaseSync();
    }
  });
});

describe('L4: a wait costs no libuv thread, and its turn comes in order', () => {
  it('serves ten thousand calls for one file first come first served, with one waiting thread', async () => {
    const file = join(temporaryDirectory(), 'file');
    const threads = () => readdirSync('/proc/self/task').length;
    (await lock(file)).releaseSync();
    const held = await lock(file);
    const before = threads();
    const order: number[] = [];
    const calls = Array.from({ length: 10_000 }, (_, index) =>
      lock(file).then((mine) => {
        order.push(index);
        mine.releaseSync();
      }),
    );
    await someoneWaitsFor(file);
    if (process.platform === 'linux') expect(threads()).toBeLessThanOrEqual(before + 1);
    // libuv's pool has four threads; were one of the calls to wait there, this would wait with it.
    for (let i = 0; i < 8; i++) await readFile(new URL(import.meta.url));
    expect(order).toEqual([]);
    held.releaseSync();
    await Promise.all(calls);
    expect(order).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
  });

  it('lets ten thousand waits share one AbortSignal, at the cost of one listener', async () => {
    const { file, holder } = await heldElsewhere();
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const controller = new AbortController();
    const { signal } = controller;
    const add = vi.spyOn(signal, 'addEventListener');
    const calls = Array.from({ length: 10_000 }, () => lock(file, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await someoneWaitsFor(file);
    const reason = new Error('on purpose');
    controller.abort(reason);
    const results = await Promise.allSettled(calls);
    expect(results.every((result) => result.status === 'rejected' && result.reason === reason)).toBe(true);
    expect(add).toHaveBeenCalledTimes(1);
    expect(warnings).toEqual([]);
    process.off('warning', warned);
    await holder.ask({ command: 'release', file });
    (await lock(file)).releaseSync();
  });

  it('leaves no listener on a signal that lives on, and serves it again', async () => {
    const { file, holder } = await heldElsewhere();
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = () => getEventListeners(signal, 'abort').length;
    await expect(lock(file, { signal, timeout: 1 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(aborted()).toBe(0);
    const first = lock(file, { signal, timeout: 1 });
    const second = lock(file, { signal });
    await expect(first).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(aborted()).toBe(1);
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    await holder.ask({ command: 'release', file });
  });

  it('waits for a thousand files at once with a bounded number of threads', async () => {
    const directory = temporaryDirectory();
    const held: FileLock[] = [];
    for (let i = 0; i < 1000; i++) held.push(await lock(join(directory, `${i}`)));
    const calls = held.map((_, index) => lock(join(directory, `${index}`)));
    await someoneWaitsFor(join(directory, '0'));
    expect(await stateOf(Promise.race(calls))).toBe('pending');
    if (process.platform === 'linux') expect(readdirSync('/proc/self/task').length).toBeLessThan(100);
    for (const one of held.reverse()) one.releaseSync();
    for (const one of await Promise.all(calls)) one.releaseSync();
  });
});

describe('L5: what keeps the process alive', () => {
  it('is a pending wait, but not a held lock', async () => {
    const { file, holder } = await heldElsewhere();
    const waiter = await locker();
    await waiter.ask({ command: 'lock', file: `${file}-free` });
    waiter.send({ command: 'lock', file });
    await someoneWaitsFor(file);
    waiter.send({ command: 'leave' });
    // It has nothing to do but to wait, and to hold a lock. Freed, it takes the second lock and ends, and so
    // frees both.
    await holder.ask({ command: 'release', file });
    expect(await waiter.exited).toBe(0);
    expect(tryLockSync(`${file}-free`)).not.toBeNull();
    expect(await tryLock(file)).not.toBeNull();
  });
});

describe.skipIf(unwatchable !== undefined)('L6 and L4 where a lock is found busy before the wait', () => {
  /** A process that knows the directory of `file` to be local, its calls, and the lock, which is held here. */
  async function watched(): Promise<{ file: string; held: FileLock; program: Program; calls: SystemCalls }> {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const calls = await SystemCalls.under(directory);
    const program = new Program({ name: 'locker', env: calls.env });
    await program.next();
    await program.ask({ command: 'lock', file: join(directory, 'other') });
    return { file, held: await lock(file), program, calls };
  }

  it.each(['lock', 'lockSync'])('%s() opens the file once', async (command) => {
    const { file, held, program, calls } = await watched();
    const from = calls.made.length;
    program.send({ command, file });
    const asked = () => calls.made.slice(from).filter((call) => call === 'flock file').length;
    await until(() => asked() === 3, 'it waits in the kernel, after a try of each thread');
    held.releaseSync();
    expect(await program.next()).toEqual({ held: true });
    expect(calls.made.slice(from).filter((call) => call.startsWith('open'))).toEqual(['open file']);
  });

  it('a file that is replaced between is not waited for', async () => {
    const { file, program, calls } = await watched();
    const first = calls.hold('flock file');
    program.send({ command: 'lock', file });
    const tried = await first;
    const second = calls.hold('flock file');
    tried.answer('go');
    const waits = await second;
    renameSync(file, `${file}.1`);
    writeFileSync(file, '');
    waits.answer('go');
    expect(await program.next()).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
  });
});
