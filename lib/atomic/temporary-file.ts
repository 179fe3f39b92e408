/**
 * Temporary files: `.<name>.<random>.tmp` beside the file whose place one is to take. Its maker holds a kernel
 * lock on it as long as it is open, so whoever makes the next one beside the same file knows which were left by
 * a process that was killed, and removes them. Native code makes such files too (native/files/temporary.h).
 */
import { randomBytes } from 'node:crypto';
import { constants, unlinkSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { atExit } from '../base/at-exit.js';
import { baseOf, directoryOf, type NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import { callNative } from '../native/call.js';

export interface TemporaryFile {
  readonly path: Buffer;
  /** To be closed by the caller. */
  readonly file: FileHandle;
}

/** How often another one is made, because somebody who looked for abandoned ones was faster than our lock. */
const maxTries = 16;

/** Makes one for the place of `target`, which is removed at the exit of this thread; see {@link forgetTemporary}. */
export async function makeTemporary(target: NativePath, mode: number): Promise<TemporaryFile> {
  await removeAbandoned(target);
  // Exclusive, and never through a link: in a directory that others can write to, nobody can plant this file.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  for (let tries = 1; ; tries++) {
    const path = temporaryName(target);
    const file = await open(path, flags, mode);
    temporaries.add(path);
    atExit('remove temporary files', removeTemporaries);
    let isOurs: boolean;
    try {
      isOurs = await callNative<boolean>(path, (done) => native.claimTemporary(path, file.fd, done));
    } catch (error) {
      await file.close();
      await unlink(path).catch(() => {});
      forgetTemporary(path);
      throw error;
    }
    if (isOurs || tries === maxTries) return { path, file };
    forgetTemporary(path);
    await file.close();
  }
}

/** By target: when a large directory may be searched again, as {@link performance.now} has it. */
const nextSearch = new Map<string, number>();

/** No more than a fiftieth of the time is spent on searching a directory with so many names. */
const large = 100;
const pauseFactor = 50;

const maxRemembered = 1000;

/** Where the directory cannot be read, nothing is removed. */
async function removeAbandoned(target: NativePath): Promise<void> {
  const key = target.toString('latin1');
  const begun = performance.now();
  if (begun < (nextSearch.get(key) ?? 0)) return;
  const names = await callNative<number>(target, (done) => native.removeAbandoned(target, done));
  if (names < large) return;
  if (nextSearch.size >= maxRemembered) nextSearch.clear();
  const now = performance.now();
  nextSearch.set(key, now + (now - begun) * pauseFactor);
}

/** `.<name>.<random>.tmp` in the directory of `path`; a long name is shortened. */
function temporaryName(path: NativePath): Buffer {
  const name = baseOf(path);
  const random = randomBytes(12).toString('hex');
  // Nearly every file system takes names of 255 bytes. A UTF-8 character is not cut in two.
  let end = Math.min(name.length, 200);
  while (end < name.length && ((name[end] ?? 0) & 0xc0) === 0x80) end--;
  return Buffer.concat([
    directoryOf(path),
    Buffer.from('.'),
    name.subarray(0, end),
    Buffer.from(`.${random}.tmp`),
  ]);
}

/**
 * Of this thread, on purpose: each thread removes its own at its exit. Only SIGKILL and a crash leave one, for
 * the next one to remove.
 */
const temporaries = new Set<Buffer>();

/** It has another name now, or was removed. */
export function forgetTemporary(path: Buffer): void {
  temporaries.delete(path);
}

function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      unlinkSync(path);
    } catch {
      // It is gone, or cannot be removed: nothing is left to be done.
    }
  }
}
