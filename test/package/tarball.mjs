/**
 * The packed files themselves: what is in them, what publint and attw say, empty projects, a build from source
 * (package.test.ts); and what typedoc makes of the types.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage, root } from '../platforms/runtimes.mjs';
import { execute } from './workplace.mjs';

async function vitest() {
  await execute(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/package/vitest.config.mts'],
    { cwd: root, env: { HOME: process.env.HOME } }, // where node-gyp keeps Node's headers
  );
}

/** Every public name has its text, and no text leads nowhere. */
async function typedoc() {
  const program = join(fetchPackage('typedoc', '0.28.20'), 'bin/typedoc');
  const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sources = Object.values(entries).flatMap(
    ({ types }) => types?.replace('./dist/', '').replace('.d.ts', '.ts') ?? [],
  );
  const checks = [
    '--validation.notDocumented',
    '--treatWarningsAsErrors',
    '--treatValidationWarningsAsErrors',
  ];
  // It has a TypeScript of its own, which knows less than ours.
  const settings = ['--tsconfig', 'tsconfig.json', '--skipErrorChecking', '--emit', 'none'];
  await execute(process.execPath, [program, '--entryPoints', ...sources, ...settings, ...checks], {
    cwd: root,
  });
}

export const tarball = [
  ['contents, publint, attw, empty projects, a build from source', vitest],
  ['typedoc: every public name is documented', typedoc],
];
