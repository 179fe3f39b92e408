/** The binaries in prebuilds/ are what runs on other platforms and is packed. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './runtimes.mjs';

/**
 * Ends the process if binaries are older than the sources, for they would prove nothing.
 *
 * @param platform one of the folders there; by default all of them
 */
export function requireFreshBinaries(platform = '') {
  const hash = execFileSync(process.execPath, ['scripts/native-hash.cjs'], { cwd: root }).toString();
  const folder = join(root, 'prebuilds', platform);
  const binaries = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.node'));
  const old = binaries.filter(
    (name) => !readFileSync(join(folder, name)).includes(`holdfast sources ${hash}`),
  );
  if (old.length === 0) return;
  console.error(`older than the native sources: ${old.join(', ')}. Run: npm run prebuild`);
  process.exit(2);
}
