/**
 * `holdfast cat FILE`: prints the events of a file.
 */
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { openForReading } from '../engines/file/lines/open-file.js';
import { exitCodeHelp } from './exit-codes.js';
import { wholeNumber } from './options.js';
import { printRange } from './raw-events.js';

export function catCommand(): Command {
  return new Command('cat')
    .summary('print the events')
    .description(
      'Prints the events of FILE byte for byte as they are there, one on each line. Lines that are no event are left ' +
        'out and named on standard error, and the exit code is then 1. Takes no lock.',
    )
    .argument('<file>', 'the chronicle')
    .option('--from <offset>', 'only events whose line begins at this byte or after it', wholeNumber, 0)
    .option('--limit <number>', 'at most this many events', wholeNumber)
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: holdfast cat orders.ndjson | jq .number`)
    .action(
      async (name: string, { from, limit = Number.MAX_SAFE_INTEGER }: { from: number; limit?: number }) => {
        if (limit === 0) return;
        const file = await openForReading(toNativePath(name, 'file'));
        try {
          const { size } = await file.stat();
          await printRange(file, name, { from, to: size, limit });
        } finally {
          await file.close();
        }
      },
    );
}
