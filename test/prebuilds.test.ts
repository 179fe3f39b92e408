/** The binaries in prebuilds/ are built from the sources as they stand. If this fails: `npm run prebuilds`. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const hash = execFileSync(process.execPath, ['scripts/native-hash.cjs'], { cwd: root }).toString();
const binaries = readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.node'),
);

it('prebuilds/ holds the binaries that the README names', () => {
  expect(binaries.map((name) => name.split(/[/\\]/)[0])).toContain('linux-x64');
});

it.each(binaries)('prebuilds/%s is no older than the native sources', (name) => {
  expect(readFileSync(join(root, 'prebuilds', name)).includes(`holdfast sources ${hash}`)).toBe(true);
});
