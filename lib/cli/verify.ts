/**
 * `holdfast verify FILE`: checks every line and every id.
 */
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import type { VerifyOptions } from '../chronicle/call-options.js';
import type { ChainBreak, ChainReport, Verification } from '../chronicle/results.js';
import { headOf } from '../engines/file/read/head.js';
import { verifyChronicle } from '../engines/file/upkeep/verify.js';
import { addressIn } from './address.js';
import { details, listed, placeOf, summary } from './damage-report.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { remote } from './load-remote.js';
import {
  currentOption,
  fileOrAddress,
  idKeyOption,
  jsonOption,
  maxLineBytesOption,
  timeoutOption,
} from './options.js';
import { count, counted, print, printJson, shown, style, table } from './output.js';
import { ProgressBar } from './progress-bar.js';
import { rawSettings } from './raw-events.js';

interface Options {
  ids: boolean;
  chain?: boolean;
  expect?: string;
  idKey: string;
  timeout: number;
  json?: boolean;
  current?: boolean;
  maxLineBytes?: number;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .summary('look at every line and every id')
    .description(
      'Checks every line of FILE and of its rotated files, and changes nothing. Exits with 1 if a line is damaged, or if an id that looks ' +
        'like a computed one (64 hexadecimal digits) does not match its event, which then was changed by somebody. Ids that ' +
        'occur twice are counted, and are no damage. With --chain, the links of a chain are checked too.',
    )
    .argument('<file>', fileOrAddress)
    .option('--no-ids', 'look at the lines only, which is several times faster')
    .option('--chain', 'check that every event is linked to the one before it')
    .option(
      '--expect <link>',
      'check the chain, and that it still has this link, which holdfast head once printed',
    )
    .addOption(idKeyOption())
    .addOption(currentOption())
    .addOption(maxLineBytesOption())
    .addOption(timeoutOption())
    .addOption(jsonOption('the report as JSON, with the first hundred of everything that was found'))
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast verify --json orders.ndjson | jq .corrupt.first`,
    )
    .action(run);
}

async function run(
  file: string,
  { ids, chain, expect, idKey, timeout, json, current, maxLineBytes }: Options,
): Promise<void> {
  const address = addressIn(file, 'chronicle');
  const bar = new ProgressBar('verify');
  let found: Verification;
  try {
    const options: VerifyOptions = {
      ids,
      ...(chain && { chain }),
      ...(expect !== undefined && { expect }),
      files: current ? 'current' : 'all',
      onProgress: ({ done, total }) => bar.update(done, total),
    };
    const settings = { idKey, maxLineBytes };
    found = address
      ? await remote().withRemote(address, settings, (chronicle) => chronicle.verify(options))
      : await verifyChronicle(file, { ...options, ...settings, lockTimeout: timeout });
  } finally {
    bar.stop();
  }
  if (json) {
    await printJson(found);
  } else {
    const isUnchecked =
      !address &&
      !found.chain &&
      (await headOf(toNativePath(file, 'file'), rawSettings(maxLineBytes))) !== undefined;
    await print(report(address?.name ?? file, found, { ids, isUnchecked }));
  }
  if (!found.intact) process.exitCode = exitCodes.failed;
}

/** @param isUnchecked it has a chain, which was not checked */
function report(
  file: string,
  found: Verification,
  { ids, isUnchecked }: { readonly ids: boolean; readonly isUnchecked: boolean },
): string {
  const { intact, bytes, lines, events, blank, corrupt, duplicates, wrongIds, chain } = found;
  const rows: [string, string][] = [
    ['size', counted(bytes, 'byte')],
    ['lines', count(lines)],
    ['events', count(events)],
    ['blank', count(blank)],
    ['damaged', summary(corrupt)],
  ];
  if (ids) rows.push(['duplicate ids', count(duplicates.count)], ['wrong ids', count(wrongIds.count)]);
  if (chain) rows.push(['chain', chainSummary(chain)]);
  if (isUnchecked) rows.push(['chain', 'not checked: --chain checks it']);
  const at = (path: string, offset: number) => placeOf(path, offset, found.path);
  const findings = [
    ...details(corrupt, found.path),
    ...(chain ? chainFindings(chain) : []),
    ...listed(
      wrongIds.first.map(({ path, offset, eventId }) => `${at(path, offset)}: wrong id ${shown(eventId)}`),
      wrongIds.count,
    ),
    ...listed(
      duplicates.first.map(
        ({ path, offset, eventId, firstPath, firstOffset }) =>
          `${at(path, offset)}: id ${shown(eventId)}, as at ${at(firstPath, firstOffset)}`,
      ),
      duplicates.count,
    ),
  ];
  const verdict = intact ? style('green', 'intact') : style('red', 'damaged');
  return `${style('bold', file)}: ${verdict}\n${table(rows)}${findings.map((text) => `${text}\n`).join('')}`;
}

function chainSummary({ intact, events, complete, breaks, restarts, expected }: ChainReport): string {
  const holds = intact || (expected === 'missing' && breaks.count === 0);
  const since = restarts.length > 0 ? ` since it was begun anew (${counted(restarts.length, 'time')})` : '';
  const facts = [`${holds ? 'holds' : 'broken'}${since}, ${counted(events, 'event')}`];
  if (!complete) facts.push('older events were removed');
  if (breaks.count > 0) {
    facts.push(`${since === '' ? 'does' : 'did'} not hold at ${counted(breaks.count, 'event')}`);
  }
  if (expected !== undefined)
    facts.push(`the expected link is ${expected === 'missing' ? 'missing' : 'there'}`);
  return facts.join('; ');
}

const reasons: { readonly [reason in ChainBreak['reason']]: string } = {
  link: 'the link is not that of this event after the one before',
  unlinked: 'an event without a link',
  damage: 'the link goes on from a damaged line',
  head: 'the last link is not the one that the server knows',
};

function chainFindings({ breaks, restarts }: ChainReport): string[] {
  const at = (path: string, offset: number) => `offset ${offset} of ${shown(path)}`;
  return [
    ...listed(
      breaks.first.map(({ path, offset, reason }) => `${at(path, offset)}: ${reasons[reason]}`),
      breaks.count,
    ),
    ...restarts.map(
      ({ path, offset, after }) =>
        `${at(path, offset)}: begun anew, after the link ${shown(after ?? 'of nobody')}`,
    ),
  ];
}
