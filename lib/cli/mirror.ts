/**
 * `holdfast mirror CHRONICLE FILE`: follows a chronicle on a server into a file.
 */
import { Command } from 'commander';
import type { Durability } from '../base/durability.js';
import { mirror } from '../postgres.js';
import { addressOf, refuseAddress } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { durabilityOption, onGapOption, timeoutOption } from './options.js';
import { counted, say } from './output.js';
import { withRemote } from './remote.js';

interface Options {
  follow: boolean;
  onGap: 'throw' | 'continue';
  durability: Durability;
  timeout: number;
  verbose?: boolean;
}

export function mirrorCommand(): Command {
  return new Command('mirror')
    .summary('follow a chronicle on PostgreSQL into a file')
    .description(
      'Follows CHRONICLE, which is on PostgreSQL, into FILE: its lines byte for byte, for everything that reads lines. ' +
        'It may be ended and killed at any moment, and goes on after the last line of FILE when it is begun again. A server ' +
        'that fails is waited for. Nobody else may write to FILE. Goes on until Ctrl-C.',
    )
    .argument('<chronicle>', 'postgres://host/database?chronicle=NAME')
    .argument('<file>', 'the mirror; it and the directories above it are made if they are missing')
    .option('--no-follow', 'end with what is there')
    .addOption(onGapOption())
    .addOption(durabilityOption())
    .addOption(timeoutOption())
    .option('-v, --verbose', 'with --no-follow: say on standard error how much there was')
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast mirror 'postgres://localhost/app?chronicle=orders' orders.ndjson`,
    )
    .action(run);
}

async function run(chronicle: string, file: string, options: Options): Promise<void> {
  refuseAddress(file, 'is on a server: a mirror is a file');
  const { follow, onGap, durability, timeout: lockTimeout, verbose } = options;
  await withRemote(addressOf(chronicle, 'chronicle'), {}, async (opened) => {
    const { events, bytes } = await mirror(opened, file, { follow, onGap, durability, lockTimeout });
    if (verbose) say(`${counted(events, 'event')} mirrored, ${counted(bytes, 'byte')}`);
  });
}
