/** The package loads by import and by require(), which give the same functions. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
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
