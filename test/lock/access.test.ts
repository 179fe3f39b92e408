/**
 * L8: what flock(1) can lock, and nothing changes by it: files are opened with no more access than the mechanism asks for.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock, lockSync, openChronicle, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';
import { mountOverlay, mountReadOnly, mountTmpfs, unmountable } from '../support/mounts.js';
import { Program } from '../support/processes.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const onlyReads: [string, LockOptions][] = [
  ['flock', {}],
  ['flock, shared', { mode: 'shared' }],
  ['fcntl, shared', { kind: 'fcntl', mode: 'shared' }],
];
const writes: [string, LockOptions] = ['fcntl', { kind: 'fcntl' }];

describe.skipIf(unwatchable !== undefined)('L8: the file is opened', () => {
  /** The flags of each open that a lock takes. */
  async function opensOf(options: LockOptions, exists: boolean): Promise<number[]> {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    if (exists) writeFileSync(file, '');
    const calls = await SystemCalls.under(directory);
    const flags: number[] = [];
    calls.answerAll(({ name, argument, path }) => {
      if (name === 'open' && path === 'file') flags.push(argument);
      return 'go';
    });
    const program = new Program({ name: 'locker', env: calls.env });
    await program.next();
    expect(await program.ask({ command: 'lock', file, options })).toEqual({ held: true });
    return flags;
  }
  const accessOf = (flags: number) => flags & (constants.O_WRONLY | constants.O_RDWR);
  const creates = (flags: number) => (flags & constants.O_CREAT) !== 0;

  it.each(onlyReads)('for reading only, which no watcher is told of (%s)', async (_, options) => {
    const opens = await opensOf(options, true);
    expect(opens.map(accessOf)).toEqual([constants.O_RDONLY]);
    expect(opens.map(creates)).toEqual([false]);
  });

  it('for writing where the mechanism asks for it: an exclusive fcntl lock', async () => {
    const opens = await opensOf({ kind: 'fcntl' }, true);
    expect(opens.map(accessOf)).toEqual([constants.O_RDWR]);
    expect(opens.map(creates)).toEqual([false]);
  });

  it.each([...onlyReads, writes])('and made only where it is missing (%s)', async (_, options) => {
    expect((await opensOf(options, false)).map(creates)).toEqual([false, true]);
  });

  it('for writing after EBADF, which is how NFS answers an exclusive flock on a file that was not', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const calls = await SystemCalls.under(directory);
    calls.answer('flock file', { fail: 'EBADF' });
    const program = new Program({ name: 'locker', env: calls.env });
    await program.next();
    expect(await program.ask({ command: 'lock', file })).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
    expect(calls.made.filter((call) => call === 'flock file')).toHaveLength(2);
  });
});

describe.skipIf(process.platform === 'win32')('L8: locks', () => {
  function executable(name: string): string {
    const file = join(temporaryDirectory(), name);
    copyFileSync(`/bin/${name}`, file);
    chmodSync(file, 0o755);
    return file;
  }

  it.each(onlyReads)(
    'an executable, which runs while it is locked, and after that (%s)',
    async (_, options) => {
      const file = executable('true');
      const held = await lock(file, options);
      execFileSync(file);
      held.releaseSync();
      execFileSync(file);
      for (let i = 0; i < 3; i++) lockSync(file, options).releaseSync();
      execFileSync(file);
    },
  );

  it.each(onlyReads)('an executable that runs (%s)', async (_, options) => {
    const file = executable('sleep');
    const child = spawn(file, ['1000']);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    (await lock(file, options)).releaseSync();
  });

  it.each(onlyReads.slice(0, 2))('a directory (%s)', async (_, options) => {
    const directory = temporaryDirectory();
    const held = await lock(directory, options);
    const other = await locker();
    expect(await other.ask({ command: 'tryLock', file: directory })).toEqual({ held: false });
    held.releaseSync();
    expect(await other.ask({ command: 'tryLock', file: directory })).toEqual({ held: true });
  });

  it('no directory with an exclusive fcntl lock, and says so', async () => {
    const directory = temporaryDirectory();
    const failure = { code: 'EISDIR', syscall: 'open', path: directory };
    await expect(lock(directory, { kind: 'fcntl' })).rejects.toMatchObject(failure);
    expect(() => lockSync(directory, { kind: 'fcntl' })).toThrow(expect.objectContaining(failure));
  });

  it('what a link leads to, and makes it where it is missing', async () => {
    const directory = temporaryDirectory();
    const link = join(directory, 'link');
    symlinkSync('file', link);
    for (const permissions of [undefined, 0o640]) {
      (await lock(link, { permissions })).releaseSync();
      expect(existsSync(join(directory, 'file'))).toBe(true);
      execFileSync('rm', [join(directory, 'file')]);
    }
  });

  // Before: root made an empty file of its own wherever another user's link said, /etc/nologin say.
  describe.runIf(process.getuid?.() === 0)('beside the links of another user, for root', () => {
    const user = 1234;

    function planted(target: string): string {
      const link = join(temporaryDirectory(), 'link');
      symlinkSync(target, link);
      lchownSync(link, user, user);
      return link;
    }

    it.each<[string, Parameters<typeof lock>[1]]>([
      ['flock', {}],
      ['fcntl', { kind: 'fcntl' }],
      ['shared', { mode: 'shared' }],
      ['with permissions', { permissions: 0o666 }],
    ])('makes no file where one leads: %s', async (_, options) => {
      const missing = join(temporaryDirectory(), 'nologin');
      const link = planted(missing);
      await expect(lock(link, options)).rejects.toMatchObject({ code: 'EACCES', path: link });
      expect(() => lockSync(link, options)).toThrow(expect.objectContaining({ code: 'EACCES', path: link }));
      expect(existsSync(missing)).toBe(false);
    });

    it('nor where one leads that a link of root names', async () => {
      const missing = join(temporaryDirectory(), 'nologin');
      const link = join(temporaryDirectory(), 'link');
      symlinkSync(planted(missing), link);
      await expect(tryLock(link)).rejects.toMatchObject({ code: 'EACCES' });
      expect(existsSync(missing)).toBe(false);
    });

    it('locks what is there, as flock(1) does', async () => {
      const file = join(temporaryDirectory(), 'file');
      writeFileSync(file, '');
      (await lock(planted(file))).releaseSync();
    });
  });

  it('in place of a shared fcntl lock an exclusive one, though the file is open for reading only', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = await lock(file, { kind: 'fcntl', mode: 'shared' });
    await held.upgrade();
    expect(held.mode).toBe('exclusive');
    expect(await tryLock(file, { kind: 'fcntl', mode: 'shared' })).toBeNull();
    await held.downgrade();
    expect(held.mode).toBe('shared');
  });

  it('a descriptor that is open for reading only, unless the mechanism asks for more, which is said', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const descriptor = openSync(file, 'r');
    onTestFinished(() => closeSync(descriptor));
    (await lock(descriptor)).releaseSync();
    const failure = { code: 'EVALIDATION', field: 'file', message: expect.stringContaining('writing') };
    await expect(lock(descriptor, { kind: 'fcntl' })).rejects.toMatchObject(failure);
    expect(() => lockSync(descriptor, { kind: 'fcntl' })).toThrow(expect.objectContaining(failure));
    const shared = await lock(descriptor, { kind: 'fcntl', mode: 'shared' });
    await expect(shared.upgrade()).rejects.toMatchObject(failure);
    expect(shared).toMatchObject({ held: true, mode: 'shared' });
    shared.releaseSync();
  });

  it.skipIf(process.getuid?.() === 0)('a file that may be written, but not read', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '', { mode: 0o200 });
    for (const [, options] of [...onlyReads.slice(0, 2), writes]) (await lock(file, options)).releaseSync();
  });
});

describe.skipIf(unmountable !== undefined)('L8, as root: locks', () => {
  it.each(onlyReads)('the lower file of an overlay, without copying it up (%s)', async (_, options) => {
    const { merged, lower, upper } = mountOverlay();
    writeFileSync(join(lower, 'file'), 'large, perhaps');
    const file = join(merged, 'file');
    const held = await lock(file, options);
    if (options.kind === undefined) expect(await tryLock(file)).toBeNull();
    held.releaseSync();
    expect(existsSync(join(upper, 'file'))).toBe(false);
  });

  it('what is on a read-only file system, and says where the mechanism cannot', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    const file = join(mountReadOnly(directory), 'file');
    for (const [, options] of onlyReads) (await lock(file, options)).releaseSync();
    const held = await lock(file, { kind: 'fcntl', mode: 'shared' });
    await expect(held.upgrade()).rejects.toMatchObject({ code: 'EROFS', path: file });
    expect(held).toMatchObject({ held: true, mode: 'shared' });
    held.releaseSync();
    await expect(lock(file, { kind: 'fcntl' })).rejects.toMatchObject({ code: 'EROFS', path: file });
  });

  /** Gives a new file the attribute; undefined where its file system has none. */
  function attributed(attribute: string): string | undefined {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    try {
      execFileSync('chattr', [`+${attribute}`, file], { stdio: 'ignore' });
    } catch {
      return undefined;
    }
    onTestFinished(() => void execFileSync('chattr', [`-${attribute}`, file]));
    return file;
  }

  it.each(onlyReads)('an immutable file (%s)', async (_, options) => {
    const file = attributed('i');
    if (file) (await lock(file, options)).releaseSync();
  });

  it.each([...onlyReads, writes])('an append-only file (%s)', async (_, options) => {
    const file = attributed('a');
    if (file) (await lock(file, options)).releaseSync();
  });

  const protects = () => readFileSync('/proc/sys/fs/protected_regular', 'utf8').trim() !== '0';

  /** The file of another user in a directory like /tmp. */
  function ofAnotherUser(): string {
    const directory = join(temporaryDirectory(), 'sticky');
    mkdirSync(directory);
    chmodSync(directory, 0o1777);
    const file = join(directory, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    chownSync(file, 12345, 12345);
    return file;
  }

  it.runIf(unmountable === undefined && protects()).each([...onlyReads, writes])(
    "another user's file in a sticky directory (%s)",
    async (_, options) => {
      (await lock(ofAnotherUser(), options)).releaseSync();
    },
  );

  it.runIf(unmountable === undefined && protects())(
    "and appends to another user's file in a sticky directory",
    async () => {
      const file = ofAnotherUser();
      const chronicle = await openChronicle(file);
      await chronicle.append({ some: 'thing' });
      await chronicle.close();
      expect(readFileSync(file, 'utf8')).toContain('"some":"thing"');
    },
  );

  it('on a tmpfs, and a directory that is mounted', async () => {
    (await lock(mountTmpfs(65536))).releaseSync();
  });
});

describe.skipIf(process.platform === 'win32')('the permissions of a file that is made', () => {
  const modeOf = (file: string) => statSync(file).mode & 0o777;
  /** A process with this umask that has the lock of the file. */
  async function locked(umask: string, options: LockOptions): Promise<string> {
    const file = join(temporaryDirectory(), 'file');
    const program = new Program({ name: 'locker', prelude: `umask ${umask}` });
    await program.next();
    expect(await program.ask({ command: 'lock', file, options })).toEqual({ held: true });
    return file;
  }

  it.each([...onlyReads, writes])(
    'are those that were asked for, whatever the umask is (%s)',
    async (_, options) => {
      expect(modeOf(await locked('077', { ...options, permissions: 0o666 }))).toBe(0o666);
    },
  );

  it.each([0o600, 0o660, 0o777, 0o400])('are 0o%o', async (permissions) => {
    expect(modeOf(await locked('027', { permissions }))).toBe(permissions);
  });

  it('are 0o666 less the umask else', async () => {
    expect(modeOf(await locked('027', {}))).toBe(0o640);
  });

  it('are left alone where it is there', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '', { mode: 0o600 });
    (await lock(file, { permissions: 0o666 })).releaseSync();
    expect(modeOf(file)).toBe(0o600);
  });

  it.each([-1, 0o1000, 0.5, '666', null, Number.NaN])('are not %s', async (permissions) => {
    const file = join(temporaryDirectory(), 'file');
    const failure = { code: 'EVALIDATION', field: 'permissions' };
    await expect(lock(file, { permissions } as LockOptions)).rejects.toMatchObject(failure);
    expect(existsSync(file)).toBe(false);
  });

  it('do not go with a descriptor', async () => {
    await expect(lock(0, { permissions: 0o666 })).rejects.toMatchObject({ field: 'permissions' });
  });
});
