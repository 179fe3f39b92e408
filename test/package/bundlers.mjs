/**
 * Bundlers, by the recipes of docs/bundlers-and-tests.md: the bundle runs in a folder that was moved after the build. And without
 * the recipe: the message of the failing import says that it was bundled, and what to do.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { everyNode, execute, moved, programs, project, useIt } from './workplace.mjs';

/** By name: what is installed, the files, the command, and what comes out of it. */
const bundlers = {
  'esbuild, commonjs': {
    packages: ['esbuild@0.25'],
    command: ['esbuild', 'service.cjs', '--bundle', '--platform=node', '--outfile=out/bundle.cjs'],
    recipe: ['--external:holdfast'],
    output: 'out/bundle.cjs',
  },
  'esbuild, module': {
    packages: ['esbuild@0.25'],
    command: [
      'esbuild',
      'service.mjs',
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--outfile=out/bundle.mjs',
    ],
    recipe: ['--external:holdfast'],
    output: 'out/bundle.mjs',
    // esbuild cannot put any CommonJS that loads a module of Node into an ES module, and says so before we
    // can.
    refusal: /Dynamic require of/,
  },
  'Rollup 4': {
    packages: ['rollup@4'],
    command: ['rollup', 'service.mjs', '--format=es', '--file=out/bundle.mjs'],
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
    command: ['webpack-cli', 'build'],
    recipe: ['--env', 'recipe'],
    output: 'out/bundle.cjs',
  },
  ncc: {
    packages: ['@vercel/ncc@0.38'],
    command: ['ncc', 'build', 'service.cjs', '-o', 'out'],
    recipe: ['--external', 'holdfast', '--external', 'holdfast/proper-lockfile'],
    output: 'out/index.cjs',
  },
};

async function bundle(name) {
  const {
    packages,
    files = {},
    command,
    recipe,
    output,
    leavesOut = false,
    refusal = /holdfast was bundled/,
  } = bundlers[name];
  const folder = project({ ...programs, ...files });
  await execute('npm', ['install', '--no-audit', '--no-fund', 'holdfast', ...packages], { cwd: folder });
  const [program, ...parameters] = command;
  const build = (more, where) =>
    execute(join(where, 'node_modules/.bin', program), [...parameters, ...more], { cwd: where });
  await build(recipe, folder);
  const there = moved(folder);
  for (const node of everyNode()) await useIt(there, node, [output]);
  if (leavesOut) return;
  await build([], there);
  const printed = await useIt(there, undefined, [output]).then(
    () => 'ok',
    ({ message }) => message,
  );
  // What works by itself needs no message.
  if (printed !== 'ok' && !refusal.test(printed)) {
    throw new Error(`without the recipe, it does not say that it was bundled: ${printed}`);
  }
}

/** A single executable of Node: the recipe of docs/bundlers-and-tests.md, and what it says without it. */
async function executable() {
  const folder = project({
    ...programs,
    'sea.json': { main: 'out/bundle.cjs', output: 'out/blob', disableExperimentalSEAWarning: true },
  });
  await execute(
    'npm',
    ['install', '--no-audit', '--no-fund', 'holdfast', 'esbuild@0.25', 'postject@1.0.0-alpha.6'],
    {
      cwd: folder,
    },
  );
  const build = async (where, recipe, output) => {
    const program = (name, parameters) =>
      execute(join(where, 'node_modules/.bin', name), parameters, { cwd: where });
    const bundled = ['service.cjs', '--bundle', '--platform=node', '--outfile=out/bundle.cjs'];
    await program('esbuild', [...bundled, ...recipe]);
    await execute(process.execPath, ['--experimental-sea-config', 'sea.json'], { cwd: where });
    copyFileSync(process.execPath, join(where, output));
    const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'; // of Node's documentation
    await program('postject', [output, 'NODE_SEA_BLOB', 'out/blob', '--sentinel-fuse', fuse]);
  };
  await build(folder, ['--external:holdfast', `--banner:js=${banner}`], 'out/service');
  const there = moved(folder);
  const printed = await execute(join(there, 'out/service'), [], { cwd: there });
  if (printed !== 'ok\n') throw new Error(`it printed: ${printed}`);
  await build(there, [], 'out/all');
  const refused = await execute(join(there, 'out/all'), [], { cwd: there }).catch(({ message }) => message);
  if (!/holdfast was bundled/.test(refused))
    throw new Error(`without the recipe, it does not say that it was bundled: ${refused}`);
}

/** An executable's own `require` knows Node's modules only. */
const banner = 'require = require("node:module").createRequire(__filename);';

export const bundlings = [
  ...Object.keys(bundlers).map((name) => [name, () => bundle(name)]),
  ['a single executable (SEA)', executable],
];
