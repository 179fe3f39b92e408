/**
 * proper-lockfile's option `fs`. The kernel takes locks in its own file systems, so only node:fs will do, and
 * what stands before it: graceful-fs, a spy, a wrapper that counts. Whether that is so shows in what it says
 * of the directory of the file.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { types } from 'node:util';
import { readFrom } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

interface Stats {
  readonly dev?: unknown;
  readonly ino?: unknown;
}

/** Refuses another file system than that of node:fs, in which `path` would be another file. */
export async function checkFs(given: unknown, path: string): Promise<void> {
  if (given === undefined || given === fs) return;
  const stat = methodOf(given, 'stat');
  const seen = await new Promise((resolve) => {
    const promised = stat.call(given, dirname(path), (_error: unknown, stats: unknown) => resolve(stats));
    if (types.isPromise(promised)) resolve(promised.then(refusePromises, refusePromises));
  });
  compare(seen, path);
}

/** As {@link checkFs}. */
export function checkFsSync(given: unknown, path: string): void {
  if (given === undefined || given === fs) return;
  const statSync = methodOf(given, 'statSync');
  let stats: unknown;
  try {
    stats = statSync.call(given, dirname(path));
  } catch {
    // As if there were none.
  }
  compare(stats, path);
}

function methodOf(given: unknown, name: string): (...args: unknown[]) => unknown {
  const isObject = (typeof given === 'object' && given !== null) || typeof given === 'function';
  const method = isObject ? readFrom('fs', () => (given as { [name: string]: unknown })[name]) : undefined;
  if (typeof method !== 'function')
    throw invalid('fs', `expected node:fs, or a wrapper of it; it has no ${name}()`);
  return method as (...args: unknown[]) => unknown;
}

function refusePromises(): never {
  throw invalid('fs', 'expected node:fs, or a wrapper of it, whose functions take callbacks');
}

function compare(seen: unknown, path: string): void {
  const stats: Stats | undefined = fs.statSync(dirname(path), { throwIfNoEntry: false });
  const { dev, ino } = (seen ?? {}) as Stats;
  if (dev !== stats?.dev || ino !== stats?.ino) {
    throw invalid('fs', 'the kernel takes locks in its own file systems only, not in a custom fs');
  }
}
