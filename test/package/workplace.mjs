/**
 * What the rows of the table share: the packed package, a place for their projects, tools from npm, and the programs that
 * use the package in each project.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fetchPackage, root } from '../platforms/runtimes.mjs';

const run = promisify(execFile);

export const workplace = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-package-')));

/** Milliseconds; a package manager may have to fetch. */
const timeout = 300_000;

/** A cache of our own for the package managers, so that none of them answers from another run. */
const cleanEnv = {
  PATH: process.env.PATH,
  HOME: workplace,
  npm_config_cache: process.env.npm_config_cache ?? join(process.env.HOME ?? workplace, '.npm'),
  npm_config_userconfig: process.env.npm_config_userconfig ?? join(process.env.HOME ?? workplace, '.npmrc'),
  npm_config_registry: process.env.npm_config_registry ?? '',
};

/** Runs a command to its end; throws with what it printed. */
export async function execute(command, parameters, { cwd, env = {} }) {
  try {
    const { stdout, stderr } = await run(command, parameters, {
      cwd,
      env: { ...cleanEnv, ...env },
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

/** Packs this checkout; what it answers is the path of the tarball. */
export async function pack() {
  await execute('npm', ['pack', '--silent', '--pack-destination', workplace], { cwd: root });
  const { version } = JSON.parse(await read(join(root, 'package.json')));
  return join(workplace, `holdfast-${version}.tgz`);
}

async function read(path) {
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8');
}

/** A service that takes a lock, appends and reads, by import and by require(). Prints `ok` where all went well. */
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

/** Runs the two programs in a folder, with Node and nothing else. */
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
