/**
 * `holdfast holders FILE`: who holds the lock.
 */
import { Command } from 'commander';
import { lockHolders } from '../lock/holders.js';
import { addressIn } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { remote } from './load-remote.js';
import { jsonOption } from './options.js';
import { print, printJson, shown } from './output.js';

export function holdersCommand(): Command {
  return new Command('holders')
    .summary('show who holds the lock on a file')
    .description(
      'Shows the processes that hold a lock on FILE: one a line, with pid, mode and command, separated by tabs. ' +
        'Nothing if nobody does. Best effort: Linux only, and only what this user may see.',
    )
    .argument('<file>', 'the locked file, or postgres://host/database?lock=NAME')
    .addOption(jsonOption('as a JSON array of { pid, mode, command }'))
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast holders --json /tmp/backup.lock | jq '.[].pid'`,
    )
    .action(async (file: string, { json }: { json?: boolean }) => {
      const address = addressIn(file, 'lock');
      const holders = address ? await remote().remoteHolders(address) : await lockHolders(file);
      if (json) await printJson(holders);
      else for (const { pid, mode, command } of holders) await print(`${pid}\t${mode}\t${shown(command)}\n`);
    });
}
