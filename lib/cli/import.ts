/**
 * `holdfast import FILE CHRONICLE`: appends the events of a file to a chronicle on a server.
 */
import { Command } from 'commander';
import type { Durability } from '../base/durability.js';
import { type Imported, importFile } from '../postgres.js';
import { addressOf, refuseAddress } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { untilInterrupted } from './interruption.js';
import { durabilityOption, idKeyOption, jsonOption, maxLineBytesOption, timeoutOption } from './options.js';
import { counted, printJson, say } from './output.js';
import { ProgressBar } from './progress-bar.js';
import { reportDamage } from './raw-events.js';
import { openRemote } from './remote.js';

interface Options {
  idKey: string;
  maxLineBytes: number;
  durability: Durability;
  timeout: number;
  json?: boolean;
  verbose?: boolean;
}

export function importCommand(): Command {
  return new Command('import')
    .summary('append the events of a file to a chronicle on PostgreSQL')
    .description(
      'Appends the events of FILE and of its rotated files to CHRONICLE, which is on PostgreSQL and is made if it is missing: ' +
        'in their order and byte for byte. It may be ended and killed at any moment, and begun again: events that are there ' +
        'already are left out. Lines that are no event are left out and named on standard error, and the exit code is then 1.',
    )
    .argument('<file>', 'the chronicle in a file')
    .argument('<chronicle>', 'postgres://host/database?chronicle=NAME')
    .addOption(idKeyOption())
    .addOption(maxLineBytesOption('longer lines are damage').default(8 * 1024 * 1024, '8 MiB'))
    .addOption(durabilityOption())
    .addOption(timeoutOption())
    .addOption(jsonOption('what was done: { events, duplicates, corrupt }'))
    .option('-v, --verbose', 'say on standard error how many were appended')
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast import -v orders.ndjson 'postgres://localhost/app?chronicle=orders'`,
    )
    .action(run);
}

async function run(file: string, address: string, options: Options): Promise<void> {
  refuseAddress(file, 'is on a server: holdfast mirror makes a file of it');
  const { idKey, maxLineBytes, durability, timeout: lockTimeout, json, verbose } = options;
  const settings = { dedupe: 'all', idKey, maxLineBytes, durability, lockTimeout } as const;
  const { chronicle, close } = await openRemote(addressOf(address, 'chronicle'), settings);
  const bar = new ProgressBar('import');
  let imported: Imported;
  try {
    imported = await importFile(file, chronicle, {
      onCorrupt: reportDamage,
      onProgress: ({ done, total }) => bar.update(done, total),
      signal: untilInterrupted(),
    });
  } finally {
    bar.stop();
    await close();
  }
  const { events, duplicates } = imported;
  if (json) await printJson(imported);
  if (verbose) say(`${counted(events, 'event')} appended, ${counted(duplicates, 'duplicate')}`);
}
