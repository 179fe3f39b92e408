/**
 * `holdfast verify FILE`: checks every line and every id.
 */
import { Command } from 'commander';
import type { Verification } from '../chronicle/results.js';
import { verifyChronicle } from '../engines/file/upkeep/verify.js';
import { details, listed, summary } from './damage-report.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { idKeyOption, jsonOption, timeoutOption } from './options.js';
import { count, counted, print, printJson, style, table } from './output.js';
import { ProgressBar } from './progress-bar.js';

interface Options {
  ids: boolean;
  idKey: string;
  timeout: number;
  json?: boolean;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .summary('look at every line and every id')
    .description(
      'Checks every line of FILE, and changes nothing. Exits with 1 if a line is damaged, or if an id that looks ' +
        'like a computed one (64 hexadecimal digits) does not match its event, which then was changed by somebody. Ids that ' +
        'occur twice are counted, and are no damage.',
    )
    .argument('<file>', 'the chronicle')
    .option('--no-ids', 'look at the lines only, which is several times faster')
    .addOption(idKeyOption())
    .addOption(timeoutOption())
    .addOption(jsonOption('the report as JSON, with the first hundred of everything that was found'))
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast verify --json orders.ndjson | jq .corrupt.first`,
    )
    .action(run);
}

async function run(file: string, { ids, idKey, timeout, json }: Options): Promise<void> {
  const bar = new ProgressBar('verify');
  let found: Verification;
  try {
    found = await verifyChronicle(file, {
      ids,
      idKey,
      lockTimeout: timeout,
      onProgress: ({ done, total }) => bar.update(done, total),
    });
  } finally {
    bar.stop();
  }
  if (json) await printJson(found);
  else await print(report(file, found, ids));
  if (!found.intact) process.exitCode = exitCodes.failed;
}

function report(file: string, found: Verification, ids: boolean): string {
  const { intact, bytes, lines, events, blank, corrupt, duplicates, wrongIds } = found;
  const rows: [string, string][] = [
    ['size', counted(bytes, 'byte')],
    ['lines', count(lines)],
    ['events', count(events)],
    ['blank', count(blank)],
    ['damaged', summary(corrupt)],
  ];
  if (ids) rows.push(['duplicate ids', count(duplicates.count)], ['wrong ids', count(wrongIds.count)]);
  const findings = [
    ...details(corrupt),
    ...listed(
      wrongIds.first.map(({ offset, eventId }) => `offset ${offset}: wrong id ${eventId}`),
      wrongIds.count,
    ),
    ...listed(
      duplicates.first.map(
        ({ offset, eventId, firstOffset }) => `offset ${offset}: id ${eventId}, as at offset ${firstOffset}`,
      ),
      duplicates.count,
    ),
  ];
  const verdict = intact ? style('green', 'intact') : style('red', 'damaged');
  return `${style('bold', file)}: ${verdict}\n${table(rows)}${findings.map((text) => `${text}\n`).join('')}`;
}
