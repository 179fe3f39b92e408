/**
 * `holdfast holders FILE`: who holds the lock.
 */
import { Command } from 'commander';
import { lockHolders } from '../lock/holders.js';

export function holdersCommand(): Command {
  return new Command('holders')
    .summary('show who holds the lock on a file')
    .description(
      'Shows the processes that hold a lock on FILE: one a line, with pid, mode and command, separated by tabs. ' +
        'Nothing where nobody does. Best effort: Linux only, and only what this user may see.',
    )
    .argument('<file>', 'the locked file')
    .option('--json', 'as a JSON array of { pid, mode, command }')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const holders = await lockHolders(file);
      if (json) {
        process.stdout.write(`${JSON.stringify(holders)}\n`);
      } else {
        for (const { pid, mode, command } of holders) process.stdout.write(`${pid}\t${mode}\t${command}\n`);
      }
    });
}
