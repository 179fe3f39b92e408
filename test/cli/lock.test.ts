/** `holdfast lock` and `holdfast holders`, as real commands. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock, lockSync, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import {
  type Finished,
  linesOf,
  run as runCommand,
  shell,
  shellCommand,
  start as startCommand,
} from '../support/command.js';
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

/** A job that says its process id and goes on until it is killed, which it is when the test ends. */
async function startJob(...options: string[]): Promise<{ wrapper: ChildProcess; job: number }> {
  const wrapper = start('lock', ...options, ...script('console.log(process.pid); setTimeout(() => {}, 1e6)'));
  const job = Number(await linesOf(wrapper).next());
  onTestFinished(() => killed(job));
  return { wrapper, job };
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe.skipIf(process.platform === 'win32')('the lock that the command inherits (L2)', () => {
  it('lasts as long as the command, although holdfast is killed', async () => {
    const file = join(temporaryDirectory(), 'file');
    const { wrapper, job } = await startJob(file);
    await kill(wrapper);
    expect(await tryLock(file)).toBeNull();
    const waiting = lock(file);
    await someoneWaitsFor(file);
    killed(job);
    (await waiting).releaseSync();
  });

  it('keeps a job of cron from running twice, whoever is killed meanwhile', async () => {
    const directory = temporaryDirectory();
    const [file, log] = [join(directory, 'file'), join(directory, 'log')];
    const job = `echo began >> '${log}'; echo $$; exec sleep 1000`;
    const first = start('lock', '-n', file, '-c', job);
    const pid = Number(await linesOf(first).next());
    onTestFinished(() => killed(pid));
    await kill(first);
    for (let run = 0; run < 3; run++)
      expect((await runCommand(['lock', '-n', file, '-c', job])).code).toBe(75);
    expect(readFileSync(log, 'utf8')).toBe('began\n');
  });

  it('lasts as long as what the command leaves behind, unless that is kept from it', async () => {
    const file = join(temporaryDirectory(), 'file');
    const daemon = 'sleep 1000 >&- 2>&- & echo $!';
    for (const option of ['-o', '--no-inherit', '--close']) {
      const { code, out } = await run('lock', option, file, '-c', daemon);
      onTestFinished(() => killed(Number(out)));
      expect(code).toBe(0);
      const free = await tryLock(file);
      expect(free, option).not.toBeNull();
      free?.releaseSync();
    }
    const { out } = await run('lock', file, '-c', daemon);
    expect(await tryLock(file)).toBeNull();
    killed(Number(out));
    (await lock(file)).releaseSync();
  });

  it('ends with holdfast where the command may not inherit it', async () => {
    const file = join(temporaryDirectory(), 'file');
    const { wrapper, job } = await startJob('--no-inherit', file);
    expect(await tryLock(file)).toBeNull();
    await kill(wrapper);
    (await lock(file)).releaseSync();
    expect(() => process.kill(job, 0)).not.toThrow();
  });

  it('is on the file that the path names, also where that was replaced meanwhile (L6)', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const held = lockSync(file);
    const waiting = start('lock', file, ...script('console.log("started"); process.stdin.resume()'));
    await someoneWaitsFor(file);
    renameSync(file, join(directory, 'other'));
    held.releaseSync();
    expect(await linesOf(waiting).next()).toBe('started');
    expect(await tryLock(file)).toBeNull();
    waiting.stdin?.end();
    (await lock(file)).releaseSync();
  });
});

describe.skipIf(process.platform === 'win32')('the number of a descriptor in place of a file', () => {
  const holdfast = `${shellCommand} lock`;

  it('locks what the shell has opened, for as long as the shell has it open', async () => {
    const directory = temporaryDirectory();
    const script = `cd '${directory}'
      ( ${holdfast} -n 9 || exit 1; echo locked; ${holdfast} -n file true 2>/dev/null; echo $? ) 9>file
      ${holdfast} -n file echo free`;
    expect((await shell(script)).out).toBe('locked\n75\nfree\n');
  });

  it('shares it, waits for it, releases it, and makes of one mode the other', async () => {
    const directory = temporaryDirectory();
    const script = `cd '${directory}'; exec 9>file 8<file
      try() { ${holdfast} -n "$@" 2>/dev/null; echo $?; }
      try -s 9; try -s 8; try -x 8; try -s 9
      ${holdfast} -u 9; try 8; ${holdfast} -w 0.01 9 2>/dev/null; echo $?
      ${holdfast} -u 8; ${holdfast} -u 8; ${holdfast} -w 60 9; echo $?`;
    expect((await shell(script)).out).toBe('0\n0\n75\n0\n0\n75\n0\n');
  });

  it('is refused where it is not open, or no file', async () => {
    for (const number of [3, 4, 7, 20, 99]) {
      const { code, err } = await run('lock', String(number));
      expect([number, code, err]).toEqual([number, 1, expect.stringContaining('no open descriptor')]);
    }
    expect((await run('lock', '-u', 'file', 'true')).code).toBe(2);
    expect((await run('lock', '99999999999')).code).toBe(1);
  });
});

const withoutFlock = spawnSync('flock', ['--version']).error && 'flock(1) of util-linux is not installed';

describe.skipIf(withoutFlock)('the same command line as flock(1)', () => {
  it.each([
    ['file true'],
    ['file false'],
    ['file sh -c "exit 42"'],
    ["file -c 'exit 42'"],
    ["file --command 'echo $0 $#'"],
    ["file sh -c 'kill -TERM $$'"],
    ['-s file cat other'],
    ['-x -E 9 file echo a b'],
    ['-e -w 0.5 file -c "cat <&3"'],
    ['--exclusive --timeout 2 file echo -n -s'],
    ['-o file ls /proc/self/fd/3'],
    ['--shared --close file true'],
    ['-n -E 7 locked echo not'],
    ['-s --nonblock -E 200 locked echo not'],
    ['--nb -E 0 locked echo not'],
    ['-w 0.05 -E 9 locked echo not'],
    ['--wait 0 --conflict-exit-code 8 locked echo not'],
    ['-sn -E 3 shared echo yes'],
    ['-n -E 3 shared echo not'],
    ['. true'],
    ['-s -n . -c "ls ."'],
    ['-n -E 3 9 9<.'],
    ['-n 9 9>file'],
    ['-n -E 4 9 9>locked'],
    ['-s -n 9 9<shared'],
    ['-u 9 9>file'],
  ])('has the same exit code and the same output: %s', async (line) => {
    const directory = temporaryDirectory();
    for (const name of ['file', 'locked', 'shared', 'other']) writeFileSync(join(directory, name), name);
    const others = `exec 7<locked 8<shared; flock 7; flock -s 8`;
    const of = async (command: string) => {
      const { code, out } = await shell(`cd '${directory}'; ${others}; ${command} ${line}`);
      return { code, out };
    };
    expect(await of(`${shellCommand} lock`)).toEqual(await of('flock'));
  });

  it('excludes flock(1), and is excluded by it', async () => {
    const directory = temporaryDirectory();
    const [ours, theirs] = [`${shellCommand} lock -n -E 5 file`, 'flock -n -E 5 file'];
    const script = `cd '${directory}'; ${ours} -c "${theirs} true"; echo $?; ${theirs} -c "${ours} true"; echo $?`;
    expect((await shell(script)).out).toBe('5\n5\n');
  });
});

const withoutTerminal =
  spawnSync('script', ['--version']).error && 'script(1) of util-linux is not installed';

describe.skipIf(withoutTerminal || process.platform !== 'linux')('a wait on a terminal', () => {
  it('says for whom it waits, and not elsewhere', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file);
    const told = `holdfast: waiting for the lock on '${file}', held by process ${process.pid} (exclusive): `;
    const terminal = spawn('bash', [
      '-c',
      `script --quiet --return --command "${shellCommand} lock '${file}' echo done" /dev/null`,
    ]);
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let seen = '';
    const ended = once(terminal, 'close');
    const isTold = new Promise<void>((resolve) => {
      terminal.stdout.on('data', (text) => {
        seen += text;
        if (seen.includes(told)) resolve();
      });
    });
    const unseen = run('lock', file, 'echo', 'done');
    await Promise.all([isTold, someoneWaitsFor(file)]);
    await sleep(1000); // nothing tells that nothing is written elsewhere
    held.releaseSync();
    await ended;
    expect(seen).toMatch(/^done\r$/m);
    expect(await unseen).toMatchObject({ err: '', out: 'done\n' });
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
