/** Every call of the public face that takes a path, and what it may come to, whatever it is given. */
import * as holdfast from 'holdfast';

/** Thrown by getters; it is the cause of what the call throws then. */
export const theirs = new Error('thrown by a getter');

const codes = new Set(['EVALIDATION', 'EIO', 'ELOCK_TIMEOUT', 'ECONFLICT', 'ECLOSED']);

/** What a call came to, if that is not what is promised. */
export async function findingOf(call: () => unknown): Promise<string | undefined> {
  try {
    const value = await call();
    if (value instanceof holdfast.FileLock) await value.release();
    if (value instanceof holdfast.Chronicle) await value.close();
  } catch (error) {
    const { name, code, message } = error as holdfast.HoldfastError;
    if (name === 'HoldfastError' && codes.has(code)) return undefined;
    // What locks pass on of the system.
    if (/^E[A-Z]+$/.test(code ?? '') && 'syscall' in (error as object)) return undefined;
    return `${name}: ${message}`;
  }
  return undefined;
}

/** The calls of the public face; `path` and `options` are hostile, an event too. */
export const calls: Record<string, (path: never, options: never, event: never) => unknown> = {
  lock: (path, options) => holdfast.lock(path, options),
  tryLock: (path, options) => holdfast.tryLock(path, options),
  lockSync: (path, options) => holdfast.lockSync(path, options),
  tryLockSync: (path, options) => holdfast.tryLockSync(path, options),
  withLock: (path, options) => holdfast.withLock(path, options, () => 0),
  lockHolders: (path) => holdfast.lockHolders(path),
  openChronicle: (path, options) => holdfast.openChronicle(path, options),
  appendEvent: (path, options, event) => holdfast.appendEvent(path, event, options),
  appendEventWithId: (path, options, event) => holdfast.appendEventWithId(path, event, options),
  readChronicle: (path, options) => holdfast.readChronicle(path, options),
  tailChronicle: (path, options) => holdfast.tailChronicle(path, options, options),
  writeFileAtomic: (path, options, event) => holdfast.writeFileAtomic(path, event, options),
};
