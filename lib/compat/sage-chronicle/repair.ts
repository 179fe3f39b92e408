/**
 * Repairing a chronicle: events that are there twice, and events that are not in the order of their times.
 *
 * Lines stay byte for byte, those that are no event too (`repairChronicle` of the package itself puts those
 * aside). The file is replaced atomically, with the rights of the old one.
 */
import { checkBoolean, checkOptions } from '../../base/arguments.js';
import { isMissing } from '../../base/errors.js';
import { backUp } from './backup.js';
import { validateCausalChain } from './chain.js';
import { refuseChainedFile } from './chained-file.js';
import { removeEvents } from './duplicates.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';
import { SeenIds } from './seen-ids.js';
import { sortByTimestamp } from './sort.js';

/** What is to be repaired. */
export interface ChronicleRepairOptions {
  /** Remove each event whose `eventId` an earlier one has. Default: false. */
  removeDuplicates?: boolean | undefined;
  /**
   * Put the events in the order of their timestamps, compared as text; those that have the same stay in their
   * order. Default: false.
   */
  fixTimestampOrder?: boolean | undefined;
  /**
   * Say in `warnings` how many causal links are broken. They stay as they are: the id of an event is computed
   * from its link too. Default: false.
   */
  repairCausalChain?: boolean | undefined;
  /** First copy the file, durably, to `<path>.backup.<milliseconds since 1970>`. Default: false. */
  createBackup?: boolean | undefined;
}

/** What a repair has done. */
export interface ChronicleRepairResult {
  /** Whether the file was replaced. */
  repaired: boolean;
  /** Where the copy is, if one was made. */
  backupPath?: string;
  /** What was repaired, in words. */
  changesApplied: string[];
  /** What was not, in words. */
  warnings: string[];
}

const optionNames = ['removeDuplicates', 'fixTimestampOrder', 'repairCausalChain', 'createBackup'] as const;

/**
 * Repairs what the options name, while others keep appending; they wait while events are put in order. The
 * offsets of lines change. Keeps some 80 bytes in memory for each event.
 *
 * @example
 *   const { changesApplied } = await sage.repairChronicle('audit.sage', { removeDuplicates: true, createBackup: true });
 *
 * @throws `EVALIDATION`, also for a file with a chain (`openChronicle(path, { chain: true })`), which the repair
 *   would break; `ELOCK_TIMEOUT`; `EIO`, also if the backup cannot be made, and then nothing is changed
 */
export async function repairChronicle(
  path: ChroniclePath,
  options?: ChronicleRepairOptions,
): Promise<ChronicleRepairResult> {
  const nativePath = checkChroniclePath(path);
  const given = checkOptions(options, optionNames);
  for (const name of optionNames) if (given[name] !== undefined) checkBoolean(given[name], name);
  const result: ChronicleRepairResult = { repaired: false, changesApplied: [], warnings: [] };

  if (given.removeDuplicates || given.fixTimestampOrder) await refuseChainedFile(nativePath);
  if (given.createBackup) {
    try {
      result.backupPath = await backUp(nativePath);
    } catch (error) {
      if (!isMissing(error)) throw error;
      result.warnings.push('Failed to create backup: the file does not exist');
    }
  }
  if (given.removeDuplicates) {
    const removed = await removeEvents(path, isRepeated);
    if (removed > 0) result.changesApplied.push(`Removed ${removed} duplicate events`);
  }
  const isSorted = given.fixTimestampOrder === true && (await sortByTimestamp(nativePath));
  if (isSorted) result.changesApplied.push('Reordered events by timestamp');
  if (given.repairCausalChain || isSorted) {
    const { brokenLinks } = await validateCausalChain(path);
    if (brokenLinks.length > 0)
      result.warnings.push(`${brokenLinks.length} broken causal links stay as they are`);
  }
  result.repaired = result.changesApplied.length > 0;
  return result;
}

function isRepeated(): (id: string | undefined) => boolean {
  const seen = new SeenIds();
  let number = 0;
  return (id) => id !== undefined && seen.add(id, number++) !== undefined;
}
