/**
 * Arguments of options, and options that several commands have.
 */
import { InvalidArgumentError, Option } from 'commander';
import { longestLine } from '../event/line.js';

const milliseconds: { [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as text, in milliseconds. */
export function duration(text: string): number {
  const [, amount = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === '') throw new InvalidArgumentError('Expected a duration such as 500ms, 5s, 2m or 1h.');
  return Number(amount) * (milliseconds[unit] ?? 1);
}

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('Expected a whole number from 0 on.');
  }
  return number;
}

export function timeoutOption(): Option {
  return new Option(
    '-t, --timeout <duration>',
    'wait this long for the lock: 500ms, 5s, 2m, 1h; seconds without a unit',
  )
    .argParser(duration)
    .default(2000, '2s');
}

export function idKeyOption(): Option {
  return new Option('--id-key <name>', "the property that holds an event's id").default('eventId');
}

export function durabilityOption(): Option {
  return new Option(
    '--durability <level>',
    "what it survives: a power loss (data), also if a drive's cache lies (full), or only its own end (none)",
  )
    .choices(['data', 'full', 'none'])
    .default('data');
}

/** For readers, whose default is to take a line of any length. */
export function maxLineBytesOption(
  description = 'longer lines are damage (default: lines of any length are taken)',
): Option {
  return new Option('--max-line-bytes <number>', description).argParser((text) => {
    const number = wholeNumber(text);
    if (number >= 2 && number <= longestLine) return number;
    throw new InvalidArgumentError(`Expected a number from 2 to ${longestLine}.`);
  });
}

export function onGapOption(): Option {
  return new Option(
    '--on-gap <what>',
    'where events are gone before they were read: end, or go on and say so',
  )
    .choices(['throw', 'continue'])
    .default('throw');
}

/** What FILE is to commands that take an address in its place. */
export const fileOrAddress = 'the chronicle: a file, or postgres://host/database?chronicle=NAME';

export function currentOption(): Option {
  return new Option('--current', 'only FILE itself, not its rotated files');
}

export function jsonOption(description: string): Option {
  return new Option('--json', description);
}
