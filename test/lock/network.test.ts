/**
 * What is different on a network: a client remembers what names stand for, so the server is asked (L6); and a server has
 * leases on the files that it serves, which have to be given up first (L8). What was seen on real NFS mounts is in
 * docs/platforms.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock, lockSync, openChronicle, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/blocking.js';
import { linesOf } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { missing } from '../support/native-program.js';
import { Program } from '../support/processes.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

describe.skipIf(unwatchable !== undefined)('L6 where the file system is not known to be local', () => {
  /** A process for which nothing is local, and the calls that it makes. */
  async function farAway(name: string): Promise<{ program: Program; calls: SystemCalls; file: string }> {
    const directory = temporaryDirectory();
    const calls = await SystemCalls.under(directory);
    calls.answer('fstatfs', { fail: 'ENOSYS' }, true);
    calls.answer('statfs', { fail: 'ENOSYS' }, true);
    const program = new Program({ name, env: calls.env });
    await program.next();
    return { program, calls, file: join(directory, 'file') };
  }

  it('the path is opened again after a lock was granted, which no client answers from memory', async () => {
    const { program, calls, file } = await farAway('locker');
    expect(await program.ask({ command: 'lock', file })).toEqual({ held: true });
    const after = calls.made.slice(calls.made.indexOf('flock file'));
    expect(after.filter((call) => call.startsWith('open '))).toEqual(['open .', 'open file']);
  });

  it('and before a lock file is removed', async () => {
    const { program, calls, file } = await farAway('locker');
    expect(await program.ask({ command: 'lock', file })).toEqual({ held: true });
    const before = calls.made.length;
    expect(await program.ask({ command: 'release', file, options: { remove: true } })).toEqual({
      held: false,
    });
    expect(calls.made.slice(before).filter((call) => /^(open|unlink) /.test(call))).toEqual([
      'open .',
      'open file',
      'unlink file',
    ]);
  });

  it.each(['lock', 'tryLock'])('%s() of a descriptor does not stop the event loop', async (use) => {
    const { program, calls, file } = await farAway('locker');
    for (let time = 0; time < 2; time++) {
      const locking = calls.hold('flock file');
      program.send({ command: 'throughDescriptor', use, file });
      const call = await locking;
      expect(await program.ask({ command: 'warnings' })).toEqual({ warnings: [] });
      call.answer('go');
      expect(await program.next()).toEqual({ held: true });
    }
  });

  it('and while a lock is watched', async () => {
    const { program, calls, file } = await farAway('locker');
    expect(await program.ask({ command: 'watched', file })).toEqual({ held: true });
    // One that is made, one that is compared, and then one for each look.
    const opened = () => calls.made.filter((call) => call === 'open file').length;
    await until(() => opened() > 4, 'the path is looked at');
  });
});

/** Has a lease on the file, as Samba and NFS servers do; says when it is asked to give it up, and does when it is told. */
const leaseHolder = `
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGIO, lambda *_: print('asked', flush=True))
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.readline()
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
`;

describe.skipIf(missing(['python3']))('L8: a file on which a server has a lease', () => {
  async function leased(): Promise<{ file: string; asked: () => Promise<void>; giveUp: () => void }> {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const holder: ChildProcess = spawn('python3', ['-c', leaseHolder, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    const lines = linesOf(holder);
    expect(await lines.next()).toBe('leased');
    return {
      file,
      asked: async () => expect(await lines.next()).toBe('asked'),
      giveUp: () => holder.stdin?.write('\n'),
    };
  }

  it.each(['flock', 'fcntl'] as const)('is locked once the server has given it up (%s)', async (kind) => {
    const { file, asked, giveUp } = await leased();
    const waiting = lock(file, { kind });
    await asked();
    giveUp();
    const held = await waiting;
    expect(await tryLock(file, { kind })).toBeNull();
    await held.release();
  });

  it('is waited for no longer than was asked for', async () => {
    const { file, asked, giveUp } = await leased();
    await expect(lock(file, { timeout: 50 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await asked();
    const waiting = new AbortController();
    const aborted = lock(file, { signal: waiting.signal });
    waiting.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(() => lockSync(file, { timeout: 50 })).toThrow('ELOCK_TIMEOUT');
    giveUp();
    (await lock(file)).releaseSync();
  });

  it('is waited for by an append no longer than for the lock', async () => {
    const { file, asked, giveUp } = await leased();
    const chronicle = await openChronicle(file, { lockTimeout: 50 });
    await asked();
    await expect(chronicle.append({ type: 'a' })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(() => chronicle.appendSync({ type: 'a' })).toThrow('ELOCK_TIMEOUT');
    await chronicle.close();
    giveUp();
    await using later = await openChronicle(file);
    expect(await later.append({ type: 'a' })).toMatchObject({ duplicate: false });
  });

  it('is appended to once the server has given it up', async () => {
    const { file, asked, giveUp } = await leased();
    const opening = openChronicle(file).then((chronicle) => chronicle.append({ type: 'a' }));
    await asked();
    giveUp();
    expect(await opening).toMatchObject({ duplicate: false });
  });
});
