/** File systems of their own, for tests that fill one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './files.js';

/** Why nothing can be mounted here, or undefined where it can. */
export const unmountable =
  process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'only root of Linux can mount';

/** A new tmpfs of so many bytes, unmounted when the test ends. */
export function mountTmpfs(bytes: number): string {
  const directory = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'holdfast-test', directory]);
  // Lazy: a program of the test may still have a file open in it.
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
  return directory;
}

/** Mounts a file, or a directory, over itself; unmounted when the test ends. */
export function mountOver(path: string): void {
  execFileSync('mount', ['--bind', path, path]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
}

/** The same directory, mounted a second time and read-only; unmounted when the test ends. */
export function mountReadOnly(directory: string): string {
  const mounted = temporaryDirectory();
  execFileSync('mount', ['--bind', directory, mounted]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', mounted]));
  execFileSync('mount', ['-o', 'remount,bind,ro', mounted]);
  return mounted;
}

/** An empty overlay over empty directories, unmounted when the test ends. */
export function mountOverlay(): { lower: string; upper: string; merged: string } {
  // Not in the temporary directory itself, which may be an overlay, and an upper directory must not be in one.
  const parent = mountTmpfs(1 << 20);
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => {
    const directory = join(parent, name);
    mkdirSync(directory);
    return directory;
  }) as [string, string, string];
  const merged = temporaryDirectory();
  execFileSync('mount', [
    '-t',
    'overlay',
    '-o',
    `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
    'holdfast-test',
    merged,
  ]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', merged]));
  return { lower, upper, merged };
}
