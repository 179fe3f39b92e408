/**
 * A call of the addon that answers later, from a helper thread.
 */
import { isNativeError, type NativeError, systemError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';

/**
 * Resolves to what the call answers. Rejects with the system's error, also where the call throws it at once: there is
 * no descriptor left for the helper thread, or no thread.
 *
 * @param path for the message, where the error names none
 */
export function callNative<T>(
  path: NativePath,
  start: (done: (answer: T) => void, fail: (error: NativeError) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: NativeError) => reject(systemError(error, path.toString()));
    try {
      start(resolve, fail);
    } catch (error) {
      if (!isNativeError(error)) throw error;
      fail(error);
    }
  });
}
