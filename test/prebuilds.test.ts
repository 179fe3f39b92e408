/** The binaries in prebuilds/ are built from the code as it stands; a comment may differ. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const hash = createRequire(import.meta.url)('../scripts/native-hash.cjs').nativeHash();
const binaries = readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.node'))
  .map((name) => name.replaceAll('\\', '/'));

it('prebuilds/ holds the binaries that the README names', () => {
  expect(binaries).toEqual(
    expect.arrayContaining([
      'linux-arm64/holdfast.glibc.node',
      'linux-x64/holdfast.glibc.node',
      'win32-x64/holdfast.node',
    ]),
  );
});

const howToRebuild =
  'code in native/ or binding.gyp has changed since prebuilds/ was built: on Debian, ' +
  '`apt-get install g++ g++-aarch64-linux-gnu g++-mingw-w64-x86-64-posix`, then `npm run prebuild`.';

it.each(binaries)('prebuilds/%s is no older than the native sources', (name) => {
  const isFresh = readFileSync(join(root, 'prebuilds', name)).includes(`holdfast sources ${hash}`);
  expect(isFresh, howToRebuild).toBe(true);
});

describe.runIf(process.platform === 'linux')('the floor that the README names', () => {
  const linux = binaries.filter((name) => name.startsWith('linux-'));

  it.each(linux)('prebuilds/%s needs no more than glibc 2.17 and the libstdc++ of GCC 5', (name) => {
    const needed = neededVersions(join(root, 'prebuilds', name));
    expect(needed.GLIBC).toBeGreaterThan(0);
    expect(needed.GLIBC).toBeLessThanOrEqual(version('2.17'));
    expect(needed.GLIBCXX).toBeLessThanOrEqual(version('3.4.21'));
    expect(needed.CXXABI).toBeLessThanOrEqual(version('1.3.9'));
  });
});

/** The highest version of each library's symbols that a Linux binary asks for. */
function neededVersions(path: string): { [library: string]: number } {
  const table = execFileSync('readelf', ['--version-info', '--wide', path]).toString();
  const highest: { [library: string]: number } = {};
  for (const [, library = '', numbers = ''] of table.matchAll(/Name: ([A-Z]+)_([\d.]+)/g)) {
    highest[library] = Math.max(highest[library] ?? 0, version(numbers));
  }
  return highest;
}

function version(text: string): number {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return major * 1e6 + minor * 1e3 + patch;
}
