#!/usr/bin/env node
/**
 * The command `holdfast`.
 */
import { CommanderError } from 'commander';
import { HoldfastError } from '../base/errors.js';
import { exitCodes } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { messageOf } from './messages.js';
import { say } from './output.js';
import { holdfastProgram } from './program.js';

// Node's own way would print what others wrote, such as the name of a file, as it is.
process.removeAllListeners('warning').on('warning', ({ message }) => say(message));

holdfastProgram(process.argv[2])
  .parseAsync()
  .catch((error: unknown) => {
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
