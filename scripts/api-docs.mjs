/**
 * `npm run docs`: the reference of everything that is public, from its doc comments, in docs/api/, which git
 * ignores. A name without its text, or a link that leads nowhere, is an error; `--check` looks for these only.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage, root } from '../test/platforms/runtimes.mjs';

// It has a TypeScript of its own, which knows less than ours: the two cannot be installed side by side.
const program = join(fetchPackage('typedoc', '0.28.20'), 'bin/typedoc');
const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sources = Object.values(entries).flatMap(
  ({ types }) => types?.replace('./dist/', '').replace('.d.ts', '.ts') ?? [],
);
const output = process.argv.includes('--check')
  ? ['--emit', 'none']
  : ['--out', 'docs/api', '--readme', 'none', '--disableGit', '--sourceLinkTemplate', '{path}'];
const { status } = spawnSync(
  process.execPath,
  [
    program,
    ...['--entryPoints', ...sources],
    ...['--tsconfig', 'tsconfig.json', '--skipErrorChecking'],
    '--excludeExternals', // what a class inherits from Node is documented there
    ...['--validation.notDocumented', '--treatWarningsAsErrors', '--treatValidationWarningsAsErrors'],
    ...output,
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
