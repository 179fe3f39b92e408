/** E3 on files: where the fencing token of a lock is kept, and what becomes of it. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileLock, lock, lockSync, openChronicle, tryLock, tryLockSync, withLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor, stateOf, within } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { holderOf, locker } from '../support/holder.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const newLock = () => join(temporaryDirectory(), 'jobs.lock');
const isRoot = process.getuid?.() === 0;
const isPosix = process.platform !== 'win32';

async function tokenOf(file: string): Promise<number> {
  return withLock(file, { fence: true }, ({ fence }) => fence as number);
}

describe('E3: the fencing token of a lock on a file', () => {
  it('is there where it is asked for, and costs nothing else', async () => {
    const file = newLock();
    await withLock(file, ({ fence }) => expect(fence).toBe(undefined));
    await withLock(file, { fence: false }, ({ fence }) => expect(fence).toBe(undefined));
    expect(existsSync(`${file}.fence`)).toBe(false);
    const before = Date.now();
    const held = lockSync(file, { fence: true });
    expect(held.fence).toBeGreaterThanOrEqual(before);
    held.releaseSync();
    for (const take of [lock, lockSync, tryLock, tryLockSync]) {
      const next = (await take(file, { fence: true })) as FileLock;
      expect(next.fence).toBe(
        (held.fence as number) + 1 + [lock, lockSync, tryLock, tryLockSync].indexOf(take),
      );
      next.releaseSync();
    }
    expect(readFileSync(`${file}.fence`, 'utf8')).toBe(
      `${String((held.fence as number) + 4).padStart(16, '0')} exclusive\n`,
    );
  });

  it('is not taken by a try that fails', async () => {
    const file = newLock();
    const held = await lock(file, { fence: true });
    expect(await tryLock(file, { fence: true })).toBe(null);
    expect(tryLockSync(file, { fence: true })).toBe(null);
    await expect(lock(file, { fence: true, timeout: 10 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await held.release();
    expect(await tokenOf(file)).toBe((held.fence as number) + 1);
  });

  it('goes on where the lock file is removed, and grows where its own file is', async () => {
    const file = newLock();
    const first = await lock(file, { fence: true });
    await first.release({ remove: true });
    expect(readdirSync(join(file, '..'))).toEqual(['jobs.lock.fence']);
    expect(await tokenOf(file)).toBe((first.fence as number) + 1);
    unlinkSync(`${file}.fence`);
    expect(await tokenOf(file)).toBeGreaterThan((first.fence as number) + 1);
  });

  it('grows through processes that are killed', async () => {
    const file = newLock();
    let last = 0;
    for (let round = 0; round < 5; round++) {
      const program = await locker();
      const { fence } = await program.ask<{ fence: number }>({
        command: 'lock',
        file,
        options: { fence: true },
      });
      expect(fence).toBeGreaterThan(last);
      last = fence;
      const next = lock(file, { fence: true });
      await program.kill();
      const held = await within(next, 'the lock of a process that was killed');
      expect(held.fence).toBe(fence + 1);
      last = fence + 1;
      await held.release();
    }
  });

  it.skipIf(!isPosix)('has the rights of the lock file', async () => {
    const file = newLock();
    const held = await lock(file, { fence: true, permissions: 0o660 });
    expect(statSync(`${file}.fence`).mode & 0o777).toBe(0o660);
    await held.release();
  });

  it('is refused by name where there cannot be one', async () => {
    const file = newLock();
    const invalid = (message: string) => ({
      code: 'EVALIDATION',
      field: 'fence',
      message: expect.stringContaining(message),
    });
    await expect(lock(file, { fence: 1 as never })).rejects.toMatchObject(invalid('expected true or false'));
    await expect(lock(file, { fence: true, kind: 'fcntl' })).rejects.toMatchObject(invalid("kind 'flock'"));
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, '');
    const descriptor = openSync(file, 'r+');
    await expect(lock(descriptor, { fence: true })).rejects.toMatchObject(
      invalid('not with an open descriptor'),
    );
    closeSync(descriptor);
    if (!isPosix) return;
    await expect(lock(Buffer.from(`${file}\xff`, 'latin1'), { fence: true })).rejects.toMatchObject(
      invalid('UTF-8'),
    );
    symlinkSync(file, `${file}.link`);
    const met = (code: string) => ({ code });
    await expect(lock(`${file}.link`, { fence: true })).rejects.toMatchObject(met('ELOOP'));
    expect(() => lockSync(`${file}.link`, { fence: true })).toThrow('ELOOP');
    const directory = join(file, '..');
    await expect(lock(directory, { fence: true })).rejects.toMatchObject(met('EISDIR'));
    // Nothing is held then.
    for (const path of [file, directory]) await (await lock(path, { timeout: 0 })).release();
  });

  describe.skipIf(!isPosix)('S2: believes nothing that others may have put there', () => {
    it('a link', async () => {
      const file = newLock();
      const victim = join(temporaryDirectory(), 'victim');
      writeFileSync(victim, 'precious');
      symlinkSync(victim, `${file}.fence`);
      await expect(lock(file, { fence: true })).rejects.toMatchObject({
        code: 'ELOOP',
        path: `${file}.fence`,
      });
      expect(readFileSync(victim, 'utf8')).toBe('precious');
      await (await lock(file, { timeout: 0 })).release();
    });

    it.skipIf(!isRoot)('a file of another user', async () => {
      const file = newLock();
      writeFileSync(`${file}.fence`, '9007199254740990 exclusive\n');
      chownSync(`${file}.fence`, 1234, 1234);
      await expect(lock(file, { fence: true })).rejects.toMatchObject({
        code: 'EPERM',
        path: `${file}.fence`,
      });
      const chronicle = await openChronicle(`${file}.ndjson`);
      onTestFinished(() => chronicle.close());
      const append = chronicle.append({}, { fence: { path: file, fence: 1 } });
      await expect(append).rejects.toMatchObject({
        code: 'EIO',
        cause: { code: 'ENOENT', path: `${file}.fence` },
      });
      unlinkSync(`${file}.fence`);
      await tokenOf(file);
    });

    it('a directory', async () => {
      const file = newLock();
      mkdirSync(`${file}.fence`);
      await expect(lock(file, { fence: true })).rejects.toMatchObject({ path: `${file}.fence` });
      expect(lstatSync(`${file}.fence`).isDirectory()).toBe(true);
    });

    it('what others may write to who may not write to the lock file', async () => {
      const file = newLock();
      const first = await tokenOf(file);
      chmodSync(`${file}.fence`, 0o666);
      chmodSync(file, 0o600);
      expect(await tokenOf(file)).toBeGreaterThan(first);
      expect(statSync(`${file}.fence`).mode & 0o777).toBe(0o600);
    });
  });

  it.each([
    ['nothing', ''],
    ['zeros, after a power loss', '\0'.repeat(27)],
  ])('begins at the clock in a file with %s', async (_, content) => {
    const file = newLock();
    writeFileSync(file, '');
    writeFileSync(`${file}.fence`, content);
    const before = Date.now();
    expect(await tokenOf(file)).toBeGreaterThanOrEqual(before);
  });

  it.each([
    '7\n',
    '0000000000000007 exclusive',
    '00000000000000x7 exclusive\n',
    'a story of another kind, and long\n',
  ])('is refused in a file with %j, and the file stays', async (content) => {
    const file = newLock();
    writeFileSync(file, '');
    writeFileSync(`${file}.fence`, content);
    const error = { code: 'EIO', syscall: 'read', path: `${file}.fence` };
    await expect(lock(file, { fence: true })).rejects.toMatchObject(error);
    expect(() => lockSync(file, { fence: true })).toThrow(/EIO.*fence/);
    expect(readFileSync(`${file}.fence`, 'utf8')).toBe(content);
    await (await lock(file, { timeout: 0 })).release();
  });

  describe('while appends with it are under way', () => {
    async function appending() {
      const file = newLock();
      const path = join(temporaryDirectory(), 'chronicle');
      const chronicle = await openChronicle(path, { lockTimeout: 60_000 });
      onTestFinished(() => chronicle.close());
      const old = await lock(file, { fence: true });
      await old.release();
      const blocker = await lock(path);
      const append = chronicle.append({ n: 1 }, { fence: old });
      await someoneWaitsFor(path);
      return { file, chronicle, old, blocker, append };
    }

    it('is not changed until they are durable', async () => {
      const { file, chronicle, old, blocker, append } = await appending();
      const next = lock(file, { fence: true });
      await someoneWaitsFor(`${file}.fence`);
      expect(await stateOf(next)).toBe('pending');
      await blocker.release();
      await append;
      const held = await within(next, 'the next token');
      expect(held.fence).toBe((old.fence as number) + 1);
      await held.release();
      await expect(chronicle.append({ n: 2 }, { fence: old })).rejects.toMatchObject({ code: 'EFENCED' });
    });

    it('is waited for until the deadline or the abort, and the lock is given back', async () => {
      const { file, blocker, append } = await appending();
      const timedOut = { code: 'ELOCK_TIMEOUT', path: `${file}.fence` };
      await expect(lock(file, { fence: true, timeout: 50 })).rejects.toMatchObject(timedOut);
      const stop = new AbortController();
      const waiting = lock(file, { fence: true, signal: stop.signal });
      await someoneWaitsFor(`${file}.fence`);
      stop.abort('enough');
      await expect(waiting).rejects.toBe('enough');
      await (await lock(file, { timeout: 0 })).release();
      await blocker.release();
      await append;
    });
  });

  it('is waited for by a call that blocks', async () => {
    const file = newLock();
    const first = await tokenOf(file);
    const reader = await holderOf(`${file}.fence`, { mode: 'shared' });
    expect(() => lockSync(file, { fence: true, timeout: 50 })).toThrow('ELOCK_TIMEOUT');
    lockSync(file, { timeout: 0 }).releaseSync();
    await reader.kill();
    const held = lockSync(file, { fence: true });
    expect(held.fence).toBe(first + 1);
    held.releaseSync();
  });

  it('is asked for by appendSync as well, and an append without one names the file that is missing', async () => {
    const file = newLock();
    const chronicle = await openChronicle(`${file}.ndjson`);
    onTestFinished(() => chronicle.close());
    const old = lockSync(file, { fence: true });
    chronicle.appendSync({ n: 1 }, { fence: old });
    old.releaseSync();
    using held = lockSync(file, { fence: true });
    expect(() => chronicle.appendSync({ n: 2 }, { fence: old })).toThrow('EFENCED');
    chronicle.appendSync({ n: 3 }, { fence: held });
    expect((await chronicle.toArray()).map(({ event }) => event.n)).toEqual([1, 3]);
    const missing = {
      code: 'EIO',
      outcomeUnknown: false,
      cause: { code: 'ENOENT', path: `${file}.x.fence` },
    };
    const append = chronicle.append({}, { fence: { path: `${file}.x`, fence: 1 } });
    await expect(append).rejects.toMatchObject(missing);
    const plain = await lock(`${file}.plain`);
    await expect(chronicle.append({}, { fence: plain })).rejects.toThrow(
      'take the lock with { fence: true }',
    );
    await plain.release();
  });

  describe.skipIf(unwatchable)('is durable before the lock is given', () => {
    async function watched() {
      const directory = temporaryDirectory();
      const file = join(directory, 'jobs.lock');
      const calls = await SystemCalls.under(directory);
      const program = await locker(calls.env);
      return {
        file,
        calls,
        take: () => program.ask<object>({ command: 'lock', file, options: { fence: true } }),
      };
    }

    it('its file and the directory are synced', async () => {
      const { calls, take } = await watched();
      expect(await take()).toMatchObject({ held: true });
      const of = (name: string) => calls.made.findIndex((call) => call.startsWith(name));
      const order = [of('pwrite jobs.lock.fence'), of('fdatasync jobs.lock.fence'), of('fsync .')];
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(order[0]).toBeGreaterThan(0);
    });

    it.each([
      ['pwrite', 'ENOSPC', 'write'],
      ['fdatasync', 'EIO', 'fdatasync'],
    ] as const)('where %s fails, the lock is given back', async (name, code, syscall) => {
      const { file, calls, take } = await watched();
      calls.answer(`${name} jobs.lock.fence`, { fail: code });
      expect(await take()).toMatchObject({
        error: { code, message: expect.stringMatching(`${syscall} '.*jobs.lock.fence'`) },
      });
      await (await lock(file, { timeout: 0 })).release();
      expect(await take()).toMatchObject({ held: true, fence: expect.any(Number) });
    });
  });
});
