/**
 * Builds the addon's test build (test/native) before the tests, where it is older than what it is built from.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const gyp = fileURLToPath(new URL('../../node_modules/node-gyp/bin/node-gyp.js', import.meta.url));
const directory = fileURLToPath(new URL('../native', import.meta.url));
const sources = fileURLToPath(new URL('../../native', import.meta.url));
/** Beside the binary, so that it goes with it: the hash of what that was built from. */
const stamp = join(directory, 'build/Release/built-from');

export default async function buildProbe(): Promise<void> {
  if (process.platform !== 'linux') return;
  const hash = hashOfInputs();
  if (readIfThere(stamp) === hash) return;
  rmSync(stamp, { force: true });
  const parameters = ['configure', 'build', '--silent', '--jobs', 'max', '-C', directory];
  await promisify(execFile)(process.execPath, [gyp, ...parameters]);
  writeFileSync(stamp, hash);
}

function hashOfInputs(): string {
  const { CXX, CXXFLAGS, LDFLAGS } = process.env;
  const hash = createHash('sha256').update(JSON.stringify([process.version, CXX, CXXFLAGS, LDFLAGS]));
  for (const folder of [sources, directory]) {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((name) => /^(?!build).*\.(cc|h|gyp|cjs)$/.test(name)).sort())
      hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
