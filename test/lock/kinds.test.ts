/** Byte ranges, open descriptors, and other programs that lock the same file. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { lock, lockSync, tryLock, tryLockSync } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { holderOf, locker } from '../support/holder.js';

describe('fcntl byte ranges', () => {
  it('exclude each other where they overlap, in one process and between processes', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    const range = (start: number | bigint, length: number | bigint) =>
      ({ kind: 'fcntl', range: { start, length } }) as const;
    const held = await lock(file, range(10, 10));
    expect(await tryLock(file, range(19, 1))).toBeNull();
    expect(await tryLock(file, { kind: 'fcntl' })).toBeNull();
    expect(await other.ask({ command: 'tryLock', file, options: range(0, 11) })).toEqual({ held: false });
    expect(await other.ask({ command: 'tryLock', file, options: range(0, 10) })).toEqual({ held: true });
    const far = await lock(file, range(2n ** 62n, 0));
    expect(await tryLock(file, range(2n ** 63n - 2n, 1n))).toBeNull();
    const waiting = lock(file, range(0, 0));
    await someoneWaitsFor(file);
    held.releaseSync();
    far.releaseSync();
    await other.ask({ command: 'release', file });
    (await waiting).releaseSync();
  });

  it('stay when another descriptor of the same file is closed (unlike POSIX record locks)', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = await lock(file, { kind: 'fcntl' });
    closeSync(openSync(file, 'r+'));
    const other = await locker();
    expect(await other.ask({ command: 'tryLock', file, options: { kind: 'fcntl' } })).toEqual({
      held: false,
    });
    expect(held.held).toBe(true);
    held.releaseSync();
  });

  it('die with their holder', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    await other.ask({ command: 'lock', file, options: { kind: 'fcntl' } });
    const waiting = lock(file, { kind: 'fcntl' });
    await someoneWaitsFor(file);
    await other.kill();
    expect((await waiting).held).toBe(true);
  });

  it('time out and abort as flock does', async () => {
    const file = join(temporaryDirectory(), 'file');
    const options = { kind: 'fcntl', range: { start: 5, length: 1 } } as const;
    const holder = await holderOf(file, options);
    const failure = { code: 'ELOCK_TIMEOUT' };
    await expect(lock(file, { kind: 'fcntl', timeout: 5 })).rejects.toMatchObject(failure);
    expect(() => lockSync(file, { kind: 'fcntl', timeout: 5 })).toThrow(expect.objectContaining(failure));
    await expect(lock(file, { kind: 'fcntl', signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await holder.ask({ command: 'release', file });
    lockSync(file, { ...options, timeout: 0 }).releaseSync();
  });
});

describe('a lock on an open descriptor', () => {
  it('excludes locks by path, and leaves the descriptor to its owner', async () => {
    const file = join(temporaryDirectory(), 'file');
    const descriptor = openSync(file, 'w+');
    const held = await lock(descriptor);
    expect(held.path).toBeUndefined();
    expect(await tryLock(file)).toBeNull();
    await held.release();
    expect(await tryLock(file)).not.toBeNull();
    expect(fstatSync(descriptor).isFile()).toBe(true);
    closeSync(descriptor);
  });

  it('waits, times out, and takes a FileHandle', async () => {
    const file = join(temporaryDirectory(), 'file');
    const byPath = await lock(file);
    const handle = await open(file, 'r+');
    expect(await tryLock(handle)).toBeNull();
    expect(tryLockSync(handle.fd)).toBeNull();
    await expect(lock(handle, { timeout: 5 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    const waiting = lock(handle);
    await someoneWaitsFor(file);
    byPath.releaseSync();
    const held = await waiting;
    expect(await tryLock(file)).toBeNull();
    await held.release();
    await handle.close();
  });

  it('is refused twice on one descriptor, which to the kernel would be one lock', async () => {
    const descriptor = openSync(join(temporaryDirectory(), 'file'), 'w+');
    const held = await lock(descriptor);
    await expect(lock(descriptor)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'file' });
    held.releaseSync();
    (await lock(descriptor)).releaseSync();
    closeSync(descriptor);
    await expect(lock(descriptor)).rejects.toMatchObject({ code: 'EBADF' });
  });
});

describe('upgrade and downgrade', () => {
  it('of a shared lock waits for the other readers', async () => {
    const file = join(temporaryDirectory(), 'file');
    const mine = await lock(file, { mode: 'shared' });
    const theirs = await lock(file, { mode: 'shared' });
    const upgrading = mine.upgrade();
    await someoneWaitsFor(file);
    theirs.releaseSync();
    await upgrading;
    expect(mine.mode).toBe('exclusive');
    expect(await tryLock(file, { mode: 'shared' })).toBeNull();
    await mine.downgrade();
    expect(mine.mode).toBe('shared');
    expect(await tryLock(file)).toBeNull();
    expect(await tryLock(file, { mode: 'shared' })).not.toBeNull();
  });

  it.each(['flock', 'fcntl'] as const)('that times out (%s) leaves the shared lock held', async (kind) => {
    const file = join(temporaryDirectory(), 'file');
    const mine = await lock(file, { mode: 'shared', kind });
    const theirs = await lock(file, { mode: 'shared', kind });
    await expect(mine.upgrade({ timeout: 5 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    theirs.releaseSync();
    expect(mine).toMatchObject({ held: true, mode: 'shared' });
    expect(await tryLock(file, { kind })).toBeNull();
    mine.releaseSync();
    await expect(mine.upgrade()).rejects.toMatchObject({ code: 'ECLOSED' });
    await expect(mine.downgrade()).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('that meets a release while it waits keeps nothing', async () => {
    const file = join(temporaryDirectory(), 'file');
    const mine = await lock(file, { mode: 'shared' });
    const theirs = await lock(file, { mode: 'shared' });
    const upgrading = mine.upgrade();
    await someoneWaitsFor(file);
    await mine.release();
    theirs.releaseSync();
    await expect(upgrading).rejects.toMatchObject({ code: 'ECLOSED' });
    expect(mine.held).toBe(false);
    (await lock(file)).releaseSync();
  });
});

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** A program that says "held" once it has the lock, and releases it when its standard input ends. */
async function foreignHolder(command: string, args: string[]): Promise<() => Promise<void>> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
}

const python = (call: string) => `
import fcntl, sys
file = open(sys.argv[1], 'r+')
fcntl.${call}(file, fcntl.LOCK_EX)
print('held', flush=True)
sys.stdin.read()`;

const pythonTries = (call: string) => `
import fcntl, sys
try:
    fcntl.${call}(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)
    print('free')
except OSError:
    print('busy')`;

describe('other programs on the same file', () => {
  it.runIf(has('flock'))('flock(1) excludes us and is excluded by us', async () => {
    const file = join(temporaryDirectory(), 'file');
    const release = await foreignHolder('flock', [file, 'sh', '-c', 'echo held; cat']);
    expect(await tryLock(file)).toBeNull();
    const waiting = lock(file);
    await someoneWaitsFor(file);
    await release();
    const held = await waiting;
    expect(spawnSync('flock', ['--nonblock', file, 'true']).status).toBe(1);
    held.releaseSync();
    expect(spawnSync('flock', ['--nonblock', file, 'true']).status).toBe(0);
  });

  it.runIf(has('python3')).each([
    ['flock', 'flock'],
    ['lockf', 'fcntl'],
  ] as const)("Python's fcntl.%s excludes us and is excluded by us (%s)", async (call, kind) => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const release = await foreignHolder('python3', ['-c', python(call), file]);
    expect(await tryLock(file, { kind })).toBeNull();
    const waiting = lock(file, { kind });
    await someoneWaitsFor(file);
    await release();
    const held = await waiting;
    const tries = () =>
      execFileSync('python3', ['-c', pythonTries(call), file])
        .toString()
        .trim();
    expect(tries()).toBe('busy');
    held.releaseSync();
    expect(tries()).toBe('free');
  });
});
