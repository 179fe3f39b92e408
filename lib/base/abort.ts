/**
 * Aborts, by signals of any realm: jsdom's, for one, has no `throwIfAborted`.
 */

/** Throws the reason of a signal that is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}
