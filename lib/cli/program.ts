/**
 * All commands, by their names: what is run, what `--help` shows, and what completion and the manual page are made of.
 */
import { Command } from 'commander';
import { exitCodeHelp } from './exit-codes.js';
import { writeError } from './output.js';

const { version } = require('../../../package.json') as { version: string };

/** Each command's modules are loaded only where it is run, or where there is help for all. */
const commands = {
  append: () => (require('./append.js') as typeof import('./append.js')).appendCommand(),
  cat: () => (require('./cat.js') as typeof import('./cat.js')).catCommand(),
  tail: () => (require('./tail.js') as typeof import('./tail.js')).tailCommand(),
  verify: () => (require('./verify.js') as typeof import('./verify.js')).verifyCommand(),
  head: () => (require('./head.js') as typeof import('./head.js')).headCommand(),
  repair: () => (require('./repair.js') as typeof import('./repair.js')).repairCommand(),
  stat: () => (require('./stat.js') as typeof import('./stat.js')).statCommand(),
  mirror: () => (require('./mirror.js') as typeof import('./mirror.js')).mirrorCommand(),
  import: () => (require('./import.js') as typeof import('./import.js')).importCommand(),
  lock: () => (require('./lock.js') as typeof import('./lock.js')).lockCommand(),
  holders: () => (require('./holders.js') as typeof import('./holders.js')).holdersCommand(),
  selftest: () => (require('./selftest.js') as typeof import('./selftest.js')).selftestCommand(),
  completion: () =>
    (require('./completion.js') as typeof import('./completion.js')).completionCommand(holdfastProgram),
};

/** @param only the name of the command that is needed. Default: all. */
export function holdfastProgram(only?: string): Command {
  const program = new Command('holdfast')
    .description(
      'Durable NDJSON logs that many processes append to, and kernel-held file locks, from the shell.',
    )
    .version(version)
    // What follows COMMAND are the options of that command.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: writeError })
    .addHelpText('after', `\n${exitCodeHelp}`);
  const named = Object.entries(commands).filter(([name]) => name === only);
  for (const [, command] of named.length > 0 ? named : Object.entries(commands)) {
    program.addCommand(command().copyInheritedSettings(program));
  }
  return program;
}
