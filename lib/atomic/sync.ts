/**
 * What node:fs cannot do, or not as well, on a helper thread of the native code: syncs as far as the caller
 * asks (node:fs knows no F_FULLFSYNC) that take no thread of libuv's pool for as long as a disk takes; and the rights
 * of a file, all of them.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Durability } from '../base/durability.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import { callNative } from '../native/call.js';
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

/** An open file. */
interface Descriptor {
  readonly fd: number;
}

/**
 * Gives `to` the owner, group, permissions and ACL of `from`, as far as this user may. Nobody gains access by
 * that: what cannot be given leaves the new file with less. set-user-ID, set-group-ID and sticky bits are
 * never passed on.
 */
export function copyRights(from: Descriptor, to: Descriptor, path: NativePath): Promise<void> {
  return run(path, (done) => native.copyRights(from.fd, to.fd, done));
}

/**
 * Of an open chronicle whose lock is held: removes a second name that a rotation has left which was killed. Else
 * that would become a rotated file of its own once the chronicle is replaced.
 */
export function removeAlias(path: NativePath, file: Descriptor): Promise<void> {
  return run(path, (done) => native.removeAlias(path, file.fd, done));
}

function run(path: NativePath, start: (done: Done) => void): Promise<void> {
  return callNative<void>(path, (done, fail) => start((error) => (error ? fail(error) : done())));
}
