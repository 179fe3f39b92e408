/**
 * `holdfast lock FILE -- COMMAND…`: runs a command while the lock is held, as flock(1) does, and with its
 * options.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { describeHolders, HoldfastError, invalid } from '../base/errors.js';
import type { LockMode } from '../base/lock-holder.js';
import { lockHolders } from '../lock/holders.js';
import { lockToPassOn } from '../lock/inherited.js';
import { lock, tryLock } from '../lock/lock.js';
import type { PostgresLock } from '../postgres.js';
import { type Address, addressIn } from './address.js';
import { exitCodes } from './exit-codes.js';
import { remote } from './load-remote.js';
import { messageOf } from './messages.js';
import { duration } from './options.js';
import { say } from './output.js';

interface Options {
  shared?: boolean;
  unlock?: boolean;
  timeout?: number;
  try?: boolean;
  conflictExitCode: number;
  inherit: boolean;
  create: boolean;
}

/** Signals that are passed on to the command. */
const forwarded = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

/** The exit codes by which shells tell that a command could not be started (POSIX, 2.8.2). */
const startFailures: { [code: string]: number } = { ENOENT: 127, EACCES: 126 };

/** On a terminal, a wait that lasts so long says for whom it waits, in milliseconds. */
const patience = 250;

/** On Windows a process has the lock, not a descriptor, so that nobody can inherit it. */
const canInherit = process.platform !== 'win32';

export function lockCommand(): Command {
  return new Command('lock')
    .summary('run a command while a lock is held')
    .usage('[options] FILE -- COMMAND… | FILE -c LINE | NUMBER')
    .description(
      'Takes the lock on FILE, runs COMMAND, and ends with its exit code. COMMAND inherits the lock: it lasts as long ' +
        'as COMMAND and what COMMAND leaves behind, even if holdfast is killed. Excludes, and is excluded by, flock(1) ' +
        'and everything else that uses flock(2).\n\n' +
        'With the NUMBER of a descriptor, as in a shell script, locks what the script has opened. The lock lasts until ' +
        'the script closes it, or ends.\n\n' +
        'With a lock on PostgreSQL, COMMAND does not inherit it: it is free when holdfast ends. COMMAND gets SIGTERM when it ' +
        'is lost, since the connection is gone. Its fencing token is in $HOLDFAST_FENCE.',
    )
    .argument(
      '<file>',
      'what to lock: a file, which is created if it is missing, a directory, or postgres://host/database?lock=NAME',
    )
    .argument('[command...]', 'what to run, with its arguments; write -- before it')
    .option('-s, --shared', 'share the lock with others that share it')
    .addOption(new Option('-x, --exclusive', 'share it with nobody (default)').conflicts('shared'))
    .addOption(new Option('-u, --unlock', 'release the lock of NUMBER').conflicts(['shared', 'exclusive']))
    .option(
      '-w, --timeout <duration>',
      'give up after this long: 500ms, 5s, 2m, 1h; seconds without a unit',
      duration,
    )
    .addOption(new Option('-n, --try', 'give up at once if the lock is taken').conflicts('timeout'))
    .option('-E, --conflict-exit-code <code>', 'exit so when it gives up', exitCode, exitCodes.lockTimeout)
    .option(
      '-o, --no-inherit',
      'free the lock when COMMAND or holdfast ends: for a COMMAND that starts a daemon',
    )
    .option('--no-create', 'fail if FILE is missing')
    .addOption(hidden('-e').implies({ exclusive: true }))
    .addOption(hidden('--nonblock').implies({ try: true }))
    .addOption(hidden('--nb').implies({ try: true }))
    .addOption(hidden('--close').implies({ inherit: false }))
    .addOption(hidden('-t, --wait <duration>').argParser(duration))
    .on('option:wait', function (this: Command, text: string) {
      this.setOptionValueWithSource('timeout', duration(text), 'cli');
    })
    .addHelpText(
      'after',
      `
-c LINE runs a line of $SHELL. The names of options that only flock(1) has are taken too: -e, --nonblock,
--nb, --wait, --close, --command. On a terminal, a wait says who has the lock.

Exit code: COMMAND's own; 128 + n if signal n ended it; 126 or 127 if it could not be started;
75 (see -E) if the lock was not free in time; 1 for any other failure; 2 for wrong usage.

Example: holdfast lock --timeout 5s /tmp/backup.lock -- rsync -a data/ backup/
         holdfast lock -n /tmp/report.lock -c 'make-report | mail -s report ops'
         ( holdfast lock -n 9 || exit 1; make-report ) 9>/tmp/report.lock`,
    )
    .passThroughOptions()
    .action(run);
}

/** A name that flock(1) has for what has another one here. */
function hidden(flags: string): Option {
  return new Option(flags).hideHelp();
}

function exitCode(text: string): number {
  const code = Number(text);
  if (!/^\d+$/.test(text) || code > 255) throw new InvalidArgumentError('Expected a number from 0 to 255.');
  return code;
}

async function run(file: string, words: string[], options: Options, self: Command): Promise<void> {
  const command = commandIn(words, self);
  const address = addressIn(file, 'lock');
  try {
    if (command) {
      if (options.unlock) self.error('error: --unlock goes with the NUMBER of a descriptor');
      process.exitCode = await (address
        ? lockThereAndRun(address, command, options)
        : lockAndRun(file, command, options));
    } else {
      if (address || !/^\d+$/.test(file))
        self.error('error: a command is missing, or the number of an open descriptor in place of the file');
      await lockDescriptor(Number(file), options);
    }
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'ELOCK_TIMEOUT') throw error;
    say(error.message);
    process.exitCode = options.conflictExitCode;
  }
}

/** Everything after FILE is passed through unchanged, the -- before the command too. */
function commandIn(words: string[], self: Command): string[] | undefined {
  const [first, ...rest] = words;
  if (first === '--') return rest.length > 0 ? rest : undefined;
  if (first !== '-c' && first !== '--command') return first === undefined ? undefined : words;
  if (rest.length !== 1) self.error(`error: ${first} takes one argument, a line of the shell`);
  return [process.env.SHELL || '/bin/sh', '-c', ...rest];
}

/** Resolves to the exit code of the command. */
async function lockAndRun(file: string, command: string[], options: Options): Promise<number> {
  const wanted = { ...whatToWaitFor(options), create: options.create };
  if (!options.inherit || !canInherit) {
    const held = await sayForWhom(file, lock(file, wanted));
    try {
      return await runCommand(command, []);
    } finally {
      await held.release();
    }
  }
  const descriptor = await sayForWhom(file, lockToPassOn(file, wanted));
  try {
    return await runCommand(command, [descriptor]);
  } finally {
    closeSync(descriptor); // what has inherited the lock keeps it
  }
}

/** The same with a lock on a server, which no process can inherit. */
async function lockThereAndRun(address: Address, command: string[], options: Options): Promise<number> {
  if (!options.create) throw invalid('--no-create', 'is for files: there is none on PostgreSQL');
  const { name } = address;
  await using postgres = await remote().connectTo(address);
  const holders = () => postgres.lockHolders(name);
  const held = await sayForWhom(name, postgres.lock(name, whatToWaitFor(options)), holders);
  try {
    return await runCommand(command, [], held);
  } finally {
    await held.release();
  }
}

/** Locks the file of a descriptor that this process has inherited, and leaves the lock to its other owners. */
async function lockDescriptor(descriptor: number, options: Options): Promise<void> {
  if (!canInherit) throw new Error('on Windows, a lock cannot be left to the owner of a descriptor');
  checkInherited(descriptor);
  if (options.unlock) {
    // To lock again through the same descriptor changes the lock that is there; where somebody else stands
    // in the way, there was none.
    (await tryLock(descriptor, { mode: 'shared' }))?.releaseSync();
  } else {
    closeSync(await sayForWhom(`/dev/fd/${descriptor}`, lockToPassOn(descriptor, whatToWaitFor(options))));
  }
}

/** Node's own descriptors, of pipes and of what has no name, have low numbers too. */
function checkInherited(descriptor: number): void {
  try {
    const stats = fstatSync(descriptor);
    if (stats.isFile() || stats.isDirectory() || stats.isCharacterDevice() || stats.isBlockDevice()) return;
  } catch {
    // It is not open at all.
  }
  throw new Error(
    `${descriptor} is no open descriptor of a file; open it in the shell: ( … ) ${descriptor}>FILE`,
  );
}

function whatToWaitFor({ shared, timeout, try: once }: Options): { mode: LockMode; timeout?: number } {
  const limit = once ? 0 : timeout;
  return { mode: shared ? 'shared' : 'exclusive', ...(limit === undefined ? {} : { timeout: limit }) };
}

/** Resolves as `lock` does. If that takes long, whoever looks at the terminal is told who has the lock. */
async function sayForWhom<T>(
  path: string,
  lock: Promise<T>,
  findHolders = () => lockHolders(path),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tell = async () => {
    const holders = await findHolders().catch(() => []);
    if (timer) say(`waiting for the lock on '${path}'${describeHolders(holders)}`);
  };
  if (process.stderr.isTTY) timer = setTimeout(tell, patience);
  try {
    return await lock;
  } finally {
    clearTimeout(timer);
    timer = undefined;
  }
}

/** The command's exit code, as a shell would report it. It inherits these descriptors, as 3 and so on. */
async function runCommand(
  [command = '', ...args]: string[],
  inherited: number[],
  remoteLock?: PostgresLock,
): Promise<number> {
  let child: ChildProcess | undefined;
  // Before the command is started, so that no signal is missed.
  for (const signal of forwarded) {
    process.on(signal, () => {
      // A terminal sends these to the command itself.
      const sentByTerminal = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
      if (!sentByTerminal) child?.kill(signal);
    });
  }
  const running = spawn(command, args, {
    stdio: ['inherit', 'inherit', 'inherit', ...inherited],
    ...(remoteLock && { env: { ...process.env, HOLDFAST_FENCE: String(remoteLock.fence) } }),
  });
  child = running;
  const endIfLost = () => {
    if (!remoteLock?.lost.aborted) return;
    say(`${messageOf(remoteLock.lost.reason)}; '${command}' is ended by SIGTERM`);
    running.kill();
  };
  remoteLock?.lost.addEventListener('abort', endIfLost);
  endIfLost(); // by now, it tells nobody of that again
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    say(`cannot run '${command}': ${message}`);
    return startFailures[code] ?? 1;
  }
}
