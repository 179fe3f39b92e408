/** Places for the files of tests. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file system in memory, where syncs cost nothing: for tests whose subject is not the disk. */
export const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A new empty directory, removed when the test ends. */
export function temporaryDirectory(parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, 'holdfast-'));
  onTestFinished(() => {
    try {
      rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      // Some file systems of Windows keep what is still open.
      if (process.platform !== 'win32') throw error;
    }
  });
  return directory;
}

/** How many descriptors of this process are open on the file. */
export function descriptorsOf(file: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === file;
    } catch {
      return false; // the one that readdir itself had open
    }
  }).length;
}
