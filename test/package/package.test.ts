/**
 * The package as npm packs it: what is in it, and that it works where there is no compiler and no install
 * script runs.
 */
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const options = { shell: process.platform === 'win32' }; // npm is a script there

/** For what npm does: it may have to fetch. */
const slow = 120_000;

/** For compiling all of the addon on a busy machine. */
const verySlow = 600_000;

let workplace: string;
let packed: { filename: string; files: { path: string }[] };
let tarball: string;

beforeAll(async () => {
  workplace = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-package-')));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', workplace], {
    cwd: root,
    ...options,
  });
  packed = JSON.parse(stdout)[0];
  tarball = join(workplace, packed.filename);
  return () => rmSync(workplace, { recursive: true });
}, verySlow);

describe('the tarball', () => {
  it('holds what was built, the binaries, what building from source needs, and the pages; nothing else', () => {
    const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' });
    const built = sources
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => ['js', 'd.ts'].map((end) => `dist/lib/${name.slice(0, -2)}${end}`));
    const folder = (name: string, kinds: RegExp) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
        .filter((file) => kinds.test(file))
        .map((file) => `${name}/${file}`);
    const expected = [
      ...built,
      ...folder('native', /\.(cc|h|map)$/),
      ...folder('prebuilds', /\.node$/),
      ...folder('docs', /^[^\\/]+\.(md|svg|Dockerfile)$/),
      ...folder('examples', /\.mts$/),
      ...readdirSync(root).filter((name) => name.endsWith('.md')),
      ...['LICENSE', 'bench/README.md', 'dist/holdfast.1', 'native/binding.gyp', 'package.json'],
    ];
    const found = packed.files.map(({ path }) => path);
    expect(found.sort()).toEqual(expected.map((path) => path.replaceAll('\\', '/')).sort());
  });

  it('has every file that its pages link to', () => {
    const files = packed.files.map(({ path }) => path);
    const links = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((page) =>
        [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(
          ([, link = '']) => ({
            page,
            to: posix.join(posix.dirname(page), link),
          }),
        ),
      );
    expect(links.length).toBeGreaterThan(100);
    const isThere = (to: string) => files.some((path) => path === to || path.startsWith(`${to}/`));
    expect(links.filter(({ to }) => !isThere(to))).toEqual([]);
  });

  it('is clean to publint', { timeout: slow }, async () => {
    await run('npx', ['--no', 'publint', 'run', tarball, '--strict'], { cwd: root, ...options });
  });

  it('is clean to attw', { timeout: slow }, async () => {
    await run('npx', ['--no', 'attw', tarball], { cwd: root, ...options });
  });
});

const use = {
  'main.mjs': `
    import { lock, openChronicle, tryLock } from 'holdfast';
    import logTo from 'holdfast/pino';
    import lockfile from 'holdfast/proper-lockfile';
    const held = await lock('it.lock');
    const chronicle = await openChronicle('events.ndjson');
    await chronicle.append({ number: 1 });
    console.log(await tryLock('it.lock'), (await chronicle.tail(1))[0].event.number, typeof lockfile.lockSync, typeof logTo);
    await chronicle.close();
    await held.release();`,
  'main.cjs': `
    const { appendEvent, lockSync, readChronicle, tryLockSync } = require('holdfast');
    const logTo = require('holdfast/pino');
    const lockfile = require('holdfast/proper-lockfile');
    const held = lockSync('it.lock');
    appendEvent('events.ndjson', { number: 1 })
      .then(() => readChronicle('events.ndjson'))
      .then(([event]) => console.log(tryLockSync('it.lock'), event.number, typeof lockfile.lockSync, typeof logTo));`,
  'main.ts': `
    import { type FileLock, lock, openChronicle, tryLock } from 'holdfast';
    import logTo from 'holdfast/pino';
    import * as lockfile from 'holdfast/proper-lockfile';
    logTo satisfies (options: logTo.Options) => logTo.Log;
    const held: FileLock = await lock('it.lock', { mode: 'exclusive', timeout: 1000 });
    const chronicle = await openChronicle<{ number: number }>('events.ndjson');
    await chronicle.append({ number: 1 });
    const [last] = await chronicle.tail(1);
    console.log(await tryLock('it.lock'), last?.event.number satisfies number | undefined, typeof lockfile.lockSync, typeof logTo);
    await chronicle.close();
    await held.release();`,
};

/** A new project, with the tarball installed by npm as `install` says. */
async function project(name: string, install: string[]): Promise<string> {
  const directory = join(workplace, name);
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }');
  for (const [file, code] of Object.entries(use)) writeFileSync(join(directory, file), code);
  const [command = 'npm', ...rest] = install;
  await run(command, [...rest, 'install', '--no-audit', '--prefer-offline', tarball], {
    cwd: directory,
    ...options,
  });
  return directory;
}

/** Runs a program on a machine that has Node and nothing else. */
async function output(directory: string, program: string): Promise<string> {
  const env = { HOME: workplace, PATH: dirname(process.execPath), SystemRoot: process.env.SystemRoot };
  for (const left of ['events.ndjson', 'events.ndjson.ids']) rmSync(join(directory, left), { force: true });
  const { stdout, stderr } = await run(process.execPath, [program], { cwd: directory, env });
  expect(stderr).toBe('');
  return stdout;
}

describe('an empty project', () => {
  it('uses it by import, by require and from TypeScript, without a compiler', { timeout: slow }, async () => {
    const directory = await project('plain', ['npm', '--ignore-scripts']);
    expect(await output(directory, 'main.mjs')).toBe('null 1 function function\n');
    expect(await output(directory, 'main.cjs')).toBe('null 1 function function\n');
    mkdirSync(join(directory, 'node_modules', '@types'));
    symlinkSync(
      join(root, 'node_modules/@types/node'),
      join(directory, 'node_modules/@types/node'),
      'junction',
    );
    const checks = ['--strict', '--target', 'es2022', '--types', 'node', '--lib', 'es2023,esnext.disposable'];
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    for (const module of ['nodenext', 'preserve']) {
      const parameters = [compiler, ...checks, '--module', module, '--outDir', module, 'main.ts'];
      await run(process.execPath, parameters, { cwd: directory });
      expect(await output(directory, join(module, 'main.js'))).toBe('null 1 function function\n');
    }
  });

  it('uses it when npm 12 has installed it as it comes', { timeout: slow }, async () => {
    const directory = await project('npm12', ['npx', '--yes', 'npm@12']);
    expect(await output(directory, 'main.mjs')).toBe('null 1 function function\n');
  });

  it('is told how to build a binary where there is none, and then has one', {
    timeout: verySlow,
  }, async () => {
    const directory = await project('source', ['npm', '--ignore-scripts']);
    rmSync(join(directory, 'node_modules/holdfast/prebuilds'), { recursive: true });
    const failure = await output(directory, 'main.mjs').catch((error) => error.stderr);
    const [, command = ''] = /build it: (.+)$/m.exec(failure) ?? [];
    expect(command).toContain(
      `node-gyp rebuild -C "${join(directory, 'node_modules', 'holdfast', 'native')}`,
    );
    await run(command, [], { cwd: directory, shell: true, env: { ...process.env, JOBS: 'max' } });
    expect(await output(directory, 'main.mjs')).toBe('null 1 function function\n');
  });
});
