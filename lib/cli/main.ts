#!/usr/bin/env node
/**
 * The command `holdfast`.
 */
import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../base/errors.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { messageOf } from './messages.js';
import { say } from './output.js';

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
/** Each command by its name. Its modules are loaded only where it is run, or where there is help for all. */
const commands = {
  append: () => (require('./append.js') as typeof import('./append.js')).appendCommand(),
  cat: () => (require('./cat.js') as typeof import('./cat.js')).catCommand(),
  tail: () => (require('./tail.js') as typeof import('./tail.js')).tailCommand(),
  verify: () => (require('./verify.js') as typeof import('./verify.js')).verifyCommand(),
  head: () => (require('./head.js') as typeof import('./head.js')).headCommand(),
  repair: () => (require('./repair.js') as typeof import('./repair.js')).repairCommand(),
  stat: () => (require('./stat.js') as typeof import('./stat.js')).statCommand(),
  lock: () => (require('./lock.js') as typeof import('./lock.js')).lockCommand(),
  holders: () => (require('./holders.js') as typeof import('./holders.js')).holdersCommand(),
  selftest: () => (require('./selftest.js') as typeof import('./selftest.js')).selftestCommand(),
};
const named = Object.entries(commands).filter(([name]) => name === process.argv[2]);
for (const [, command] of named.length > 0 ? named : Object.entries(commands)) {
  program.addCommand(command().copyInheritedSettings(program));
}

program.parseAsync().catch((error: unknown) => {
  process.exitCode = report(error);
});

/** Prints what went wrong, and returns the exit code for it. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage; // it has printed it
  if (error instanceof Interruption) return error.exitCode;
  say(messageOf(error));
  if (!(error instanceof HoldfastError)) return exitCodes.failed;
  if (error.code === 'ELOCK_TIMEOUT') return exitCodes.lockTimeout;
  return error.code === 'EVALIDATION' ? exitCodes.usage : exitCodes.failed;
}
