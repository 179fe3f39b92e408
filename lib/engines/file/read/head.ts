/**
 * The head of a chain: its last link.
 */
import { isIrregular, isMissing } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { checkReadRange } from '../../../chronicle/call-options.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Head } from '../../../chronicle/results.js';
import { linkOfEvent } from '../../../event/chain-link.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { readBatches } from './read.js';

/** Among so many of the last events of a file one has a link, if the chronicle has a chain. */
const lastEvents = 10_000;

interface LastLink {
  /** Undefined if there is no chain. */
  readonly head: Head | undefined;
  /** Where the last event of the file ends, which may be one that was put in after the chain; 0: it has none. */
  readonly end: number;
}

export async function headOf(path: NativePath, settings: ReadSettings): Promise<Head | undefined> {
  return (await lastLink(path, settings)).head;
}

/** If the file has no link, the last rotated file that has an event may have one: a chain goes on from there. */
export async function lastLink(path: NativePath, settings: ReadSettings): Promise<LastLink> {
  const own = await lastLinkIn(path, settings);
  for (const rotated of own.head ? [] : (await rotatedFiles(path)).reverse()) {
    const last = await lastLinkIn(rotated, settings).catch((error) => {
      if (isMissing(error) || isIrregular(error)) return undefined; // removed as too old, or not ours
      throw error;
    });
    if (last?.head) return { head: { position: 0, link: last.head.link }, end: own.end };
    if (last && last.end > 0) break;
  }
  return own;
}

async function lastLinkIn(file: NativePath, settings: ReadSettings): Promise<LastLink> {
  const query = checkReadRange({ reverse: true, limit: lastEvents });
  const quiet = { ...settings, schema: undefined, onCorrupt: 'skip' } as const;
  let end: number | undefined;
  for await (const entries of readBatches(file, quiet, query)) {
    end ??= entries[0]?.next;
    for (const { event, next } of entries) {
      const link = linkOfEvent(event);
      if (link !== undefined) return { head: { position: next, link }, end: end ?? next };
    }
  }
  return { head: undefined, end: end ?? 0 };
}
