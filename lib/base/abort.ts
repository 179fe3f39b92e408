/**
 * Aborts, by signals of any realm: jsdom's, for one, has no `throwIfAborted`.
 */

interface Listening {
  readonly listeners: Set<() => void>;
  readonly run: () => void;
}

/** One for each signal that is listened to, and per thread, as signals are. */
const listening = new WeakMap<AbortSignal, Listening>();

/**
 * Calls `listener` when the signal aborts. Returns what ends that, which may be called again. The signal itself has one
 * listener of ours, however many there are here: to add one takes it the longer the more it has, and Node 20 warns of
 * more than ten.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let entry = listening.get(signal);
  if (!entry) {
    const listeners = new Set<() => void>();
    const run = () => {
      listening.delete(signal);
      for (const each of listeners) each();
    };
    entry = { listeners, run };
    listening.set(signal, entry);
    signal.addEventListener('abort', run, { once: true });
  }
  const { listeners, run } = entry;
  listeners.add(listener);
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0 || signal.aborted) return;
    signal.removeEventListener('abort', run);
    listening.delete(signal);
  };
}

/** Throws the reason of a signal that is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}
