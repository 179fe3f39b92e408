#!/usr/bin/env node
/**
 * The command `holdfast`.
 *
 * Exit codes: 0 good, 1 failed, 2 usage, 75 lock timeout (EX_TEMPFAIL); `holdfast lock` passes on its command's.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../errors.js';
import { holdersCommand } from './holders.js';
import { lockCommand } from './lock.js';

export const exitCodes = { failed: 1, usage: 2, lockTimeout: 75 } as const;

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('holdfast')
  .description('Kernel-held file locks, from the shell.')
  .version(version)
  // What stands behind COMMAND is the command's, not ours.
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText('after', '\nExit codes: 0 good, 1 failed, 2 usage, 75 lock timeout.');
for (const command of [lockCommand(), holdersCommand()]) {
  program.addCommand(command.copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what went wrong, and returns the exit code that says so. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage; // it has printed it
  process.stderr.write(`holdfast: ${error instanceof Error ? error.message : String(error)}\n`);
  if (!(error instanceof HoldfastError)) return exitCodes.failed;
  if (error.code === 'ELOCK_TIMEOUT') return exitCodes.lockTimeout;
  return error.code === 'EVALIDATION' ? exitCodes.usage : exitCodes.failed;
}
