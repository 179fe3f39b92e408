/**
 * What node:fs cannot do, or not as well, on a helper thread of the native code: syncs as far as the caller
 * asks (node:fs knows no F_FULLFSYNC) that take no thread of libuv's pool for as long as a disk takes; and
 * renaming over an open file.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Durability } from '../base/durability.js';
import { isNativeError, type NativeError, systemError } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import { type Done, durabilityLevel, syncedEntries } from '../native/protocol.js';

/** Makes what was written to `file` durable. Rejects with the system's error; `path` is for its message. */
export function syncFile(file: FileHandle, durability: Durability, path: NativePath): Promise<void> {
  if (durability === 'none') return Promise.resolve();
  return run(path, (done) => native.sync(file.fd, durabilityLevel[durability], done));
}

/** Makes the directory entry of `path` durable, or those of the directories above it as well. */
export function syncDirectory(path: NativePath, entries: keyof typeof syncedEntries): Promise<void> {
  return run(path, (done) => native.syncDirectory(path, syncedEntries[entries], done));
}

/** Renames a file, replacing `to`. On Windows, node:fs can do so only if nobody has `to` open. */
export function replaceName(from: NativePath, to: NativePath): Promise<void> {
  return run(to, (done) => native.rename(from, to, done));
}

function run(path: NativePath, start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NativeError) => reject(systemError(error, path.toString()));
    try {
      start((error) => (error ? fail(error) : resolve()));
    } catch (error) {
      if (!isNativeError(error)) throw error;
      fail(error);
    }
  });
}
