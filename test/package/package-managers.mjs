/**
 * Package managers: each installs the package into an empty project, and into a workspace, and again from the
 * lock file. None may build anything, ask for a build, or warn of one.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execute, moved, programs, project, tool, useIt } from './workplace.mjs';

const build = /node-gyp|gyp info|build script|install script|allow-scripts|approve-builds|postinstall/i;

async function quietly(command, parameters, options) {
  const [program, ...first] = command;
  const printed = await execute(program, [...first, ...parameters], options);
  const line = printed.split('\n').find((text) => build.test(text));
  if (line !== undefined) throw new Error(`${parameters.join(' ')} says: ${line}`);
}

const manifest = {
  private: true,
  name: 'service',
  version: '1.0.0',
  dependencies: { holdfast: 'latest' },
};

/** A project as it may stand, and the folder of its service. */
const layouts = [
  { files: { ...programs, 'package.json': manifest }, service: '.' },
  {
    files: {
      'package.json': { private: true, name: 'all', version: '1.0.0', workspaces: ['services/*'] },
      'pnpm-workspace.yaml': 'packages: [services/*]\n',
      'services/one/package.json': manifest,
      ...Object.fromEntries(Object.entries(programs).map(([name, code]) => [`services/one/${name}`, code])),
    },
    service: 'services/one',
  },
];

/**
 * Installs, installs from the lock file, and uses the package where the folder was moved to.
 *
 * @param calls the parameters of each call: first the installation, last that from the lock file
 * @param node where the package manager has its own way of starting Node
 */
async function installs(command, { calls, files = {}, node }) {
  for (const layout of layouts) {
    const folder = project({ ...layout.files, ...files });
    const again = calls.at(-1);
    for (const parameters of calls.slice(0, -1)) {
      await quietly(command, parameters, { cwd: folder });
      await useIt(join(folder, layout.service), node?.(folder));
    }
    for (const place of new Set(['.', layout.service]))
      rmSync(join(folder, place, 'node_modules'), { recursive: true, force: true });
    await quietly(command, again, { cwd: folder });
    const there = moved(folder);
    await useIt(join(there, layout.service), node?.(there));
  }
}

async function npm(version) {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier'];
  await installs(tool('npm', version, 'bin/npm-cli.js'), {
    calls: [
      ['install', ...quiet],
      ['rebuild', ...quiet],
      ['ci', ...quiet],
    ],
  });
}

async function pnpm(version) {
  await installs(tool('pnpm', version, 'bin/pnpm.cjs'), {
    calls: [['install'], ['install', '--frozen-lockfile']],
    files: { '.npmrc': 'store-dir=.store\n' },
  });
}

async function yarn1(version) {
  const quiet = ['--non-interactive', '--no-progress'];
  await installs(tool('yarn', version, 'bin/yarn.js'), {
    calls: [
      ['install', ...quiet],
      ['install', '--frozen-lockfile', ...quiet],
    ],
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
    calls: [['install'], ['install', '--immutable']],
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

export const packageManagers = [
  ['npm 9: install, rebuild, ci', () => npm('9.9.4')],
  ['npm 10: install, rebuild, ci', () => npm('10.9.4')],
  ['npm 11: install, rebuild, ci', () => npm('11')],
  ['npm 12: install, rebuild, ci', () => npm('12')],
  ['pnpm 10: install, --frozen-lockfile', () => pnpm('10')],
  ['Yarn 1: install, --frozen-lockfile', () => yarn1('1.22.22')],
  ['Yarn 4 PnP, scripts on: install, --immutable', () => yarn4('pnp', '4')],
  ['Yarn 4 node_modules, scripts on: install, --immutable', () => yarn4('node-modules', '4')],
];
