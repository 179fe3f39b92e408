/**
 * Files whose events are linked by `openChronicle(path, { chain: true })`.
 */
import { invalid } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';
import { isLink, linkKey } from '../../event/chain-link.js';
import type { JsonObject } from '../../event/line.js';

/** To be called with an event before it is removed, or moved. */
export function refuseChained(event: JsonObject, path: NativePath): void {
  if (isLink(event[linkKey])) throw invalid('path', `'${path}' has a chain, which this would break`);
}
