/**
 * `holdfast tail FILE`: prints the last events of a file, and with -f those that come.
 */
import { Command, Option } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { gapIn, withIoErrors } from '../base/errors.js';
import { followFile } from '../engines/file/follow/follow.js';
import { openRotated, type Snapshot, takeSnapshot } from '../engines/file/lines/chronicle-files.js';
import { offsetOfLast } from '../engines/file/lines/last-events.js';
import { parsePosition } from '../engines/file/lines/position.js';
import { locate } from '../engines/file/read/locate.js';
import { reportGap } from '../event/gap.js';
import { addressIn, noFiles } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { remote } from './load-remote.js';
import { currentOption, fileOrAddress, maxLineBytesOption, onGapOption, wholeNumber } from './options.js';
import { printEvents, printRange, rawSettings } from './raw-events.js';
import { endWithReader } from './reader-gone.js';

interface Options {
  number?: number;
  follow?: boolean;
  after?: string;
  onGap: 'throw' | 'continue';
  current?: boolean;
  maxLineBytes?: number;
}

export function tailCommand(): Command {
  return new Command('tail')
    .summary('print the last events, and those that come')
    .description(
      'Prints the last events of FILE byte for byte as they are there, one on each line, those of rotated files too. ' +
        'With -f it goes on with those that come, across rotation, replacement and truncation of FILE, which need not ' +
        'exist yet. Lines that are no event are left out and named on standard error, and the exit code is then 1. Takes ' +
        'what the last events take, however large FILE is.',
    )
    .argument('<file>', fileOrAddress)
    .option('-n, --number <number>', 'this many events (default: 10)', wholeNumber)
    .option('-f, --follow', 'print what comes as well, until Ctrl-C or until nobody reads it')
    .addOption(
      new Option(
        '--after <position>',
        'all events after this position, which reading has given for an event, in place of the last ones',
      ).conflicts(['number', 'current']),
    )
    .addOption(onGapOption())
    .addOption(currentOption())
    .addOption(maxLineBytesOption())
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: holdfast tail -n 3 -f orders.ndjson | jq .type`)
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { number = 10, follow, after, onGap, current } = options;
  const address = addressIn(name, 'chronicle');
  if (address) {
    if (current) throw noFiles();
    const begin = after === undefined ? { last: number } : { after };
    return remote().printRemote(address, { begin, follow, onGap, maxLineBytes: options.maxLineBytes });
  }
  const settings = rawSettings(options.maxLineBytes);
  const { maxLineBytes } = settings;
  const path = toNativePath(name, 'file');
  const files = current ? 'current' : 'all';
  const limit = Number.MAX_SAFE_INTEGER;
  if (follow) {
    endWithReader();
    // It never ends by itself, and Ctrl-C has nothing to clean up.
    const { signal: stop } = new AbortController();
    const following = { from: { last: number }, after, onGap, files, stop } as const;
    for await (const { file, entries } of followFile(path, settings, following)) {
      await printEvents(file, entries);
    }
  } else if (after !== undefined) {
    const { snapshot, index, from } = await locate(path, parsePosition(after, '--after'), maxLineBytes);
    if (from === undefined) reportGap(gapIn(path.toString(), { after, files: [], next: undefined }), onGap);
    await printRange(name, { snapshot, index, from: from ?? 0, limit, maxLineBytes, after, onGap });
  } else {
    const snapshot = await takeSnapshot(path, files);
    const start = await startOfLast(snapshot, number, maxLineBytes);
    await printRange(name, { snapshot, ...start, limit, maxLineBytes });
  }
}

/** Where the last events begin. */
async function startOfLast(
  { current, rotated }: Snapshot,
  count: number,
  maxLineBytes: number,
): Promise<{ index: number; from: number }> {
  let start = { index: rotated.length, from: 0 };
  let left = count;
  for (let index = rotated.length; index >= 0; index--) {
    const file = index === rotated.length ? current : await openRotated(rotated[index] as Buffer);
    if (file === 'removed') break;
    if (file === undefined || file === 'not ours') continue;
    try {
      const { size } = await withIoErrors(file.file.stat(), file.path);
      const { offset, missing } = await offsetOfLast(file.file, size, left, maxLineBytes);
      start = { index, from: offset };
      left = missing;
    } finally {
      if (file !== current) await file.file.close();
    }
    if (left === 0) break;
  }
  return start;
}
