/**
 * The packed files themselves: what is in them, what publint and attw say, empty projects, a build from source
 * (package.test.ts); and what typedoc makes of the types.
 */
import { root } from '../platforms/runtimes.mjs';
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
  await execute(process.execPath, ['scripts/api-docs.mjs', '--check'], { cwd: root });
}

export const tarball = [
  ['contents, publint, attw, empty projects, a build from source', vitest],
  ['typedoc: every public name is documented', typedoc],
];
