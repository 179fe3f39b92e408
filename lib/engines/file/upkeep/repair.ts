/**
 * Repairing a chronicle: its corrupt lines are put aside, and the others stay as they are.
 */
import { throwIfAborted } from '../../../base/abort.js';
import { checkOptions, type FilePath, toNativePath } from '../../../base/arguments.js';
import { eachWithIoErrors, HoldfastError, invalid } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import {
  checkRepairOptions,
  type RepairOptions,
  repairOptionNames,
} from '../../../chronicle/call-options.js';
import { channels } from '../../../chronicle/diagnostics.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from '../../../chronicle/options.js';
import type { Repair } from '../../../chronicle/results.js';
import { type OpenFile, readAt } from '../lines/open-file.js';
import { scanForwards } from '../lines/scanner.js';
import { headOf } from '../read/head.js';
import { DamageCount } from './damage.js';
import { DamagedFile } from './damaged-file.js';
import { restartChain } from './restart-chain.js';
import { rewriteChronicle, type Selection } from './rewrite.js';
import { verify } from './verify.js';

/**
 * Puts the corrupt lines of a file aside that need not be open; see {@link Chronicle.repair}.
 *
 * @example
 *   const { removed } = await repairChronicle('orders.ndjson');
 */
export async function repairChronicle(
  path: FilePath,
  options?: RepairOptions & Pick<ChronicleOptions, 'durability' | 'idKey' | 'lockTimeout' | 'maxLineBytes'>,
): Promise<Repair> {
  const given = checkOptions(options);
  return repair(
    toNativePath(path, 'path'),
    checkChronicleOptions(given, repairOptionNames),
    checkRepairOptions(given),
  );
}

export async function repair(
  path: NativePath,
  settings: Settings,
  { onProgress, signal, dryRun = false, force = false }: RepairOptions,
): Promise<Repair> {
  throwIfAborted(signal);
  const { lockTimeout, durability, maxLineBytes } = settings;

  let removed = new DamageCount();
  let damaged: DamagedFile | undefined;
  const begin = (): Selection => {
    removed = new DamageCount();
    return {
      keepsNonEvent(line) {
        if (line.kind === 'blank') return true;
        const { offset, length, reason } = line;
        removed.add({ path: path.toString(), offset, length, reason });
        return false;
      },
      async prepare(file) {
        const found = dryRun || !force ? await damageIn(file, path, maxLineBytes, signal) : undefined;
        if (found?.isOther && !force) throw noChronicle(path);
        if (found && dryRun) throw new OnlyLooked(found.damage);
        damaged ??= await DamagedFile.open(path, file, { lockTimeout, signal });
        await damaged.undo();
      },
      drop: async (bytes) => damaged?.append(bytes),
      finish: async () => damaged?.finish(durability),
    };
  };
  try {
    const rewriting = { lockTimeout, durability, maxLineBytes, signal, onProgress };
    const rewritten = await rewriteChronicle(path, rewriting, begin);
    const restart =
      dryRun || (await chainHolds(path, settings, signal)) ? undefined : await restartChain(path, settings);
    const result = {
      path: path.toString(),
      removed,
      damagedPath: rewritten ? damaged?.path : undefined,
      ...(restart && { chainRestart: restart }),
    };
    if (rewritten && channels.repair.hasSubscribers) channels.repair.publish(result);
    return result;
  } catch (error) {
    if (error instanceof OnlyLooked)
      return { path: path.toString(), removed: error.damage, damagedPath: undefined };
    // If the outcome is unknown, the lines may be gone from the file: what was put aside stays.
    if (!(error instanceof HoldfastError && error.outcomeUnknown)) await damaged?.undo().catch(() => {});
    throw error;
  } finally {
    await damaged?.close();
  }
}

/** Thrown where the file would be replaced. */
class OnlyLooked extends Error {
  readonly damage: DamageCount;

  constructor(damage: DamageCount) {
    super('a dry run');
    this.damage = damage;
  }
}

/**
 * What is damaged in a file, and whether it is hardly a chronicle, or `maxLineBytes` not that of its writers: most of
 * its lines are no event, or all.
 */
async function damageIn(
  file: OpenFile,
  path: NativePath,
  maxLineBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly damage: DamageCount; readonly isOther: boolean }> {
  const damage = new DamageCount();
  let events = 0;
  let lastLine = 0;
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER, maxLineBytes };
  for await (const { entries, nonEvents } of eachWithIoErrors(scanForwards(file, range), path)) {
    throwIfAborted(signal);
    events += entries.length;
    for (const line of nonEvents) {
      if (line.kind === 'blank') continue;
      lastLine = line.offset;
      damage.add({ path: path.toString(), offset: line.offset, length: line.length, reason: line.reason });
    }
  }
  // What a crash leaves is torn or filled with NUL.
  const { json = 0, object = 0, utf8 = 0, long = 0, torn = 0 } = damage.reasons;
  const isEvent =
    torn === 0 || events > 0 || (await readAt(file, lastLine, Buffer.alloc(1))).toString() === '{';
  const others = json + object + utf8 + long + (isEvent ? 0 : torn);
  return { damage, isOther: others > events && (events === 0 || others >= fewLines) };
}

/** Beside an event, of so few lines nothing can be said. */
const fewLines = 5;

function noChronicle(path: NativePath): HoldfastError {
  const problem =
    'has more lines that are no event, or are too long, than events, and so is hardly a chronicle; nothing was changed';
  return invalid('path', `'${path}' ${problem}. With force it is repaired`);
}

/** True if there is no chain, too. */
async function chainHolds(
  path: NativePath,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if ((await headOf(path, settings)) === undefined) return true;
  const query = {
    ids: false,
    chain: true,
    expect: undefined,
    files: 'current' as const,
    ...(signal && { signal }),
  };
  return (await verify(path, settings, query)).chain?.intact === true;
}
