/**
 * `holdfast cat FILE`: prints the events of a chronicle.
 */
import { Command, Option } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { gapIn, invalid } from '../base/errors.js';
import { takeSnapshot } from '../engines/file/lines/chronicle-files.js';
import { parsePosition } from '../engines/file/lines/position.js';
import { locate } from '../engines/file/read/locate.js';
import { reportGap } from '../event/gap.js';
import { addressIn, noFiles } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { remote } from './load-remote.js';
import { currentOption, fileOrAddress, maxLineBytesOption, onGapOption, wholeNumber } from './options.js';
import { printRange, rawSettings } from './raw-events.js';

interface Options {
  from: number;
  after?: string;
  onGap: 'throw' | 'continue';
  limit?: number;
  current?: boolean;
  maxLineBytes?: number;
}

export function catCommand(): Command {
  return new Command('cat')
    .summary('print the events')
    .description(
      'Prints the events of FILE byte for byte as they are there, one on each line: those of its rotated files first, ' +
        'compressed with gzip or not. Lines that are no event are left out and named on standard error, and the exit ' +
        'code is then 1. Takes no lock.',
    )
    .argument('<file>', fileOrAddress)
    .option(
      '--from <offset>',
      'only events whose line begins at this byte or after it; needs --current if there are rotated files',
      wholeNumber,
      0,
    )
    .addOption(
      new Option(
        '--after <position>',
        'only events after this position, which reading has given for an event',
      ).conflicts(['from', 'current']),
    )
    .addOption(onGapOption())
    .option('--limit <number>', 'at most this many events', wholeNumber)
    .addOption(currentOption())
    .addOption(maxLineBytesOption())
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: holdfast cat orders.ndjson | jq .number`)
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { from, after, onGap, limit = Number.MAX_SAFE_INTEGER, current } = options;
  const { maxLineBytes } = rawSettings(options.maxLineBytes);
  const address = addressIn(name, 'chronicle');
  const path = toNativePath(name, 'file');
  if (limit === 0) return;
  if (address) {
    if (current) throw noFiles();
    const begin = after === undefined ? { from } : { after };
    return remote().printRemote(address, { begin, limit, onGap, maxLineBytes: options.maxLineBytes });
  }
  if (after !== undefined) {
    const { snapshot, index, from } = await locate(path, parsePosition(after, '--after'), maxLineBytes);
    if (from === undefined) reportGap(gapIn(path.toString(), { after, files: [], next: undefined }), onGap);
    await printRange(name, { snapshot, index, from: from ?? 0, limit, maxLineBytes, after, onGap });
    return;
  }
  const snapshot = await takeSnapshot(path, current ? 'current' : 'all');
  if (from > 0 && snapshot.rotated.length > 0) {
    await snapshot.current?.file.close();
    throw invalid('--from', 'is an offset in a single file, and there are rotated files: add --current');
  }
  await printRange(name, { snapshot, index: 0, from, limit, maxLineBytes });
}
