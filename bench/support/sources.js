/**
 * A hash of the code that is measured, and of what measures it: results of another one are out of date.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

const folders = {
  lib: /\.ts$/,
  native: /\.(cc|h)$/,
  bench: /^[^/]+\.js$|^(appends|locks|pino|read|c)\//,
};

export function sourcesHash() {
  const hash = createHash('sha256');
  for (const [folder, measured] of Object.entries(folders)) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name).slice(join(root, folder).length + 1))
      .filter((name) => measured.test(name.replaceAll('\\', '/')))
      .sort();
    for (const file of files)
      hash.update(`${folder}/${file}\0`).update(readFileSync(join(root, folder, file)));
  }
  return hash.digest('hex');
}
