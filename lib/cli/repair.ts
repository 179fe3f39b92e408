/**
 * `holdfast repair FILE`: puts the damaged lines of a file aside.
 */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import type { Durability } from '../base/durability.js';
import { HoldfastError } from '../base/errors.js';
import type { RepairOptions } from '../chronicle/call-options.js';
import type { Repair } from '../chronicle/results.js';
import { repairChronicle } from '../engines/file/upkeep/repair.js';
import { addressIn } from './address.js';
import { details, summary } from './damage-report.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { untilInterrupted } from './interruption.js';
import { remote } from './load-remote.js';
import {
  durabilityOption,
  fileOrAddress,
  idKeyOption,
  jsonOption,
  maxLineBytesOption,
  timeoutOption,
} from './options.js';
import { keepGoingWithoutReader, print, printJson, say, shown, style } from './output.js';
import { ProgressBar } from './progress-bar.js';

interface Options {
  idKey: string;
  durability: Durability;
  timeout: number;
  json?: boolean;
  dryRun?: boolean;
  force?: boolean;
  maxLineBytes?: number;
}

export function repairCommand(): Command {
  return new Command('repair')
    .summary('put the damaged lines aside')
    .description(
      'Moves the lines of FILE that are no event to FILE.damaged, as they are, and leaves all others as they are. FILE is ' +
        'replaced at once, with its mode and owner; others may append meanwhile and lose nothing. If nothing is damaged, ' +
        'nothing is written. Ctrl-C leaves FILE as it was. If FILE has a chain that does not hold, a new one is begun with ' +
        'an event that names the last link of the old one.',
    )
    .argument('<file>', fileOrAddress)
    .addOption(idKeyOption())
    .option('--dry-run', 'only say what would be moved, with exit code 1 if there is anything')
    .option('--force', 'also a file that is hardly a chronicle: one with more damaged lines than events')
    .addOption(maxLineBytesOption())
    .addOption(durabilityOption())
    .addOption(timeoutOption())
    .addOption(jsonOption('the report as JSON, with the first hundred lines that were moved'))
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast repair orders.ndjson && cat orders.ndjson.damaged`,
    )
    .action(run);
}

async function run(
  file: string,
  { idKey, durability, timeout, json, dryRun, force, maxLineBytes }: Options,
): Promise<void> {
  const address = addressIn(file, 'chronicle');
  toNativePath(file, 'file'); // wrong usage, and no refusal
  keepGoingWithoutReader();
  const bars = { look: new ProgressBar('look'), copy: new ProgressBar('copy') };
  const settings = { idKey, durability, lockTimeout: timeout, maxLineBytes };
  const work: RepairOptions = {
    dryRun: dryRun ?? false,
    force: force ?? false,
    signal: untilInterrupted(),
    onProgress({ phase, done, total }) {
      if (phase === 'copy') bars.look.stop();
      bars[phase].update(done, total);
    },
  };
  let repair: Repair;
  try {
    repair = address
      ? await remote().repairRemote(address, settings, work)
      : await repairChronicle(file, { ...settings, ...work });
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === 'EVALIDATION' && error.field === 'path'))
      throw error;
    say(
      `'${file}' is hardly a chronicle: it has more lines that are no event than events. Nothing was changed; --force insists`,
    );
    process.exitCode = exitCodes.failed;
    return;
  } finally {
    for (const bar of Object.values(bars)) bar.stop();
  }
  if (dryRun && repair.removed.lines > 0) process.exitCode = exitCodes.failed;
  if (json) await printJson(repair);
  else if (dryRun) await print(dryReport(address?.name ?? file, repair));
  else await print(report(address?.name ?? file, repair));
}

function dryReport(file: string, { path, removed }: Repair): string {
  const lines = details(removed, path).map((line) => `${line}\n`);
  return `${style('bold', file)}: would be moved to ${shown(file)}.damaged: ${summary(removed)}\n${lines.join('')}`;
}

function report(file: string, repair: Repair): string {
  const { chainRestart, damagedPath } = repair;
  if (!chainRestart) return lineReport(file, repair);
  const { offset, after } = chainRestart;
  const restart =
    `${style('bold', file)}: ${style('yellow', 'the chain did not hold')}, a new chain begins at offset ${offset}, after the ` +
    `link ${shown(String(after))}; holdfast verify --chain shows where the old one broke\n`;
  return damagedPath === undefined ? restart : lineReport(file, repair) + restart;
}

function lineReport(file: string, { path, removed, damagedPath }: Repair): string {
  const name = style('bold', file);
  if (damagedPath === undefined) return `${name}: ${style('green', 'nothing to repair')}\n`;
  const lines = details(removed, path).map((line) => `${line}\n`);
  return `${name}: ${style('green', 'repaired')}, moved to ${shown(relativeTo(file, damagedPath))}: ${summary(removed)}\n${lines.join('')}`;
}

/** As the user wrote the path, if it is in the same directory. */
function relativeTo(file: string, damagedPath: string): string {
  return `${resolve(file)}.damaged` === damagedPath ? `${file}.damaged` : damagedPath;
}
