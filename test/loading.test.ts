/** The package loads by import and by require(), which give the same functions. */
import { execFileSync } from 'node:child_process';
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
