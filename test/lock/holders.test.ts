/** Who holds a lock: whoever has it, not whoever asked for it; and what it costs to find out. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockHolder, lock, lockHolders, lockSync, openChronicle } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { linesOf, run, shellCommand, start } from '../support/command.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';
import { mountTmpfs, unmountable } from '../support/mounts.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const withoutFlock =
  process.platform !== 'linux' || spawnSync('flock', ['--version']).error
    ? 'Linux tells who holds a lock, and flock(1) takes one'
    : undefined;

/** Runs a script of the shell until the test ends, and resolves to the first line that it writes. */
async function scriptThatSays(script: string, command = ['bash', '-c']): Promise<string> {
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, [...args, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => {
    // The whole group: what the script has left behind has it too.
    process.kill(-(child.pid as number), 'SIGKILL');
  });
  return linesOf(child).next();
}

/** The holders as lockHolders(), errors and the command tell them, which must be the same. */
async function holdersOf(file: string): Promise<LockHolder[]> {
  const holders = sorted(await lockHolders(file));
  const timedOut = await lock(file, { timeout: 0 }).catch((error) => error);
  expect(sorted(timedOut.holders)).toEqual(holders);
  let thrown: { holders?: LockHolder[] } = {};
  try {
    lockSync(file, { timeout: 0 });
  } catch (error) {
    thrown = error as typeof thrown;
  }
  expect(sorted(thrown.holders ?? [])).toEqual(holders);
  expect(sorted(JSON.parse((await run(['holders', '--json', file])).out))).toEqual(holders);
  return holders;
}

function sorted(holders: readonly LockHolder[]): LockHolder[] {
  return holders.toSorted((a, b) => a.pid - b.pid);
}

/** Says its number when it is what it will be to the end: it has the lock, and its command is the one of commandFor(). */
const inherited = (file: string) =>
  `( flock 9; echo $BASHPID >'${file}.pid'; exec tail -f '${file}.pid' ) 9>'${file}' & wait`;
const commandFor = (file: string) => `tail -f ${file}.pid`;

describe.skipIf(withoutFlock)('the holder of a lock', () => {
  it('is named where a descriptor is waited for, which has no path', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const pid = Number(await scriptThatSays(inherited(file)));
    const descriptor = openSync(file, 'r');
    onTestFinished(() => closeSync(descriptor));
    const timedOut = await lock(descriptor, { timeout: 0 }).catch((error) => error);
    expect(timedOut).toMatchObject({ code: 'ELOCK_TIMEOUT', holders: [{ pid, mode: 'exclusive' }] });
  });

  it('is who has it, where the process that asked for it is gone', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const pid = Number(await scriptThatSays(inherited(file)));
    expect(await holdersOf(file)).toEqual([{ pid, mode: 'exclusive', command: commandFor(file) }]);
    const chronicle = await openChronicle(file, { lockTimeout: 0 });
    const [append, appendSync] = [
      await chronicle.append({}).catch((error) => error),
      refused(() => chronicle.appendSync({})),
    ];
    for (const { holders } of [append, appendSync]) expect(holders).toMatchObject([{ pid }]);
    await chronicle.close();
  });

  it('is each process that has it, and not one that asked for it and has given it away', async () => {
    const file = join(temporaryDirectory(), 'file');
    const python = `
import fcntl, os, sys, time
locked = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(locked, fcntl.LOCK_SH)
children = [os.fork() for _ in range(2)] if not os.fork() else []
if len(children) == 2 and all(children):
    print(os.getpid(), *children, flush=True)
if os.getppid() == int(sys.argv[2]):
    os.close(locked)
time.sleep(1000)`;
    const child = spawn('python3', ['-c', python, file, String(process.pid)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    onTestFinished(() => void process.kill(-(child.pid as number), 'SIGKILL'));
    const pids = (await linesOf(child).next()).split(' ').map(Number);
    const holders = sorted(await lockHolders(file));
    expect(holders.map(({ pid }) => pid)).toEqual(expect.arrayContaining(pids));
    expect(holders.map(({ pid }) => pid)).not.toContain(child.pid);
    expect(new Set(holders.map(({ mode }) => mode))).toEqual(new Set(['shared']));
  });

  it('is the job of a `holdfast lock` that was killed', async () => {
    const file = join(temporaryDirectory(), 'file');
    const wrapper = start(['lock', file, '-c', `echo $$ >'${file}.pid'; exec tail -f '${file}.pid'`]);
    const pid = Number(await linesOf(wrapper).next());
    onTestFinished(() => void process.kill(pid, 'SIGKILL'));
    expect(sorted(await lockHolders(file)).map(({ pid }) => pid)).toEqual(
      [wrapper.pid as number, pid].sort((a, b) => a - b),
    );
    wrapper.kill('SIGKILL');
    await new Promise((resolve) => wrapper.once('exit', resolve));
    expect(await holdersOf(file)).toEqual([{ pid, mode: 'exclusive', command: commandFor(file) }]);
  });

  it.skipIf(unmountable).each([
    ['its own /proc', '--mount-proc'],
    ["the host's /proc", ''],
  ])('has the number of its pid namespace, in one with %s', async (_, option) => {
    const file = join(temporaryDirectory(), 'file');
    const script = `mkfifo '${file}.said'; exec 8<>'${file}.said'; ${inherited(file).replace('& wait', '>&8 &')}
      read pid <&8; echo $pid $(${shellCommand} holders --json '${file}'); wait`;
    const command = ['unshare', '--pid', '--fork', ...(option ? [option] : []), 'bash', '-c'];
    const [, pid, json = ''] = /^(\d+) (.*)$/.exec(await scriptThatSays(script, command)) ?? [];
    expect(Number(pid)).toBeLessThan(10);
    expect(JSON.parse(json)).toEqual([{ pid: Number(pid), mode: 'exclusive', command: commandFor(file) }]);
    // From outside, by another number.
    expect(await holdersOf(file)).toEqual([
      { pid: expect.any(Number), mode: 'exclusive', command: commandFor(file) },
    ]);
  });

  it.skipIf(unmountable)(
    'is found on an overlay of two file systems, in its lower and in its upper layer',
    async () => {
      const [lower, upper] = [mountTmpfs(1 << 20), temporaryDirectory()];
      const overlay = temporaryDirectory();
      for (const name of ['upper', 'work']) mkdirSync(join(upper, name));
      writeFileSync(join(lower, 'low'), '');
      const layers = `lowerdir=${lower},upperdir=${join(upper, 'upper')},workdir=${join(upper, 'work')}`;
      mount(['-t', 'overlay', '-o', layers, 'overlay'], overlay);
      for (const name of ['low', 'high']) {
        const file = join(overlay, name);
        const pid = Number(await scriptThatSays(inherited(file).replace('9>', '9<>')));
        expect(await lockHolders(file), name).toMatchObject([{ pid, command: commandFor(file) }]);
      }
    },
  );

  it.skipIf(unmountable || spawnSync('mkfs.btrfs', ['--version']).error)(
    'is found on btrfs, in a subvolume too',
    async () => {
      const [image, directory] = [join(temporaryDirectory(), 'image'), temporaryDirectory()];
      writeFileSync(image, '');
      truncateSync(image, 120 << 20);
      execFileSync('mkfs.btrfs', ['-q', image]);
      mount([image], directory);
      execFileSync('btrfs', ['subvolume', 'create', join(directory, 'subvolume')], { stdio: 'ignore' });
      for (const name of ['file', 'subvolume/file']) {
        const file = join(directory, name);
        const pid = Number(await scriptThatSays(inherited(file)));
        expect(await holdersOf(file)).toMatchObject([{ pid, command: commandFor(file) }]);
      }
    },
  );

  it.skipIf(unmountable)('is found through another mount of the same directory', async () => {
    const [directory, again] = [temporaryDirectory(), temporaryDirectory()];
    mount(['--bind', directory], again);
    const pid = Number(await scriptThatSays(inherited(join(directory, 'file'))));
    expect(await lockHolders(join(again, 'file'))).toMatchObject([
      { pid, command: commandFor(join(directory, 'file')) },
    ]);
  });

  it.runIf(process.getuid?.() === 0)(
    'is who has asked for it, where that is a process that we may not look at',
    async () => {
      const file = join(temporaryDirectory(memory), 'file');
      const pid = Number(await scriptThatSays(`exec 9>'${file}'; flock 9; echo $$; exec sleep 1000 9>&9`));
      execFileSync('chmod', ['755', join(file, '..')]);
      const user = `setpriv --reuid 65534 --clear-groups ${shellCommand} holders --json '${file}'`;
      // flock(1) had asked, and is gone: nothing tells the other user who has it.
      expect(execFileSync('bash', ['-c', user]).toString()).toBe('[]\n');
      const held = lockSync(`${file}2`);
      const own = execFileSync('bash', ['-c', user.replace(`${file}'`, `${file}2'`)]).toString();
      expect(JSON.parse(own)).toMatchObject([{ pid: process.pid, mode: 'exclusive' }]);
      held.releaseSync();
      expect(await lockHolders(file)).toMatchObject([{ pid }]);
    },
  );
});

describe.skipIf(unwatchable)('the search for holders', () => {
  /** A process whose calls about /proc are watched; opening `/proc` itself begins a search. */
  async function watched() {
    const calls = await SystemCalls.under('/proc');
    const searches = () => calls.made.filter((call) => call === 'opendir .').length;
    return { calls, searches };
  }

  /** What a process is told that asks for a hundred locks at once, all of which this process has. */
  async function timeOutTogether(env?: NodeJS.ProcessEnv): Promise<unknown[]> {
    const directory = temporaryDirectory(memory);
    const files = Array.from({ length: 100 }, (_, number) => join(directory, String(number)));
    const held = files.map((file) => lockSync(file));
    const other = await locker(env);
    const answers = await other.askAll(
      files.map((file) => ({ command: 'lock', file, options: { timeout: 50 } })),
    );
    for (const lock of held) lock.releaseSync();
    expect(answers).toHaveLength(100);
    return answers;
  }

  it('is one or two for a hundred calls that time out together, on as many files', async () => {
    const { calls, searches } = await watched();
    for (const answer of await timeOutTogether(calls.env)) {
      expect(answer).toMatchObject({ error: { code: 'ELOCK_TIMEOUT' } });
    }
    expect(searches()).toBeGreaterThan(0);
    expect(searches()).toBeLessThanOrEqual(2);
  });

  it('finds who has each of a hundred', async () => {
    // Not watched: to be watched takes longer than a search may.
    const message = expect.stringContaining(`process ${process.pid} (exclusive)`);
    for (const answer of await timeOutTogether()) {
      expect(answer).toMatchObject({ error: { code: 'ELOCK_TIMEOUT', message } });
    }
  });

  it.each(['flock', 'fcntl'] as const)('lets the event loop go on (%s)', async (kind) => {
    const file = join(temporaryDirectory(), 'file');
    const { calls } = await watched();
    const held = lockSync(file, { kind });
    const other = new ChronicleProcess({ env: calls.env });
    const search = calls.hold('opendir .');
    const timedOut = other.ask('lock', file, { kind, timeout: 0 });
    timedOut.catch(() => {});
    const begun = await search;
    await other.ping();
    begun.answer('go');
    await expect(timedOut).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    held.releaseSync();
  });

  it('lets the event loop go on for appends, which are settled in their order', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const { calls } = await watched();
    const appender = await ChronicleProcess.open(file, { lockTimeout: 1 }, { env: calls.env });
    const held = lockSync(file);
    const search = calls.hold('opendir .');
    const settled: string[] = [];
    const append = (name: string) =>
      appender.append({ eventId: name }).then(
        () => settled.push(name),
        ({ code }) => settled.push(`${name} ${code}`),
      );
    const appends = [append('a')];
    const begun = await search;
    held.releaseSync();
    appends.push(append('b'), append('c'));
    const file2 = join(temporaryDirectory(), 'other');
    await appender.ask('appendEvent', file2, {}); // by now b is in the file
    expect(settled).toEqual([]);
    begun.answer('go');
    await Promise.all(appends);
    expect(settled).toEqual(['a ELOCK_TIMEOUT', 'b', 'c']);
    expect(await appender.ask('stats')).toMatchObject({ pending: { events: 0, bytes: 0 } });
    await appender.ask('close');
  });

  it('is not waited for by appendSync, which settles what came before it', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const { calls } = await watched();
    const appender = await ChronicleProcess.open(file, { lockTimeout: 1 }, { env: calls.env });
    const held = lockSync(file);
    const search = calls.hold('opendir .');
    const first = appender.append({ eventId: 'a' });
    first.catch(() => {});
    const begun = await search;
    held.releaseSync();
    expect(await appender.ask('appendSync', [{ eventId: 'b' }])).toMatchObject([{ duplicate: false }]);
    await expect(first).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    begun.answer('go');
    await appender.ask('close');
  });
});

function refused(call: () => unknown): { holders: LockHolder[] } {
  try {
    call();
  } catch (error) {
    return error as { holders: LockHolder[] };
  }
  throw new Error('was not refused');
}

function mount(options: string[], directory: string): void {
  execFileSync('mount', [...options, directory]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
}
