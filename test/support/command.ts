/** The command `holdfast`, as a real process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { onTestFinished, vi } from 'vitest';
import { holdfastProgram } from '../../dist/lib/cli/program.js';

const main = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

/** For a shell: the command with its interpreter. */
export const shellCommand = `'${process.execPath}' '${main}'`;

export interface Finished {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

/** Starts the command; it is killed when the test ends. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return child(spawn(process.execPath, [main, ...args], { stdio: 'pipe', env: { ...process.env, ...env } }));
}

/** Runs the command with this input to its end. */
export async function run(args: readonly string[], input: string | Uint8Array = ''): Promise<Finished> {
  const command = start(args);
  command.stdin?.end(input);
  return finished(command);
}

/**
 * What the parser of the command's words writes of those that it refuses, without a process of its own; the command exits
 * with 2 for all that it refuses. Rejects where it takes them.
 */
export async function refusalOf(args: readonly string[]): Promise<string> {
  let written = '';
  const standardError = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
  try {
    const error = await holdfastProgram(args[0])
      .parseAsync(args, { from: 'user' })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    if (!(error instanceof CommanderError) || error.exitCode === 0)
      throw error ?? new Error('nothing is refused');
    return written;
  } finally {
    standardError.mockRestore();
  }
}

/** Runs a line of a shell to its end. */
export async function shell(line: string, env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const options = { stdio: 'pipe', env: { ...process.env, ...env } } as const;
  return finished(child(spawn('bash', ['-o', 'pipefail', '-c', line], options)));
}

export async function finished(command: ChildProcess): Promise<Finished> {
  const { stdout, stderr } = command as { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream };
  const [[code, signal], out, err] = await Promise.all([once(command, 'close'), text(stdout), text(stderr)]);
  return { code: code ?? signal, out, err };
}

/** The lines that a command writes, as they come. */
export function linesOf(command: ChildProcess): { next(): Promise<string> } {
  const lines = createInterface({ input: command.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return { next: async () => (await lines.next()).value as string };
}

function child<Child extends ChildProcess>(command: Child): Child {
  // A command that has ended takes no more input.
  command.stdin?.on('error', () => {});
  onTestFinished(() => void command.kill('SIGKILL'));
  return command;
}
