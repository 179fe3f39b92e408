/**
 * Bundlers, by the README's recipes: the bundle runs in a folder that was moved after the build. And without the recipe: the
 * message of the failing import says that it was bundled, and what to do.
 */
import { join } from 'node:path';
import { execute, moved, programs, project, useIt } from './workplace.mjs';

/** By name: what is installed, the files, the command, and what comes out of it. */
const bundlers = {
  'esbuild, commonjs': {
    packages: ['esbuild@0.25'],
    command: [
      'esbuild/bin/esbuild',
      'service.cjs',
      '--bundle',
      '--platform=node',
      '--outfile=out/bundle.cjs',
    ],
    recipe: ['--external:holdfast'],
    output: 'out/bundle.cjs',
  },
  'esbuild, module': {
    packages: ['esbuild@0.25'],
    command: [
      'esbuild/bin/esbuild',
      'service.mjs',
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--outfile=out/bundle.mjs',
    ],
    recipe: ['--external:holdfast'],
    output: 'out/bundle.mjs',
  },
  'Rollup 4': {
    packages: ['rollup@4'],
    command: ['rollup/dist/bin/rollup', 'service.mjs', '--format=es', '--file=out/bundle.mjs'],
    recipe: ['--external', '/^holdfast/,node:module'],
    output: 'out/bundle.mjs',
    leavesOut: true, // without a plugin, Rollup never bundles what is in node_modules
  },
  'webpack 5': {
    packages: ['webpack@5', 'webpack-cli@6'],
    files: {
      'webpack.config.js': `
        module.exports = (env) => ({
          mode: 'production', target: 'node', entry: './service.cjs',
          output: { path: __dirname + '/out', filename: 'bundle.cjs' },
          ...(env.recipe && {
            externals: [({ request }, done) => (/^holdfast(\\/|$)/.test(request) ? done(null, 'commonjs ' + request) : done())],
          }),
        });`,
    },
    command: ['webpack-cli/bin/cli.js', 'build'],
    recipe: ['--env', 'recipe'],
    output: 'out/bundle.cjs',
  },
  ncc: {
    packages: ['@vercel/ncc@0.38'],
    command: ['@vercel/ncc/dist/ncc/cli.js', 'build', 'service.cjs', '-o', 'out'],
    recipe: ['--external', 'holdfast', '--external', 'holdfast/proper-lockfile'],
    output: 'out/index.js',
  },
};

async function bundle(tarball, name) {
  const { packages, files = {}, command, recipe, output, leavesOut = false } = bundlers[name];
  const folder = project({ ...programs, ...files });
  await execute('npm', ['install', '--no-audit', '--no-fund', tarball, ...packages], { cwd: folder });
  const [program, ...parameters] = command;
  const build = (more, where) =>
    execute(process.execPath, [join(where, 'node_modules', program), ...parameters, ...more], { cwd: where });
  await build(recipe, folder);
  const there = moved(folder);
  await useIt(there, undefined, [output]);
  if (leavesOut) return;
  await build([], there);
  const printed = await useIt(there, undefined, [output]).then(
    () => 'ok',
    ({ message }) => message,
  );
  // What works by itself needs no message.
  if (printed !== 'ok' && !/holdfast was bundled/.test(printed)) {
    throw new Error(`without the recipe, it does not say that it was bundled: ${printed}`);
  }
}

export const bundlings = Object.keys(bundlers).map((name) => [name, (tarball) => bundle(tarball, name)]);
