/**
 * L7: a lock file is removed only by its holder, while it holds it, and only where the caller asked for that.
 */
import { closeSync, existsSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock, lockSync, tryLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';
import { Program } from '../support/processes.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

describe('L7: the lock file', () => {
  it('stays where nobody asks for its removal', async () => {
    const file = join(temporaryDirectory(), 'file');
    await (await lock(file)).release();
    lockSync(file).releaseSync({ remove: false });
    expect(existsSync(file)).toBe(true);
  });

  it('is gone after a release that asks for it', async () => {
    const file = join(temporaryDirectory(), 'file');
    await (await lock(file)).release({ remove: true });
    expect(existsSync(file)).toBe(false);
    lockSync(file).releaseSync({ remove: true });
    expect(existsSync(file)).toBe(false);
  });

  it('is removed under those who wait for it, and they lock the one that is made in its place', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    const held = await lock(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    await held.release({ remove: true });
    const next = await waiting;
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: false });
    await next.release({ remove: true });
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });

  it('is not removed where the path names another file by then', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const held = await lock(file);
    writeFileSync(join(directory, 'new'), 'precious');
    renameSync(join(directory, 'new'), file);
    await held.release({ remove: true });
    expect(existsSync(file)).toBe(true);
  });

  it.each([
    ['share the lock', { mode: 'shared' }, { mode: 'shared' }],
    ['share the lock (fcntl)', { kind: 'fcntl', mode: 'shared' }, { kind: 'fcntl', mode: 'shared' }],
    [
      'hold another range',
      { kind: 'fcntl', range: { start: 0, length: 1 } },
      { kind: 'fcntl', range: { start: 1, length: 1 } },
    ],
  ] as const)('is not removed while others %s, but when they are gone', async (_, mine, others) => {
    const file = join(temporaryDirectory(), 'file');
    const other = await lock(file, others);
    const held = await lock(file, mine);
    await held.release({ remove: true });
    // Were it removed, this would lock a file that is made anew, and know nothing of the other.
    expect(await tryLock(file, { kind: 'kind' in others ? 'fcntl' : 'flock' })).toBe(null);
    await other.release({ remove: true });
    expect(existsSync(file)).toBe(false);
  });

  it('is not removed by a lock on an open descriptor, which has no path', async () => {
    const descriptor = openSync(join(temporaryDirectory(), 'file'), 'w+');
    const held = await lock(descriptor);
    await expect(held.release({ remove: true })).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'remove',
    });
    expect(held.held).toBe(true);
    await held.release();
    closeSync(descriptor);
  });
});

describe('release', () => {
  // A close alone frees nothing while a thread between fork and exec has a copy of the descriptor.
  it.skipIf(unwatchable !== undefined).each([
    ['flock', {}],
    ['fcntl', { kind: 'fcntl' }],
    ['fcntl, shared', { kind: 'fcntl', mode: 'shared' }],
  ])('unlocks before it closes (%s)', async (_, options) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const calls = await SystemCalls.under(directory);
    const program = new Program({ name: 'locker', env: calls.env });
    await program.next();
    await program.ask({ command: 'lock', file, options });
    const taken = calls.made.length;
    await program.ask({ command: 'release', file });
    expect(calls.made.slice(taken)[0]).toBe('unlock file');
  });

  it('happens at the end of a block, by using and await using', async () => {
    const file = join(temporaryDirectory(), 'file');
    {
      using held = lockSync(file);
      expect(held.held).toBe(true);
      expect(await tryLock(file)).toBeNull();
    }
    {
      await using held = await lock(file);
      expect(held.held).toBe(true);
      expect(await tryLock(file)).toBeNull();
    }
    expect(await tryLock(file)).not.toBeNull();
  });

  it('twice has no effect, and frees nobody else', async () => {
    const file = join(temporaryDirectory(), 'file');
    const first = await lock(file);
    await first.release();
    const second = await lock(file);
    await first.release();
    first.releaseSync();
    expect(await tryLock(file)).toBeNull();
    expect(second.held).toBe(true);
  });
});
