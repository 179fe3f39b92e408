/** A package whose addon does not load says why, and what to do: each reason has another remedy. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What a program prints on standard error, where holdfast stands in its node_modules as `arrange` has left
 * it.
 */
async function failure(arrange: (folder: string) => void, ...flags: string[]): Promise<string> {
  const directory = temporaryDirectory();
  const folder = join(directory, 'node_modules', 'holdfast');
  mkdirSync(folder, { recursive: true });
  for (const part of ['dist', 'prebuilds', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  arrange(folder);
  const run = promisify(execFile)(process.execPath, [...flags, '-e', "require('holdfast')"], {
    cwd: directory,
  });
  return run.then(
    () => '',
    ({ stderr }: { stderr: string }) => stderr,
  );
}

it('loads where nothing is wrong', async () => {
  expect(await failure(() => {})).toBe('');
});

it('no binary for this machine: the command that builds one', async () => {
  const message = await failure((folder) => rmSync(join(folder, 'prebuilds'), { recursive: true }));
  expect(message).toMatch(
    /no binary that loads on this machine .* build it: npm install .*node-gyp rebuild -C ".*native"/,
  );
});

it('bundled: how to leave it out', async () => {
  const message = await failure((folder) =>
    writeFileSync(join(folder, 'package.json'), '{ "name": "service", "main": "dist/lib/index.js" }'),
  );
  expect(message).toMatch(/holdfast was bundled.* --external:holdfast/);
});

it('addons are forbidden: what to allow', async () => {
  expect(await failure(() => {}, '--no-addons')).toMatch(/may not load it .*--no-addons/);
});
