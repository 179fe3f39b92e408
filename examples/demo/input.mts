/**
 * What the demo writes: the commits of this checkout's history and the packages of its package-lock.json, as
 * events.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Commit {
  type: 'commit';
  hash: string;
  parents: string[];
  author: string;
  date: string;
  subject: string;
}

export interface Package {
  type: 'package';
  path: string;
  version: string;
  license?: string;
  integrity?: string;
  dev: boolean;
}

/** A commit or a package; with the last two properties, one writer's observation of it. */
export type DemoEvent = (Commit | Package) & { seenBy?: string; round?: number };

/** From dist/examples/demo, where this runs. */
const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const unitSeparator = '\x1f';
const format = ['%H', '%P', '%an', '%aI', '%s'].join('%x1f');

/** The whole history, newest first. Rejects where there is none: in an unpacked tarball, or without git. */
export async function readCommits(): Promise<Commit[]> {
  const { stdout } = await promisify(execFile)('git', ['log', `--format=${format}`], {
    cwd: checkout,
    maxBuffer: 1024 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [hash = '', parents = '', author = '', date = '', subject = ''] = line.split(unitSeparator);
      return {
        type: 'commit',
        hash,
        parents: parents.split(' ').filter((parent) => parent !== ''),
        author,
        date,
        subject,
      };
    });
}

interface LockedPackage {
  version?: string;
  license?: string;
  integrity?: string;
  dev?: boolean;
}

export async function readPackages(): Promise<Package[]> {
  const text = await readFile(`${checkout}package-lock.json`, 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  return Object.entries(packages)
    .filter(([path]) => path !== '') // the project itself
    .map(([path, { version = '', license, integrity, dev = false }]) => ({
      type: 'package',
      path,
      version,
      ...(license !== undefined && { license }),
      ...(integrity !== undefined && { integrity }),
      dev,
    }));
}

/**
 * What one writer sends: every input once a round as its own observation, and once as it is. The latter are
 * the same in all writers, which come to each of them at about the same time, all through the run.
 */
export function* eventsOf(
  writer: string,
  inputs: readonly DemoEvent[],
  rounds: number,
): Generator<DemoEvent, void, undefined> {
  for (let round = 1; round <= rounds; round++) {
    for (const [index, input] of inputs.entries()) {
      if (index % rounds === round - 1) yield input;
      yield { ...input, seenBy: writer, round };
    }
  }
}
