/** C11: the end of the process waits for locks no longer than one `lockTimeout` in all. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lock, lockSync } from 'holdfast';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the code, which ends by process.exit(); how many milliseconds that took, by its own clock. */
async function exitTime(code: string, directory: string): Promise<number> {
  const program = `
    const { openChronicle } = require('holdfast');
    const { join } = require('node:path');
    const directory = process.argv[1];
    const exit = () => {
      const began = performance.now();
      process.on('exit', () => require('node:fs').writeSync(1, String(performance.now() - began)));
      process.exit();
    };
    (async () => { ${code} })();`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=commonjs', '-e', program, directory],
    { cwd: root, timeout: 120_000 },
  );
  return Number(stdout);
}

it.each([
  ['with rotation', 'rotate: { maxBytes: 6400 }'],
  ['without', ''],
])('one chronicle whose lock is held elsewhere, 6,400 pending appends, %s', async (_, options) => {
  const directory = temporaryDirectory();
  const held = await lock(join(directory, 'a'));
  const time = await exitTime(
    `const chronicle = await openChronicle(join(directory, 'a'), { lockTimeout: 1000, ${options} });
    for (let n = 0; n < 6400; n++) chronicle.append({ n }).catch(() => {});
    exit();`,
    directory,
  );
  await held.release();
  expect(time).toBeGreaterThan(50);
  expect(time).toBeLessThan(4000); // one lockTimeout, on a busy machine
});

it('thirty chronicles whose locks are held elsewhere, and one that is free', async () => {
  const directory = temporaryDirectory();
  const held = Array.from({ length: 30 }, (_, n) => lockSync(join(directory, `${n}`)));
  const time = await exitTime(
    `for (let n = 0; n <= 30; n++) {
      const chronicle = await openChronicle(join(directory, String(n)), { lockTimeout: 1000 });
      for (let i = 0; i < 5; i++) chronicle.append({ i }).catch(() => {});
    }
    exit();`,
    directory,
  );
  for (const lock of held) lock.releaseSync();
  expect(time).toBeLessThan(4000);
  expect(readFileSync(join(directory, '30'), 'utf8').split('\n')).toHaveLength(6);
});
