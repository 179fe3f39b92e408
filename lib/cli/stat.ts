/**
 * `holdfast stat FILE`: what can be told about a file without reading all of it.
 */
import { realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { toNativePath } from '../base/arguments.js';
import { ioError, isMissing } from '../base/errors.js';
import type { LockHolder } from '../base/lock-holder.js';
import type { NativePath } from '../base/paths.js';
import type { ReadSettings } from '../chronicle/options.js';
import type { IgnoredReason } from '../chronicle/results.js';
import { openForReading, readAt } from '../engines/file/lines/open-file.js';
import { scanBackwards } from '../engines/file/lines/scanner.js';
import { filesOf } from '../engines/file/read/files.js';
import { damagedPathOf } from '../engines/file/upkeep/damaged-file.js';
import { idOf } from '../event/event-id.js';
import { lockHolders } from '../lock/holders.js';
import { addressIn } from './address.js';
import { exitCodeHelp } from './exit-codes.js';
import { remote } from './load-remote.js';
import { fileOrAddress, idKeyOption, jsonOption, maxLineBytesOption } from './options.js';
import { count, counted, print, printJson, shown, style, table } from './output.js';
import { rawSettings } from './raw-events.js';

interface Options {
  idKey: string;
  json?: boolean;
  maxLineBytes?: number;
}

interface FileFacts {
  /** Absolute, without symbolic links. */
  path: string;
  bytes: number;
  /** ISO 8601. */
  modified: string;
  /** The permission bits, in octal. */
  mode: string;
  uid: number;
  gid: number;
  /** False if the last line has no newline: it is being written, or its writer died. */
  finished: boolean;
  lastEvent?: { offset: number; length: number; eventId?: string };
  /** What rotation has made; the paths of files that others are gone before, and of what is not believed to be ours. */
  rotated: {
    files: number;
    bytes: number;
    afterGap: string[];
    ignored: { path: string; reason: IgnoredReason }[];
  };
  /** What repair has put aside. */
  damagedBytes: number;
  holders: LockHolder[];
}

export function statCommand(): Command {
  return new Command('stat')
    .summary('show size, last event and lock holders')
    .description(
      'Shows what can be said of FILE without reading all of it: size, last event, whether the last line is finished, ' +
        'rotated files, those that are missing or need not be ours, what repair has put aside, and who holds the lock. To count lines: holdfast verify --no-ids.',
    )
    .argument('<file>', fileOrAddress)
    .addOption(idKeyOption())
    .addOption(maxLineBytesOption())
    .addOption(jsonOption('as JSON'))
    .addHelpText(
      'after',
      `\n${exitCodeHelp}\n\nExample: holdfast stat --json orders.ndjson | jq .lastEvent.offset`,
    )
    .action(async (name: string, { idKey, json, maxLineBytes }: Options) => {
      const address = addressIn(name, 'chronicle');
      if (address) {
        const { remoteFacts, remoteReport } = remote();
        const facts = await remoteFacts(address, { idKey, maxLineBytes });
        if (json) await printJson(facts);
        else await print(remoteReport(facts));
        return;
      }
      const facts = await factsOf(toNativePath(name, 'file'), idKey, rawSettings(maxLineBytes));
      if (json) await printJson(facts);
      else await print(report(name, facts));
    });
}

async function factsOf(path: NativePath, idKey: string, { maxLineBytes }: ReadSettings): Promise<FileFacts> {
  const file = await openForReading(path);
  try {
    const { size, mtime, mode, uid, gid } = await file.stat();
    const last = await readAt(file, Math.max(0, size - 1), Buffer.alloc(1));
    const facts: FileFacts = {
      path: await realpath(path),
      bytes: size,
      modified: mtime.toISOString(),
      mode: (mode & 0o7777).toString(8).padStart(4, '0'),
      uid,
      gid,
      finished: size === 0 || last[0] === 0x0a,
      rotated: { files: 0, bytes: 0, afterGap: [], ignored: [] },
      damagedBytes: await sizeOf(await damagedPathOf(path)),
      holders: await lockHolders(path),
    };
    const { rotated } = facts;
    for (const { path: each, bytes, rotated: time, afterGap, ignored } of await filesOf(path, true)) {
      if (afterGap) rotated.afterGap.push(each);
      if (ignored) rotated.ignored.push({ path: each, reason: ignored });
      if (ignored || time === undefined) continue;
      rotated.files++;
      rotated.bytes += bytes;
    }
    for await (const { entries } of scanBackwards(file, { from: 0, to: size, maxLineBytes })) {
      const [last] = entries;
      if (!last) continue;
      const { event, offset, length } = last;
      const eventId = idOf(event, idKey);
      facts.lastEvent = { offset, length, ...(eventId !== undefined && { eventId }) };
      break;
    }
    return facts;
  } catch (error) {
    throw ioError(error, path);
  } finally {
    await file.close();
  }
}

/** 0 if there is no such file. */
async function sizeOf(path: NativePath): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

const reasons: Record<IgnoredReason, string> = {
  kind: 'it is no regular file',
  links: 'it has another name, too',
  owner: 'it belongs to another user',
  time: 'the time in its name cannot be right',
};

function report(name: string, facts: FileFacts): string {
  const { lastEvent, rotated, damagedBytes, holders } = facts;
  const last = lastEvent
    ? `offset ${lastEvent.offset}, ${counted(lastEvent.length, 'byte')}${lastEvent.eventId ? `, id ${shown(lastEvent.eventId)}` : ''}`
    : 'none';
  const rows: [string, string][] = [
    ['size', counted(facts.bytes, 'byte')],
    ['modified', facts.modified],
    ['mode', `${facts.mode}, uid ${facts.uid}, gid ${facts.gid}`],
    ['last event', last],
    ['last line', facts.finished ? 'finished' : style('yellow', 'not finished: being written, or torn')],
    [
      'rotated',
      rotated.files === 0 ? 'none' : `${counted(rotated.files, 'file')}, ${counted(rotated.bytes, 'byte')}`,
    ],
    ...rotated.afterGap.map((path): [string, string] => [
      'missing',
      style('yellow', `files are gone between the one before ${basename(path)} and that`),
    ]),
    ...rotated.ignored.map(({ path, reason }): [string, string] => [
      'not read',
      style('yellow', `${basename(path)}: ${reasons[reason]}`),
    ]),
    ['put aside', damagedBytes === 0 ? 'nothing' : `${count(damagedBytes)} bytes in ${shown(name)}.damaged`],
    ...(holders.length === 0
      ? [['locked by', 'nobody'] as [string, string]]
      : holders.map(({ pid, mode, command }): [string, string] => [
          'locked by',
          `${pid} (${mode}) ${shown(command)}`,
        ])),
  ];
  return `${style('bold', name)}\n${table(rows)}`;
}
