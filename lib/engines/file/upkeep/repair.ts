/**
 * Repairing a chronicle: its corrupt lines are put aside, and the others stay as they are.
 */
import { throwIfAborted } from '../../../base/abort.js';
import { checkOptions, type FilePath, toNativePath } from '../../../base/arguments.js';
import { HoldfastError } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import {
  checkRepairOptions,
  type RepairOptions,
  repairOptionNames,
} from '../../../chronicle/call-options.js';
import { channels } from '../../../chronicle/diagnostics.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from '../../../chronicle/options.js';
import type { Repair } from '../../../chronicle/results.js';
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
  { onProgress, signal }: RepairOptions,
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
    const restart = (await chainHolds(path, settings, signal))
      ? undefined
      : await restartChain(path, settings);
    const result = {
      path: path.toString(),
      removed,
      damagedPath: rewritten ? damaged?.path : undefined,
      ...(restart && { chainRestart: restart }),
    };
    if (rewritten && channels.repair.hasSubscribers) channels.repair.publish(result);
    return result;
  } catch (error) {
    // If the outcome is unknown, the lines may be gone from the file: what was put aside stays.
    if (!(error instanceof HoldfastError && error.outcomeUnknown)) await damaged?.undo().catch(() => {});
    throw error;
  } finally {
    await damaged?.close();
  }
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
