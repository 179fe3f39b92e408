/**
 * holdfast/proper-lockfile: what proper-lockfile does, without its heartbeat; and next to proper-lockfile
 * itself.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tryLock } from 'holdfast';
import lockfile, { check, checkSync, lock, lockSync, unlock, unlockSync } from 'holdfast/proper-lockfile';
import { describe, expect, it, vi } from 'vitest';
import { updateInterval } from '../../dist/lib/compat/compromised.js';
import { retryBudget } from '../../dist/lib/compat/retry-budget.js';
import { someoneWaitsFor, stateOf, waitersFor } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

/** A file to lock, and where its lock stands. */
function target(): { file: string; lockPath: string } {
  const file = join(realpathSync(temporaryDirectory()), 'file');
  writeFileSync(file, '');
  return { file, lockPath: `${file}.lock` };
}

async function program(library: 'proper-lockfile' | 'holdfast/proper-lockfile'): Promise<Program> {
  const started = new Program('proper-lockfile', library);
  await started.next();
  return started;
}

describe('lock()', () => {
  it('is the default export, and carries every function', () => {
    expect(lockfile).toBe(lock);
    expect({ ...lockfile }).toEqual({ lock, lockSync, unlock, unlockSync, check, checkSync });
  });

  it('locks a file at file.lock, and leaves nothing behind (L7)', async () => {
    const { file, lockPath } = target();
    const release = await lockfile(file);
    expect(existsSync(lockPath)).toBe(true);
    expect(await tryLock(lockPath)).toBeNull();
    await release();
    expect(existsSync(lockPath)).toBe(false);
  });

  it('is refused with ELOCKED while the lock is held, in the same process too', async () => {
    const { file } = target();
    const release = await lock(file);
    await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED', file });
    expect(() => lockSync(file)).toThrow(expect.objectContaining({ code: 'ELOCKED', file }));
    await release();
    await (await lock(file))();
  });

  it('is ENOENT for a missing file, unless realpath is false', async () => {
    const missing = join(temporaryDirectory(), 'missing');
    await expect(lock(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(check(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(unlock(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await (await lock(missing, { realpath: false }))();
  });

  it('meets the same lock through a symbolic link, unless realpath is false', async () => {
    const { file } = target();
    const link = `${file}-link`;
    symlinkSync(file, link);
    const release = await lock(link);
    expect(await check(file)).toBe(true);
    expect(await check(link, { realpath: false })).toBe(false);
    await unlock(file);
    await expect(release()).rejects.toMatchObject({ code: 'ERELEASED' });
  });

  it('takes lockfilePath', async () => {
    const { file, lockPath } = target();
    const lockfilePath = join(dirname(file), 'elsewhere');
    const release = await lock(file, { lockfilePath });
    expect(existsSync(lockfilePath)).toBe(true);
    expect(existsSync(lockPath)).toBe(false);
    expect(await check(file, { lockfilePath })).toBe(true);
    expect(await check(file)).toBe(false);
    await release();
    expect(existsSync(lockfilePath)).toBe(false);
  });

  it('accepts stale, update and onCompromised, and calls nobody', async () => {
    const { file, lockPath } = target();
    const compromised: Error[] = [];
    const release = await lock(file, {
      stale: 2000,
      update: 1000,
      onCompromised: (error) => compromised.push(error),
    });
    utimesSync(lockPath, 0, 0); // an old lock is as good as a new one
    await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
    await release();
    expect(compromised).toEqual([]);
  });

  it('refuses an fs of other files, and takes what stands before node:fs', async () => {
    const { file } = target();
    const nodeFs = createRequire(import.meta.url)('node:fs') as typeof import('node:fs');
    const elsewhere = { dev: 1, ino: 1 };
    const custom = {
      ...nodeFs,
      stat: (_: string, done: (error: null, stats: object) => void) => done(null, elsewhere),
      statSync: () => elsewhere,
    };
    const none = { ...nodeFs, stat: (_: string, done: (error: Error) => void) => done(new Error('no file')) };
    for (const fs of [{}, null, custom, none, nodeFs.promises, 'fs']) {
      await expect(lock(file, { fs })).rejects.toMatchObject({ code: 'EVALIDATION', field: 'fs' });
    }
    expect(() => checkSync(file, { fs: {} })).toThrow(expect.objectContaining({ field: 'fs' }));
    expect(() => lockSync(file, { fs: custom })).toThrow(expect.objectContaining({ field: 'fs' }));
    const gracefulFs = createRequire(import.meta.resolve('proper-lockfile'))('graceful-fs');
    const counting = { ...nodeFs, stat: vi.fn(nodeFs.stat) };
    for (const fs of [nodeFs, gracefulFs, counting, Object.create(nodeFs)]) {
      const release = await lock(file, { fs });
      expect(await check(file, { fs })).toBe(true);
      expect(checkSync(file, { fs })).toBe(true);
      await release();
      lockSync(file, { fs });
      unlockSync(file, { fs });
    }
    expect(counting.stat).toHaveBeenCalled();
  });

  it.each(['proper-lockfile', 'holdfast/proper-lockfile'] as const)(
    'is refused by what is no lock of %s, and makes no file where a link leads',
    async (library) => {
      const { file, lockPath } = target();
      const one = await program(library);
      const elsewhere = join(temporaryDirectory(), 'elsewhere');
      symlinkSync(elsewhere, lockPath);
      expect(await one.ask({ command: 'lock', file })).toMatchObject({ error: 'ELOCKED' });
      expect(await one.ask({ command: 'check', file })).toEqual({ locked: false });
      expect(existsSync(elsewhere)).toBe(false);
      writeFileSync(elsewhere, 'content');
      expect(await one.ask({ command: 'lock', file })).toMatchObject({ error: 'ELOCKED' });
      expect(await one.ask({ command: 'check', file })).toEqual({ locked: true });
      expect(readFileSync(elsewhere, 'utf8')).toBe('content');
      rmSync(lockPath);
      if (process.platform !== 'win32') {
        execFileSync('mkfifo', [lockPath]);
        expect(await one.ask({ command: 'lock', file })).toMatchObject({ error: 'ELOCKED' });
        rmSync(lockPath);
      }
      expect(await one.ask({ command: 'lock', file })).toEqual({ locked: true });
    },
  );

  it('waits where the retries allow it, also for a link to be gone', async () => {
    const { file, lockPath } = target();
    symlinkSync(join(dirname(file), 'nowhere'), lockPath);
    expect(() => lockSync(file)).toThrow(expect.objectContaining({ code: 'ELOCKED', file }));
    const waiting = lock(file, { retries: { forever: true } });
    expect(await stateOf(waiting)).toBe('pending');
    rmSync(lockPath);
    await (await waiting)();
  });

  it.runIf(process.getuid?.() === 0)(
    'is released although the file that another user has left may not be removed',
    async () => {
      const directory = realpathSync(temporaryDirectory());
      const [file, lockPath] = [join(directory, 'file'), join(directory, 'file.lock')];
      writeFileSync(file, '');
      writeFileSync(lockPath, ''); // root's
      chmodSync(lockPath, 0o666);
      chmodSync(directory, 0o1777);
      const other = await program('holdfast/proper-lockfile');
      await other.ask({ command: 'setuid', user: 3456 });
      for (const round of [1, 2]) {
        expect(await other.ask({ command: 'lock', file }), `round ${round}`).toEqual({ locked: true });
        await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
        expect(await other.ask({ command: 'release', file })).toEqual({ locked: false });
      }
      expect(existsSync(lockPath)).toBe(true);
      await (await lock(file))();
      expect(existsSync(lockPath)).toBe(false);
    },
  );

  it('never removes a lock file that somebody else has put in its place (L7)', async () => {
    const { file, lockPath } = target();
    const release = await lock(file);
    rmSync(lockPath);
    const other = await program('holdfast/proper-lockfile');
    expect(await other.ask({ command: 'lock', file })).toEqual({ locked: true });
    await release();
    expect(existsSync(lockPath)).toBe(true);
    expect(await check(file)).toBe(true);
  });
});

describe.each(['proper-lockfile', 'holdfast/proper-lockfile'] as const)(
  'a lock of %s that is compromised',
  (library) => {
    const options = { stale: 2000, update: 1000 };

    it('because its file was removed: it says so once, and is not held any more', async () => {
      const { file, lockPath } = target();
      const one = await program(library);
      expect(await one.ask({ command: 'lock', file, options })).toEqual({ locked: true });
      rmSync(lockPath, { recursive: true });
      expect(await one.next()).toEqual({
        compromised: 'ECOMPROMISED',
        message: `ENOENT: no such file or directory, stat '${lockPath}'`,
      });
      expect(await one.ask({ command: 'release', file })).toMatchObject({ error: 'ERELEASED' });
      expect(await one.ask({ command: 'unlock', file })).toMatchObject({ error: 'ENOTACQUIRED' });
      expect(await one.ask({ command: 'check', file })).toEqual({ locked: false });
      expect(await one.ask({ command: 'lock', file, options })).toEqual({ locked: true });
      expect(await one.ask({ command: 'release', file })).toEqual({ locked: false });
      expect(one.taken()).toEqual([]);
    });

    it('because its file was replaced: by that of another holder, which stays', async () => {
      const { file, lockPath } = target();
      const options = { stale: 6000, update: 3000 };
      const [one, other] = [await program(library), await program(library)];
      await one.ask({ command: 'lock', file, options });
      rmSync(lockPath, { recursive: true });
      // Another second: by that of its modification, which it sets, proper-lockfile tells its own directory.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      expect(await other.ask({ command: 'lock', file, options })).toEqual({ locked: true });
      expect(await one.next()).toEqual({
        compromised: 'ECOMPROMISED',
        message: 'Unable to update lock within the stale threshold',
      });
      expect(await one.ask({ command: 'release', file })).toMatchObject({ error: 'ERELEASED' });
      expect(await other.ask({ command: 'check', file })).toEqual({ locked: true });
      expect(await other.ask({ command: 'release', file })).toEqual({ locked: false });
      expect(existsSync(lockPath)).toBe(false);
    });

    it('throws where nobody listens', async () => {
      const { file, lockPath } = target();
      const one = await program(library);
      await one.ask({ command: 'lock', file, options, silent: true });
      rmSync(lockPath, { recursive: true });
      expect(await one.exited).toBe(1);
    });
  },
);

describe('the watch over the lock file', () => {
  it('keeps no process alive, and ends with the lock', async () => {
    const { file, lockPath } = target();
    const one = await program('holdfast/proper-lockfile');
    await one.ask({ command: 'lock', file, options: { update: 1000 } });
    await one.ask({ command: 'release', file });
    await one.ask({ command: 'lock', file, options: { update: 1000 } });
    expect(existsSync(lockPath)).toBe(true);
    one.send({ command: 'leave' });
    expect(await one.exited).toBe(0);
    expect(one.taken()).toEqual([]);
    expect(existsSync(lockPath)).toBe(false);
  });

  it('looks as often as proper-lockfile renews its lock', () => {
    expect(updateInterval(undefined, undefined)).toBe(5000);
    expect(updateInterval(undefined, 3000)).toBe(1500);
    expect(updateInterval(1, undefined)).toBe(1000);
    expect(updateInterval(60_000, 8000)).toBe(4000);
    expect(updateInterval(1200, 100)).toBe(1000);
  });

  it('needs a function to tell it to', async () => {
    const { file } = target();
    const onCompromised = 'log' as never;
    await expect(lock(file, { onCompromised })).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'onCompromised',
    });
  });
});

describe('retries', () => {
  it('wait as long as the attempts would take, and are woken by the release', async () => {
    const { file, lockPath } = target();
    const release = await lock(file);
    const waiting = lock(file, { retries: 5 });
    await someoneWaitsFor(lockPath);
    await release();
    await (await waiting)();
  });

  it('are used up with ELOCKED', async () => {
    const { file } = target();
    const release = await lock(file);
    const retries = { retries: 3, minTimeout: 1, maxTimeout: 1 };
    await expect(lock(file, { retries })).rejects.toMatchObject({ code: 'ELOCKED', file });
    await release();
  });

  it('add up to the sum of the delays', () => {
    expect(retryBudget(0)).toBe(0);
    expect(retryBudget(3)).toBe(1000 + 2000 + 4000);
    expect(retryBudget({ retries: 4, minTimeout: 100, maxTimeout: 300 })).toBe(100 + 200 + 300 + 300);
    expect(retryBudget({ retries: 2, factor: 3 })).toBe(1000 + 3000);
    expect(retryBudget({})).toBe(1000 * (2 ** 10 - 1));
    expect(retryBudget({ forever: true })).toBe(Number.POSITIVE_INFINITY);
    expect(retryBudget({ retries: 10, maxRetryTime: 1500 })).toBe(1500);
    expect(() => retryBudget({ minTimeout: 2, maxTimeout: 1 })).toThrow(/retries.minTimeout/);
  });

  it('cannot be used with the sync functions', () => {
    const { file } = target();
    expect(() => lockSync(file, { retries: 1 })).toThrow(expect.objectContaining({ code: 'ESYNC' }));
    expect(() => lockSync(file, { retries: { retries: 1 } })).toThrow(
      expect.objectContaining({ code: 'ESYNC' }),
    );
    lockSync(file, { retries: 0 })();
  });
});

describe('unlock() and check()', () => {
  it('release by path, once', async () => {
    const { file, lockPath } = target();
    await lock(file);
    await unlock(file);
    expect(existsSync(lockPath)).toBe(false);
    await expect(unlock(file)).rejects.toMatchObject({ code: 'ENOTACQUIRED' });
    lockSync(file);
    unlockSync(file);
    expect(() => unlockSync(file)).toThrow(expect.objectContaining({ code: 'ENOTACQUIRED' }));
  });

  it('do not touch what another process has locked', async () => {
    const { file } = target();
    const other = await program('holdfast/proper-lockfile');
    await other.ask({ command: 'lock', file });
    await expect(unlock(file)).rejects.toMatchObject({ code: 'ENOTACQUIRED' });
    expect(await check(file)).toBe(true);
    await other.ask({ command: 'release', file });
    expect(await check(file)).toBe(false);
  });

  it('refuse a second call of the release function with ERELEASED', async () => {
    const { file } = target();
    const release = await lock(file);
    await release();
    await expect(release()).rejects.toMatchObject({ code: 'ERELEASED' });
    const releaseSync = lockSync(file);
    releaseSync();
    expect(releaseSync).toThrow(expect.objectContaining({ code: 'ERELEASED' }));
  });

  it('answer false for a lock file that its killed holder has left', async () => {
    const { file, lockPath } = target();
    const other = await program('holdfast/proper-lockfile');
    await other.ask({ command: 'lock', file });
    const waiting = lock(file, { retries: 5 });
    await someoneWaitsFor(lockPath);
    await other.kill();
    await (await waiting)();
    writeFileSync(lockPath, '');
    expect(checkSync(file)).toBe(false);
    lockSync(file)();
    expect(existsSync(lockPath)).toBe(false);
  });

  it('remove the lock file of a process that ends without releasing', async () => {
    const { file, lockPath } = target();
    const code = `require('holdfast/proper-lockfile').lockSync(process.argv[1])`;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    execFileSync(process.execPath, ['-e', code, file], { cwd: root });
    expect(existsSync(lockPath)).toBe(false);
  });
});

describe('during a rolling upgrade', () => {
  it('a lock of proper-lockfile excludes us', async () => {
    const { file, lockPath } = target();
    const old = await program('proper-lockfile');
    await old.ask({ command: 'lock', file });
    await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED', file });
    expect(() => lockSync(file)).toThrow(expect.objectContaining({ code: 'ELOCKED' }));
    expect(await check(file)).toBe(true);
    const waiting = lock(file, { retries: { forever: true } });
    await old.ask({ command: 'release', file });
    const release = await waiting;
    expect(await tryLock(lockPath)).toBeNull();
    await release();
  });

  it('our lock excludes proper-lockfile, fresh or old', async () => {
    const { file, lockPath } = target();
    const old = await program('proper-lockfile');
    const release = await lock(file);
    expect(await old.ask({ command: 'lock', file })).toMatchObject({ error: 'ELOCKED' });
    expect(await old.ask({ command: 'check', file })).toEqual({ locked: true });
    utimesSync(lockPath, 0, 0);
    // It takes it for stale and tries to remove it as a directory.
    expect(await old.ask({ command: 'lock', file })).toMatchObject({
      error: process.platform === 'win32' ? 'ELOCKED' : 'ENOTDIR',
    });
    expect(await check(file)).toBe(true);
    await release();
    expect(await old.ask({ command: 'lock', file })).toEqual({ locked: true });
  });

  it('a lock directory that a dead process has left is taken over when it is stale', async () => {
    const { file, lockPath } = target();
    mkdirSync(lockPath);
    await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
    const before = Date.now() / 1000 - 5;
    utimesSync(lockPath, before, before);
    await expect(lock(file)).rejects.toMatchObject({ code: 'ELOCKED' });
    expect(checkSync(file, { stale: 4000 })).toBe(false);
    await (await lock(file, { stale: 4000 }))();
    expect(existsSync(lockPath)).toBe(false);
  });

  it('processes of both kinds never hold it together', async () => {
    const { file } = target();
    const programs = [await program('proper-lockfile'), await program('holdfast/proper-lockfile')];
    const retries = { forever: true, minTimeout: 1, maxTimeout: 5 };
    let holders = 0;
    let most = 0;
    await Promise.all(
      programs.map(async (one) => {
        for (let i = 0; i < 50; i++) {
          expect(await one.ask({ command: 'lock', file, options: { retries } })).toEqual({ locked: true });
          most = Math.max(most, ++holders);
          await new Promise((resolve) => setImmediate(resolve));
          holders--;
          await one.ask({ command: 'release', file });
        }
      }),
    );
    expect(most).toBe(1);
  });
});

describe.runIf(process.platform === 'linux')('the lock file, where somebody waits for it', () => {
  it('stays for those who wait, and is removed by the last of them', async () => {
    const { file, lockPath } = target();
    const release = await lock(file);
    const { ino } = statSync(lockPath);
    const others = [await program('holdfast/proper-lockfile'), await program('holdfast/proper-lockfile')];
    const waiting = others.map((one) => one.ask({ command: 'lock', file, options: { retries: 9 } }));
    await waitersFor(lockPath, 2);
    await release();
    const first = await Promise.race(waiting.map(async (lock, index) => lock.then(() => index)));
    expect(statSync(lockPath).ino).toBe(ino);
    await others[first]?.ask({ command: 'release', file });
    await Promise.all(waiting);
    expect(statSync(lockPath).ino).toBe(ino);
    await others[1 - first]?.ask({ command: 'release', file });
    expect(existsSync(lockPath)).toBe(false);
  });

  it('goes from one to the other, and seldom back to the same', async () => {
    const { file } = target();
    const programs = await Promise.all(Array.from({ length: 8 }, () => program('holdfast/proper-lockfile')));
    const order: number[] = [];
    const options = { retries: { forever: true } };
    await Promise.all(
      programs.map(async (one, index) => {
        for (let round = 0; round < 20; round++) {
          await one.ask({ command: 'lock', file, options });
          order.push(index);
          await one.ask({ command: 'release', file });
        }
      }),
    );
    const same = order.filter((index, position) => index === order[position - 1]).length;
    expect(same / order.length).toBeLessThan(0.5);
  });

  it('is removed after a waiter that gave up', async () => {
    const { file, lockPath } = target();
    const release = await lock(file);
    const retries = { retries: 1, minTimeout: 50 };
    await expect(lock(file, { retries })).rejects.toMatchObject({ code: 'ELOCKED' });
    await release();
    expect(existsSync(lockPath)).toBe(false);
  });
});

describe('several processes', () => {
  it('exclude each other while they count', async () => {
    const { file } = target();
    writeFileSync(file, '0');
    const programs = Array.from({ length: 3 }, () => new Program('counter', file, '200'));
    for (const one of programs) expect(await one.next()).toEqual({ done: true });
    expect(readFileSync(file, 'utf8')).toBe('600');
  });
});

describe('loading', () => {
  it.each([
    ['require', `const lockfile = require('holdfast/proper-lockfile');`],
    ['import', `import lockfile from 'holdfast/proper-lockfile';`],
    ['import of names', `import * as lockfile from 'holdfast/proper-lockfile';`],
  ])('works by %s', (kind, statement) => {
    const { file } = target();
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const call = kind === 'import of names' ? 'lockfile.lock' : 'lockfile';
    const code = `${statement}
      ${call}(process.argv[1]).then(async (release) => {
        console.log(lockfile.checkSync(process.argv[1]));
        await release();
      });`;
    const type = kind === 'require' ? 'commonjs' : 'module';
    const output = execFileSync(process.execPath, [`--input-type=${type}`, '-e', code, file], { cwd: root });
    expect(output.toString()).toBe('true\n');
  });
});
