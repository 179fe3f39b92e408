#!/usr/bin/env node
/**
 * The command `holdfast`.
 */
import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../base/errors.js';
import { appendCommand } from './append.js';
import { catCommand } from './cat.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { headCommand } from './head.js';
import { holdersCommand } from './holders.js';
import { Interruption } from './interruption.js';
import { lockCommand } from './lock.js';
import { say } from './output.js';
import { repairCommand } from './repair.js';
import { selftestCommand } from './selftest.js';
import { statCommand } from './stat.js';
import { tailCommand } from './tail.js';
import { verifyCommand } from './verify.js';

const { version } = require('../../../package.json') as { version: string };

const program = new Command('holdfast')
  .description(
    'Durable NDJSON logs that many processes append to, and kernel-held file locks, from the shell.',
  )
  .version(version)
  // What follows COMMAND are the options of that command.
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText('after', `\n${exitCodeHelp}`);
const commands = [
  appendCommand(),
  catCommand(),
  tailCommand(),
  verifyCommand(),
  headCommand(),
  repairCommand(),
  statCommand(),
  lockCommand(),
  holdersCommand(),
  selftestCommand(),
];
for (const command of commands) {
  program.addCommand(command.copyInheritedSettings(program));
}

program.parseAsync().catch((error: unknown) => {
  process.exitCode = report(error);
});

/** Prints what went wrong, and returns the exit code for it. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage; // it has printed it
  if (error instanceof Interruption) return error.exitCode;
  say(error instanceof Error ? error.message : String(error));
  if (!(error instanceof HoldfastError)) return exitCodes.failed;
  if (error.code === 'ELOCK_TIMEOUT') return exitCodes.lockTimeout;
  return error.code === 'EVALIDATION' ? exitCodes.usage : exitCodes.failed;
}
