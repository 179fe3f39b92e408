/**
 * Why the writer does not go on with a file: what its caller reads, and can do about it.
 */
import { HoldfastError, invalid } from '../../../base/errors.js';
import { type Refusal, refusal } from '../../../native/protocol.js';

export function refusedByChain(why: Refusal, path: string, idKey: string): HoldfastError {
  switch (why) {
    case refusal.isChained:
      return invalid(
        'chain',
        `'${path}' has a chain, which an event without a link would break: open it with { chain: true }`,
      );
    case refusal.isNotChained:
      return invalid(
        'chain',
        `the last event of '${path}' has no link. If it has a chain, somebody put that event in, and repair() begins a new one; else leave out chain, or begin a new file: a chain begins with the first event`,
      );
    case refusal.otherIdKey:
      return invalid('idKey', `the last event of the chain in '${path}' has no id under '${idKey}'`);
    default:
      return new HoldfastError(
        'ECHAIN',
        `the last link of '${path}' is not that of its last event, which then was changed, put there or moved: ` +
          'verify({ chain: true }) tells where, and repair() begins a new chain',
        { path },
      );
  }
}
