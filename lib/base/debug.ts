/**
 * Diagnostics channels (node:diagnostics_channel), and `NODE_DEBUG=holdfast`, which prints on standard error
 * what they publish. Without either, a channel costs one look at `hasSubscribers`.
 */
import { type Channel, channel, subscribe } from 'node:diagnostics_channel';
import { debuglog, inspect } from 'node:util';

const log = debuglog('holdfast');

/** The channel `holdfast:<name>`. Who publishes asks `hasSubscribers` before it makes a message. */
export function diagnosticsChannel(name: string): Channel {
  const made = channel(`holdfast:${name}`);
  if (log.enabled) {
    subscribe(made.name, (message) => {
      log('%s %s', name, inspect(message, { breakLength: Number.POSITIVE_INFINITY }));
    });
  }
  return made;
}
