/**
 * The head of a chain: its last link.
 */
import type { NativePath } from '../../../base/paths.js';
import { checkReadRange } from '../../../chronicle/call-options.js';
import type { Batches } from '../../../chronicle/engine.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Head } from '../../../chronicle/results.js';
import { linkOfEvent } from '../../../event/chain-link.js';
import { openRotated } from '../lines/chronicle-files.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { readFile, readOpenFile } from './read-file.js';

/** Among so many of the last events of a file one has a link, if the chronicle has a chain. */
const lastEvents = 10_000;

export interface LastLink {
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
  const own = await lastLinkIn(readFile(path, quiet(settings), lastQuery));
  for (const rotated of own.head ? [] : (await rotatedFiles(path)).reverse()) {
    const file = await openRotated(rotated);
    if (typeof file === 'string') continue; // removed as too old, or not ours
    const last = await lastLinkIn(readOpenFile(file.file, rotated, quiet(settings), lastQuery)).finally(() =>
      file.file.close(),
    );
    if (last?.head) return { head: { position: 0, link: last.head.link }, end: own.end };
    if (last && last.end > 0) break;
  }
  return own;
}

const lastQuery = checkReadRange({ reverse: true, limit: lastEvents });

function quiet(settings: ReadSettings): ReadSettings {
  return { ...settings, schema: undefined, onCorrupt: 'skip' };
}

async function lastLinkIn(batches: Batches): Promise<LastLink> {
  let end: number | undefined;
  for await (const entries of batches) {
    end ??= entries[0]?.next;
    for (const { event, next } of entries) {
      const link = linkOfEvent(event);
      if (link !== undefined) return { head: { position: next, link }, end: end ?? next };
    }
  }
  return { head: undefined, end: end ?? 0 };
}
