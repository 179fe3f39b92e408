/**
 * The head of a chain: the link of the last event.
 */
import { isMissing } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { checkTail } from '../../../chronicle/call-options.js';
import type { ReadSettings } from '../../../chronicle/options.js';
import type { Entry, Head } from '../../../chronicle/results.js';
import { linkOfEvent } from '../../../event/chain-link.js';
import type { JsonObject } from '../../../event/line.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { readBatches } from './read.js';

/** Undefined if there is no event; after a rotation, the last one is in a rotated file. */
export async function headOf(path: NativePath, settings: ReadSettings): Promise<Head | undefined> {
  const own = await lastEvent(path, settings);
  if (own) return headAt(own, own.next);
  for (const rotated of (await rotatedFiles(path)).reverse()) {
    const last = await lastEvent(rotated, settings).catch((error) => {
      if (isMissing(error)) return undefined; // removed meanwhile, as too old
      throw error;
    });
    if (last) return headAt(last, 0);
  }
  return undefined;
}

function headAt({ event }: Entry<JsonObject>, position: number): Head | undefined {
  const link = linkOfEvent(event);
  return link === undefined ? undefined : { position, link };
}

async function lastEvent(path: NativePath, settings: ReadSettings): Promise<Entry<JsonObject> | undefined> {
  for await (const [last] of readBatches(
    path,
    { ...settings, schema: undefined, onCorrupt: 'skip' },
    checkTail(1),
  )) {
    return last;
  }
  return undefined;
}
