/**
 * The rooms of lib/ and their order: a file imports from its own room and from the rooms before it, types
 * included. That two files do not import each other is a rule of Biome (noImportCycles in biome.json), which
 * `npm run check` asks.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const order = [
  'lib/base',
  'lib/native',
  'lib/lock',
  'lib/atomic',
  'lib/event',
  'lib/chronicle',
  'lib/engines/file/lines',
  'lib/engines/file/read',
  'lib/engines/file/append',
  'lib/engines/file/follow',
  'lib/engines/file/upkeep',
  'lib/engines/file',
  'lib/engines/postgres',
  'lib/pino',
  'lib/compat/sage-chronicle',
  'lib/compat',
  'lib',
  'lib/cli/selftest',
  'lib/cli',
];

const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');

it('no file imports from a room after its own', () => {
  const upwards: string[] = [];
  for (const name of readdirSync(join(root, 'lib'), { encoding: 'utf8', recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const file = posix.join('lib', ...name.split(sep));
    const room = order.indexOf(posix.dirname(file));
    expect(room, `the room of ${file}`).not.toBe(-1);
    const imports = readFileSync(join(root, file), 'utf8').matchAll(/ from '(\.[^']+)'/g);
    for (const [, imported = ''] of imports) {
      const target = posix.join(posix.dirname(file), imported);
      if (order.indexOf(posix.dirname(target)) > room) upwards.push(`${file} -> ${target}`);
    }
  }
  expect(upwards).toEqual([]);
});

it.each([
  [
    'of values',
    `import { b } from './b.js';\nexport const a = () => b;\n`,
    `import { a } from './a.js';\nexport const b = () => a;\n`,
  ],
  [
    'of types',
    `import type { B } from './b.js';\nexport type A = B[];\n`,
    `import type { A } from './a.js';\nexport type B = A[];\n`,
  ],
])('the check fails on a cycle %s', (_, a, b) => {
  const directory = temporaryDirectory();
  copyFileSync(join(root, 'biome.json'), join(directory, 'biome.json'));
  writeFileSync(join(directory, 'a.ts'), a);
  writeFileSync(join(directory, 'b.ts'), b);
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'lint', '--vcs-enabled=false'], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect(stdout + stderr).toContain('lint/suspicious/noImportCycles');
  expect(status).toBe(1);
});
