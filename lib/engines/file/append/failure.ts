/**
 * What a caller reads of a commit that failed, and can do about it.
 */
import {
  deadlock,
  HoldfastError,
  invalid,
  ioError,
  outcomeUnknown,
  poisoned,
  systemError,
} from '../../../base/errors.js';
import { type FailureReply, type Refusal, refusal, writerStatus } from '../../../native/protocol.js';

type UnfencedReply = Exclude<FailureReply, { readonly status: typeof writerStatus.fenced }>;

export function failureOf(reply: UnfencedReply, path: string, idKey: string): HoldfastError {
  if (reply.status === writerStatus.refused) return refusedByChain(reply.refusal, path, idKey);
  const cause = systemError(reply.error, path);
  if (reply.status === writerStatus.failed) {
    return cause.code === 'EDEADLK' ? deadlock(path) : ioError(cause, path);
  }
  return reply.status === writerStatus.poisoned ? poisoned(cause, path) : outcomeUnknown(cause, path);
}

/** Why a chronicle, whatever keeps it, may not be gone on with. */
export function refusedByChain(why: Refusal, path: string, idKey: string): HoldfastError {
  switch (why) {
    case refusal.isChained:
      return invalid(
        'chain',
        `'${path}' has a chain, which an event without a link would break: open it with { chain: true } (holdfast append --chain)`,
      );
    case refusal.isNotChained:
      return invalid(
        'chain',
        `the last event of '${path}' has no link. If it has a chain, somebody put that event in, and repair() begins a new one; else leave out chain, or begin a new chronicle: a chain begins with the first event`,
      );
    case refusal.otherIdKey:
      return invalid('idKey', `the last event of the chain in '${path}' has no id under '${idKey}'`);
    default:
      return new HoldfastError(
        'ECHAIN',
        `the last link of '${path}' is not that of its last event, which then was changed, put there or moved: ` +
          'verify({ chain: true }) (holdfast verify --chain) tells where, and repair() (holdfast repair) begins a new chain',
        { path },
      );
  }
}
