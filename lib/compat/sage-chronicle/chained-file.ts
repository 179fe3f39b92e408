/**
 * Files whose events are linked by `openChronicle(path, { chain: true })`.
 */
import { invalid } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';
import { arrayOf } from '../../chronicle/batches.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import { orMissing } from '../../engines/file/functions.js';
import { readFile } from '../../engines/file/read/read-file.js';
import { linkOfEvent } from '../../event/chain-link.js';
import type { JsonObject } from '../../event/line.js';

/** Before anything is done to a file: its first event tells. */
export async function refuseChainedFile(path: NativePath): Promise<void> {
  const settings = checkChronicleOptions({ onCorrupt: 'skip' });
  const read = () => arrayOf(readFile(path, settings, checkReadRange({ limit: 1 })));
  for (const { event } of (await orMissing(read)) ?? []) refuseChained(event, path);
}

/** To be called with an event before it is removed, or moved. */
export function refuseChained(event: JsonObject, path: NativePath): void {
  if (linkOfEvent(event) !== undefined)
    throw invalid('path', `'${path}' has a chain, which this would break`);
}
