/**
 * Package managers: each installs the package into an empty project, again from the lock file, and into a
 * workspace. None may build anything, ask for a build, or warn of one.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { linuxNode } from '../platforms/runtimes.mjs';
import { execute, moved, programs, project, tool, useIt, writeFiles } from './workplace.mjs';

const build = /node-gyp|gyp info|build script|install script|allow-scripts|approve-builds|postinstall/i;

async function quietly(command, parameters, options) {
  const [program, ...first] = command;
  const printed = await execute(program, [...first, ...parameters], options);
  const line = printed.split('\n').find((text) => build.test(text));
  if (line !== undefined) throw new Error(`${parameters.join(' ')} says: ${line}`);
}

function manifest(more = {}) {
  return {
    private: true,
    name: 'service',
    version: '1.0.0',
    dependencies: { holdfast: 'latest' },
    ...more,
  };
}

/** Installs, installs from the lock file, and uses the package where the folder was moved to. */
async function installs(command, { first, again, files = {}, more, node }) {
  const folder = project({ ...programs, ...files, 'package.json': manifest(more) });
  await quietly(command, first, { cwd: folder });
  await useIt(folder, node?.(folder));
  if (!node) rmSync(join(folder, 'node_modules'), { recursive: true });
  await quietly(command, again, { cwd: folder });
  const there = moved(folder);
  await useIt(there, node?.(there));
}

async function npm(version) {
  const command = tool('npm', version, 'bin/npm-cli.js');
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier'];
  await installs(command, { first: ['install', ...quiet], again: ['ci', ...quiet] });
  const rebuilt = project({ ...programs, 'package.json': manifest() });
  await quietly(command, ['install', ...quiet], { cwd: rebuilt });
  await quietly(command, ['rebuild'], { cwd: rebuilt });
  await useIt(rebuilt);
  const workspace = project({
    'package.json': { private: true, workspaces: ['services/*'] },
    'services/one/package.json': manifest({ name: 'one' }),
  });
  writeFiles(join(workspace, 'services/one'), programs);
  await quietly(command, ['install', ...quiet], { cwd: workspace });
  rmSync(join(workspace, 'node_modules'), { recursive: true });
  await quietly(command, ['ci', ...quiet], { cwd: workspace });
  await useIt(join(workspace, 'services/one'));
}

async function pnpm(version) {
  await installs(tool('pnpm', version, 'bin/pnpm.cjs'), {
    first: ['install'],
    again: ['install', '--frozen-lockfile'],
    files: { '.npmrc': 'store-dir=.store\n' },
  });
}

async function yarn1(version) {
  const quiet = ['--non-interactive', '--no-progress'];
  await installs(tool('yarn', version, 'bin/yarn.js'), {
    first: ['install', ...quiet],
    again: ['install', '--frozen-lockfile', ...quiet],
  });
}

async function yarn4(linker, version) {
  const settings = [
    `nodeLinker: ${linker}`,
    'enableScripts: true',
    'enableTelemetry: false',
    'enableGlobalCache: false',
    'enableImmutableInstalls: false',
    'unsafeHttpWhitelist: ["127.0.0.1"]',
  ];
  await installs(tool('@yarnpkg/cli-dist', version, 'bin/yarn.js'), {
    first: ['install'],
    again: ['install', '--immutable'],
    files: { '.yarnrc.yml': `${settings.join('\n')}\n`, 'yarn.lock': '' },
    // Its own loaders know where the packages are, for require() and for import.
    ...(linker === 'pnp' && {
      node: (folder) => [
        process.execPath,
        '--require',
        join(folder, '.pnp.cjs'),
        '--no-warnings',
        '--experimental-loader',
        join(folder, '.pnp.loader.mjs'),
      ],
    }),
  });
}

/** What npm has installed works with the lowest and the latest Node of each line. */
async function everyNode(versions) {
  const folder = project({ ...programs, 'package.json': manifest() });
  await execute('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  for (const version of versions) await useIt(folder, linuxNode(version).command);
}

export const packageManagers = [
  ['npm 9: install, ci, rebuild, workspace', () => npm('9.9.4')],
  ['npm 10: install, ci, rebuild, workspace', () => npm('10.9.4')],
  ['npm 11: install, ci, rebuild, workspace', () => npm('11')],
  ['npm 12: install, ci, rebuild, workspace', () => npm('12')],
  ['pnpm 10: install, --frozen-lockfile', () => pnpm('10')],
  ['Yarn 1: install, --frozen-lockfile', () => yarn1('1.22.22')],
  ['Yarn 4 PnP, scripts on: install, --immutable', () => yarn4('pnp', '4')],
  ['Yarn 4 node_modules, scripts on: install, --immutable', () => yarn4('node-modules', '4')],
  ['Node 20.19, 22.12, 24.0, 26.0', () => everyNode(['20.19.0', '22.12.0', '24.0.0', '26.0.0'])],
];
