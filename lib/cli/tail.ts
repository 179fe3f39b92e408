/**
 * `holdfast tail FILE`: prints the last events of a file, and with -f those that come.
 */
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { followFile } from '../engines/file/follow/follow.js';
import { offsetOfLast } from '../engines/file/lines/last-events.js';
import { openForReading } from '../engines/file/lines/open-file.js';
import { exitCodeHelp } from './exit-codes.js';
import { wholeNumber } from './options.js';
import { printEvents, printRange, rawSettings } from './raw-events.js';

interface Options {
  number: number;
  follow?: boolean;
}

export function tailCommand(): Command {
  return new Command('tail')
    .summary('print the last events, and those that come')
    .description(
      'Prints the last events of FILE byte for byte as they are there, one on each line. With -f it goes on with ' +
        'those that come, across rotation, replacement and truncation of FILE, which need not exist yet. Lines that are ' +
        'no event are left out and named on standard error, and the exit code is then 1. Takes what the last events ' +
        'take, however large FILE is.',
    )
    .argument('<file>', 'the chronicle')
    .option('-n, --number <number>', 'this many events', wholeNumber, 10)
    .option('-f, --follow', 'print what comes as well, until Ctrl-C')
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: holdfast tail -n 3 -f orders.ndjson | jq .type`)
    .action(run);
}

async function run(name: string, { number, follow }: Options): Promise<void> {
  const path = toNativePath(name, 'file');
  if (follow) {
    // It never ends by itself, and Ctrl-C has nothing to clean up.
    const following = { from: { last: number }, stop: new AbortController().signal };
    for await (const { file, entries } of followFile(path, rawSettings, following)) {
      await printEvents(file, entries);
    }
    return;
  }
  const file = await openForReading(path);
  try {
    const { size } = await file.stat();
    const from = await offsetOfLast(file, size, number, rawSettings.maxLineBytes);
    await printRange(file, name, { from, to: size, limit: Number.MAX_SAFE_INTEGER });
  } finally {
    await file.close();
  }
}
