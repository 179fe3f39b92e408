/**
 * What the rows of the table share: the packed package, a place for their projects, tools from npm, and the
 * programs that use the package in each project.
 */
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fetchPackage, linuxNode, lowest, root } from '../platforms/runtimes.mjs';
import { startRegistry } from './registry.mjs';

const run = promisify(execFile);

export const workplace = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-package-')));

/** Milliseconds; a package manager may have to fetch, and the addon to be compiled. */
const timeout = 900_000;

/** What package managers see of this machine: nothing of its user's settings but the cache. */
const env = {
  PATH: process.env.PATH,
  HOME: workplace,
  npm_config_cache: process.env.npm_config_cache ?? join(process.env.HOME ?? workplace, '.npm'),
  npm_config_registry: '',
  NPM_CONFIG_REGISTRY: '', // as Deno has it
  YARN_NPM_REGISTRY_SERVER: '',
  YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
};

/** Runs a command to its end; throws with what it printed. */
export async function execute(command, parameters, { cwd, env: more = {} }) {
  try {
    const { stdout, stderr } = await run(command, parameters, {
      cwd,
      env: { ...env, ...more },
      timeout,
      maxBuffer: 2 ** 26,
    });
    return `${stdout}${stderr}`;
  } catch (error) {
    const printed = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim();
    throw new Error(
      `${[command, ...parameters].join(' ')}: ${error.message.split('\n')[0]}\n${printed.slice(-3000)}`,
    );
  }
}

/** The command of an npm package's program. */
export function tool(name, version, program) {
  return [process.execPath, join(fetchPackage(name, version), program)];
}

/** Commands: the Node that runs this, and the lowest of each line that `engines` admits. */
export function everyNode() {
  return [[process.execPath], ...lowest.map((version) => linuxNode(version).command)];
}

/** A version that stands for another one than this checkout's. */
export const otherVersion = '0.0.1';

/**
 * Packs this checkout, and makes it the package `holdfast` for all that is installed from now on. The same
 * code is there as another version too.
 */
export async function publish() {
  const upstream = `${(await run('npm', ['config', 'get', 'registry'], { cwd: root })).stdout.trim().replace(/\/$/, '')}/`;
  await run('npm', ['pack', '--silent', '--pack-destination', workplace], { cwd: root });
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tarball = join(workplace, `${manifest.name}-${manifest.version}.tgz`);
  const other = { ...manifest, version: otherVersion };
  const folder = join(workplace, 'other');
  mkdirSync(folder);
  await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
  writeFiles(folder, { 'package.json': other });
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', workplace], {
    cwd: folder,
  });
  rmSync(folder, { recursive: true });
  const registry = await startRegistry(
    [
      { tarball, manifest },
      { tarball: join(workplace, `${other.name}-${other.version}.tgz`), manifest: other },
    ],
    upstream,
  );
  env.npm_config_registry = registry.address;
  env.NPM_CONFIG_REGISTRY = registry.address;
  env.YARN_NPM_REGISTRY_SERVER = registry.address;
  return registry;
}

/**
 * A service that takes a lock, appends and reads, by import and by require(). Prints `ok` where all went
 * well.
 */
const body = `
  const held = await lock('it.lock');
  if (await tryLock('it.lock') !== null) throw new Error('two holders');
  const chronicle = await openChronicle('events.ndjson');
  await chronicle.append({ number: 1 });
  const [last] = await chronicle.tail(1);
  if (last.event.number !== 1) throw new Error('not read');
  await chronicle.close();
  await held.release({ remove: true });
  const release = await lockfile.lock('events.ndjson');
  if (!(await lockfile.check('events.ndjson'))) throw new Error('not locked');
  await release();
  require('node:fs').rmSync('events.ndjson');
  console.log('ok');`;

export const programs = {
  'service.cjs': `
    const { lock, openChronicle, tryLock } = require('holdfast');
    const lockfile = require('holdfast/proper-lockfile');
    (async () => {${body}
    })();`,
  'service.mjs': `
    import { createRequire } from 'node:module';
    import { lock, openChronicle, tryLock } from 'holdfast';
    import lockfile from 'holdfast/proper-lockfile';
    const require = createRequire(import.meta.url);
    ${body}`,
};

let projects = 0;

/** A new folder with these files. */
export function project(files) {
  const folder = join(workplace, `project-${++projects}`);
  writeFiles(folder, { 'package.json': { private: true, name: 'service', version: '1.0.0' }, ...files });
  return folder;
}

/** Writes files by their names; what is no string is written as JSON. */
export function writeFiles(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(
      join(folder, name),
      typeof content === 'string' ? content : JSON.stringify(content, null, 2),
    );
  }
}

/** Gives the folder another name: a path that was baked in on the machine that built it is found. */
export function moved(folder) {
  const to = `${folder}-moved`;
  renameSync(folder, to);
  return to;
}

/** Runs the two programs in a folder, with Node (or another runtime) and nothing else. */
export async function useIt(folder, node = [process.execPath], names = Object.keys(programs)) {
  for (const name of names) {
    const [command, ...parameters] = node;
    const printed = await execute(command, [...parameters, name], {
      cwd: folder,
      env: { PATH: dirname(process.execPath) },
    });
    if (printed !== 'ok\n') throw new Error(`${name} printed: ${printed}`);
  }
}
