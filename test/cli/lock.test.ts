/** `holdfast lock` and `holdfast holders`, as real commands. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lock, lockSync, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import { type Finished, run as runCommand, start as startCommand } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { heldBy } from '../support/messages.js';

/** A command that runs JavaScript. */
const script = (code: string) => ['--', process.execPath, '-e', code];

function start(...args: string[]): ChildProcess {
  return startCommand(args);
}

function run(...args: string[]): Promise<Finished> {
  return runCommand(args);
}

describe('holdfast lock', () => {
  it('runs the command, and passes its output and exit code on', async () => {
    const file = join(temporaryDirectory(), 'file');
    expect(await run('lock', file, ...script('console.log("done"); process.exit(7)'))).toMatchObject({
      code: 7,
      out: 'done\n',
    });
    expect((await run('lock', file, process.execPath, '--version')).out.trim()).toBe(process.version);
    expect(await tryLock(file)).not.toBeNull();
  });

  it.skipIf(process.platform === 'win32')('passes on which signal ended the command', async () => {
    const file = join(temporaryDirectory(), 'file');
    expect((await run('lock', file, '--', 'sh', '-c', 'kill -9 $$')).code).toBe(128 + 9);
  });

  it('holds the lock while the command runs, and shares it with --shared', async () => {
    const file = join(temporaryDirectory(), 'file');
    const child = start(
      'lock',
      '--shared',
      file,
      ...script('console.log("started"); process.stdin.resume()'),
    );
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    expect(await tryLock(file)).toBeNull();
    const shared = await tryLock(file, { mode: 'shared' });
    expect(shared).not.toBeNull();
    shared?.releaseSync();
    const waiting = lock(file);
    await someoneWaitsFor(file);
    child.stdin?.end();
    (await waiting).releaseSync();
  });

  it('exits with 75 where the lock is not free in time, and does not run the command', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const held = lockSync(file);
    const marker = join(directory, 'marker');
    const failed = { code: 75, err: expect.stringMatching(heldBy('lock on', process.pid)) };
    const touch = script(`fs.writeFileSync(${JSON.stringify(marker)}, '')`);
    expect(await run('lock', '--try', file, ...touch)).toMatchObject(failed);
    expect(await run('lock', '--timeout', '10ms', file, ...touch)).toMatchObject(failed);
    expect(existsSync(marker)).toBe(false);
    held.releaseSync();
  });

  it.skipIf(process.platform === 'win32')('forwards signals to the command', async () => {
    const file = join(temporaryDirectory(), 'file');
    const child = start(
      'lock',
      file,
      '--',
      'sh',
      '-c',
      'trap "exit 42" TERM; echo ready; while :; do sleep 0.01; done',
    );
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([42, null]);
  });

  it('frees the lock when it is killed, although its command goes on', async () => {
    const file = join(temporaryDirectory(), 'file');
    const child = start('lock', file, ...script('console.log(process.pid); setTimeout(() => {}, 1e6)'));
    const [pid] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    onTestFinished(() => {
      process.kill(Number(pid), 'SIGKILL');
    });
    child.kill('SIGKILL');
    (await lock(file)).releaseSync();
    // On Windows, Node's children end with it.
    if (process.platform !== 'win32') expect(() => process.kill(Number(pid), 0)).not.toThrow();
  });

  it('says what is wrong with its usage, with exit code 2', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    expect((await run('lock')).code).toBe(2);
    expect((await run('lock', file)).code).toBe(2);
    expect((await run('lock', '--timeout', 'soon', file, 'true')).err).toContain('Expected a duration');
    expect((await run('lock', '--timeout', '1s', '--try', file, 'true')).code).toBe(2);
    expect((await run('lock', '--unknown', file, 'true')).code).toBe(2);
    expect((await run('unknown')).code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });

  it('says what failed: the file, or the command', async () => {
    const directory = temporaryDirectory();
    const missing = join(directory, 'missing', 'file');
    expect(await run('lock', missing, 'true')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT'),
    });
    const file = join(directory, 'file');
    expect((await run('lock', '--no-create', file, 'true')).code).toBe(1);
    expect((await run('lock', file, 'no-such-command')).code).toBe(127);
    // Windows has no permission to execute, and does not find a directory at all.
    expect((await run('lock', file, directory)).code).toBe(process.platform === 'win32' ? 127 : 126);
  });

  it('has help for everything', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('holders') });
    expect(await run('lock', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--timeout') });
    expect(await run('holders', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--json') });
  });
});

describe.runIf(process.platform === 'linux')('holdfast holders', () => {
  it('shows pid, mode and command of who holds the lock', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file, { mode: 'shared' });
    expect((await run('holders', file)).out).toMatch(new RegExp(`^${process.pid}\tshared\t.+\n$`));
    expect(JSON.parse((await run('holders', '--json', file)).out)).toMatchObject([{ pid: process.pid }]);
    held.releaseSync();
    expect(await run('holders', file)).toMatchObject({ code: 0, out: '' });
  });
});
