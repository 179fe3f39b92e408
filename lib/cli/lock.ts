/**
 * `holdfast lock FILE -- COMMAND…`: runs a command while the lock is held, as flock(1) does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Command } from 'commander';
import { lock } from '../lock/lock.js';
import { duration } from './options.js';

interface Options {
  shared?: boolean;
  timeout?: number;
  try?: boolean;
  create: boolean;
}

/** Signals that are passed on to the command. */
const forwarded = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

/** The exit codes by which shells tell that a command could not be started (POSIX, 2.8.2). */
const startFailures: { [code: string]: number } = { ENOENT: 127, EACCES: 126 };

export function lockCommand(): Command {
  return new Command('lock')
    .summary('run a command while a lock is held')
    .description(
      'Takes the lock on FILE, which is created if it is missing, runs COMMAND, and releases the lock when COMMAND ' +
        'ends. The lock is freed when either of them dies; COMMAND does not inherit it. Excludes, and is excluded by, ' +
        'flock(1) and everything else that uses flock(2).',
    )
    .argument('<file>', 'what to lock')
    .argument('<command...>', 'what to run, with its arguments; write -- before it')
    .option('-s, --shared', 'share the lock with others that share it')
    .option(
      '-t, --timeout <duration>',
      'give up after this long: 500ms, 5s, 2m, 1h; seconds without a unit',
      duration,
    )
    .option('-n, --try', 'give up at once if the lock is taken')
    .option('--no-create', 'fail if FILE is missing')
    .addHelpText(
      'after',
      `
Exit code: COMMAND's own; 128 + n if signal n ended it; 126 or 127 if it could not be started;
75 if the lock was not free in time; 1 for any other failure; 2 for wrong usage.

Example: holdfast lock --timeout 5s /tmp/backup.lock -- rsync -a data/ backup/`,
    )
    .passThroughOptions()
    .action(run);
}

async function run(file: string, words: string[], options: Options, self: Command): Promise<void> {
  // Everything after FILE is passed through unchanged, the -- before the command too.
  const [command, ...args] = words[0] === '--' ? words.slice(1) : words;
  if (command === undefined) self.error("error: missing required argument 'command'");
  if (options.try && options.timeout !== undefined) {
    self.error('error: --try and --timeout exclude each other');
  }
  const timeout = options.try ? 0 : options.timeout;
  const held = await lock(file, {
    mode: options.shared ? 'shared' : 'exclusive',
    create: options.create,
    ...(timeout === undefined ? {} : { timeout }),
  });
  try {
    process.exitCode = await runCommand(command, args);
  } finally {
    await held.release();
  }
}

/** The command's exit code, as a shell would report it. */
async function runCommand(command: string, args: string[]): Promise<number> {
  let child: ChildProcess | undefined;
  // Before the command is started, so that no signal is missed.
  for (const signal of forwarded) {
    process.on(signal, () => {
      // A terminal sends these to the command itself.
      const sentByTerminal = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
      if (!sentByTerminal) child?.kill(signal);
    });
  }
  child = spawn(command, args, { stdio: 'inherit' });
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    process.stderr.write(`holdfast: cannot run '${command}': ${message}\n`);
    return startFailures[code] ?? 1;
  }
}
