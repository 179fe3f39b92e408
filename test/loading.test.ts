/** The package loads by import and by require(), which give the same functions. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));

it.each([
  ['module', `import * as holdfast from 'holdfast';`],
  ['commonjs', `const holdfast = require('holdfast');`],
])('as %s', (type, statement) => {
  const code = `${statement} console.log(typeof holdfast.lock, typeof holdfast.openChronicle);`;
  const output = execFileSync(process.execPath, [`--input-type=${type}`, '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(output).toBe('function function\n');
});

it('twice in one process is one library: a lock taken through one excludes the other', () => {
  const code = `
    const { lockSync, tryLockSync } = require('holdfast');
    import('holdfast').then((holdfast) => {
      const held = lockSync(process.argv[1]);
      console.log(holdfast.lockSync === lockSync, holdfast.tryLockSync(process.argv[1]));
      held.releaseSync({ remove: true });
    });`;
  const file = join(temporaryDirectory(), 'file');
  const output = execFileSync(process.execPath, ['--input-type=commonjs', '-e', code, file], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(output).toBe('true null\n');
});

it('many copies exclude each other, and do what is to be done at the exit by one listener', () => {
  const directory = temporaryDirectory();
  const code = `
    const { join } = require('node:path');
    const directory = process.argv[1];
    const copies = Array.from({ length: 12 }, () => {
      for (const name of Object.keys(require.cache)) delete require.cache[name];
      return { ...require('holdfast'), lockfile: require('holdfast/proper-lockfile') };
    });
    const held = copies[0].lockSync(join(directory, 'lock'));
    const areExcluded = copies.every(({ tryLockSync }) => tryLockSync(join(directory, 'lock')) === null);
    held.releaseSync({ remove: true });
    for (const [index, { lockfile }] of copies.entries())
      lockfile.lockSync(join(directory, 'of-' + index), { realpath: false });
    const opened = copies.map(({ openChronicle }) => openChronicle(join(directory, 'a.ndjson')));
    Promise.all(opened).then((chronicles) => {
      for (const [index, chronicle] of chronicles.entries()) chronicle.append({ index });
      console.log(new Set(copies.map(({ lock }) => lock)).size, areExcluded, process.listenerCount('exit'));
      process.exit();
    });`;
  const output = execFileSync(process.execPath, ['--input-type=commonjs', '-e', code, directory], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(output).toBe('12 true 1\n');
  expect(readdirSync(directory)).toEqual(['a.ndjson']);
  const lines = readFileSync(join(directory, 'a.ndjson'), 'utf8').trim().split('\n');
  const numbers = lines.map((line) => JSON.parse(line).index).sort((one, other) => one - other);
  expect(numbers).toEqual(Array.from({ length: 12 }, (_, index) => index));
});

it('two copies in one process recognise the errors of each other', () => {
  const copy = join(temporaryDirectory(), 'node_modules', 'holdfast');
  mkdirSync(copy, { recursive: true });
  for (const name of ['package.json', 'dist/lib'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['build', 'prebuilds', 'node_modules']) symlinkSync(join(root, name), join(copy, name));
  const code = `
    const [one, other] = await Promise.all([import('holdfast'), import(process.argv[1])]);
    const errorOf = ({ lockSync }) => { try { lockSync(''); } catch (error) { return error; } };
    class Derived extends one.HoldfastError {}
    console.log(
      one.HoldfastError === other.HoldfastError,
      errorOf(one) instanceof other.HoldfastError,
      errorOf(other) instanceof one.HoldfastError,
      new Derived('EIO', '') instanceof other.HoldfastError,
      errorOf(one) instanceof Derived,
      new Derived('EIO', '') instanceof Derived,
      new Error() instanceof one.HoldfastError,
      Object.keys(errorOf(one)).includes('holdfast.error'),
    );`;
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '-e', code, join(copy, 'dist/lib/index.js')],
    { cwd: root, encoding: 'utf8' },
  );
  expect(output).toBe('false true true true false true false false\n');
});

describe('code comes from the package alone', () => {
  const platform = `${process.platform}-${process.arch}`;
  const addon = ['build/Release/holdfast.node', `prebuilds/${platform}/holdfast.node`]
    .map((place) => join(root, place))
    .find(existsSync) as string;

  /** A file that is no addon: whoever loads it fails. */
  function plant(...path: string[]): string {
    const file = join(...path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'planted');
    return file;
  }

  const works = `const { lockSync } = require(process.argv[1]); lockSync(process.argv[2]).releaseSync(); console.log('ok');`;
  /** A copy of the package, with this binary and no other. */
  function packageWith(...places: string[]): string {
    const directory = temporaryDirectory();
    const copy = join(directory, 'node_modules', 'holdfast');
    for (const name of ['package.json', 'dist/lib'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    for (const place of places) {
      mkdirSync(dirname(join(copy, place)), { recursive: true });
      cpSync(addon, join(copy, place));
    }
    return copy;
  }

  function load(copy: string, { cwd = root, env = {}, node = process.execPath } = {}) {
    const { NODE_OPTIONS: _, HOLDFAST_TEST_ADDON: __, ...clean } = process.env;
    const file = join(temporaryDirectory(), 'file');
    return execFileSync(node, ['-e', works, copy, file], {
      cwd,
      env: { ...clean, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  it.each(['HOLDFAST_PREBUILD', 'holdfast_PREBUILD', 'HOLDFAST_TEST_ADDON', 'npm_config_prebuild'])(
    'the variable %s names a directory with another addon',
    (variable) => {
      const other = temporaryDirectory();
      plant(other, 'build', 'Release', 'holdfast.node');
      plant(other, 'prebuilds', platform, 'holdfast.node');
      const copy = packageWith(`prebuilds/${platform}/holdfast.node`);
      expect(load(copy, { env: { [variable]: other } })).toBe('ok\n');
    },
  );

  it('PREBUILDS_ONLY does not hide the binary of a checkout', () => {
    expect(load(packageWith('build/Release/holdfast.node'), { env: { PREBUILDS_ONLY: '1' } })).toBe('ok\n');
  });

  it('an addon in the current directory, and beside the package, is not loaded', () => {
    const copy = packageWith();
    for (const cwd of [temporaryDirectory(), dirname(dirname(copy))]) {
      for (const place of ['build/Release', `prebuilds/${platform}`]) {
        mkdirSync(join(cwd, place), { recursive: true });
        cpSync(addon, join(cwd, place, 'holdfast.node'));
      }
      expect(() => load(copy, { cwd })).toThrow('no binary that loads');
    }
  });

  it.skipIf(process.platform === 'win32')('an addon beside the executable is not loaded', () => {
    const directory = temporaryDirectory();
    const node = join(directory, 'node');
    cpSync(process.execPath, node);
    mkdirSync(join(directory, 'prebuilds', platform), { recursive: true });
    cpSync(
      join(root, 'build/Release/holdfast.node'),
      join(directory, 'prebuilds', platform, 'holdfast.node'),
    );
    expect(() => load(packageWith(), { node })).toThrow('no binary that loads');
  });

  it('under a name of its own, or in a build for debugging, nothing is loaded', () => {
    const copy = packageWith(`prebuilds/${platform}/node.napi.node`, 'build/Debug/holdfast.node');
    expect(() => load(copy)).toThrow('no binary that loads');
  });

  it.each([
    'build/Release/holdfast.node',
    `prebuilds/${platform}/holdfast.node`,
    'native/build/Release/holdfast.node',
  ])('%s is loaded, also where another one is damaged', (place) => {
    const copy = packageWith(place);
    for (const other of ['build/Release/holdfast.node', `prebuilds/${platform}/holdfast.node`])
      if (other !== place) plant(copy, other);
    expect(load(copy)).toBe('ok\n');
  });

  it('without a binary, the message tells the platform, the C library and the command', () => {
    const library = process.platform === 'linux' ? ', glibc [\\d.]+' : '';
    expect(() => load(packageWith())).toThrow(
      new RegExp(
        `\\(${process.platform} ${process.arch}${library}, Node-API of node v.*npx node-gyp rebuild`,
      ),
    );
  });
});
