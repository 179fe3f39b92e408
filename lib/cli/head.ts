/**
 * `holdfast head FILE`: prints the last link of a chain.
 */
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { headOf } from '../engines/file/read/head.js';
import { addressIn } from './address.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { remote } from './load-remote.js';
import { fileOrAddress, jsonOption, maxLineBytesOption } from './options.js';
import { print, printJson, say } from './output.js';
import { rawSettings } from './raw-events.js';

export function headCommand(): Command {
  return new Command('head')
    .summary('print the last link of a chain')
    .description(
      'Prints the last link of FILE, which has a chain. Kept elsewhere, it shows later whether anything ' +
        'up to this event was changed or taken away: holdfast verify --expect LINK FILE.',
    )
    .argument('<file>', fileOrAddress)
    .addOption(maxLineBytesOption())
    .addOption(jsonOption('the link, and the position after the last event, as JSON'))
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: holdfast head orders.ndjson | gpg --clearsign`)
    .action(run);
}

async function run(
  file: string,
  { json, maxLineBytes }: { json?: boolean; maxLineBytes?: number },
): Promise<void> {
  const address = addressIn(file, 'chronicle');
  const head = address
    ? await remote().withRemote(address, { maxLineBytes }, (_, engine) => engine.head())
    : await headOf(toNativePath(file, 'file'), rawSettings(maxLineBytes));
  if (!head) {
    say(`'${address?.name ?? file}' has no chain`);
    process.exitCode = exitCodes.failed;
  } else if (json) await printJson(head);
  else await print(`${head.link}\n`);
}
