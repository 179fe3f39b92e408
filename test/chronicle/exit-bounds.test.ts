/** C11: the end of the process waits for locks no longer than one `lockTimeout` in all. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lock, lockSync } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { type Answer, SystemCalls, unwatchable } from '../support/system-calls.js';

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

/** Runs code that ends by `exit()`, which is told when it is called. */
async function exiting(code: string, directory: string, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const program = `
    const { openChronicle } = require('holdfast');
    const { join } = require('node:path');
    const directory = process.argv[1];
    const exit = () => { require('node:fs').writeSync(1, 'exit'); process.exit(); };
    (async () => { ${code} })();`;
  const child = spawn(process.execPath, ['--input-type=commonjs', '-e', program, directory], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

const lockTimeout = 3000;
/** Less than two, on a busy machine. */
const most = 1.8 * lockTimeout;
const opening = (name: string, options = '') =>
  `await openChronicle(join(directory, '${name}'), { lockTimeout: ${lockTimeout}, durability: 'none', ${options} })`;

describe('C11: The time of one lockTimeout is that of all waits together', () => {
  // Before: each group waited for as long again, after one that had its lock just before its time was over.
  it.each([
    ['one chronicle, group after group', ['a']],
    ['several chronicles', ['a', 'b', 'c']],
  ])('where locks are handed over late and are taken again: %s', async (_, names) => {
    const directory = temporaryDirectory();
    const held = await Promise.all(names.map((name) => lock(join(directory, name))));
    const child = await exiting(
      `for (const name of ${JSON.stringify(names)}) {
        const chronicle = await openChronicle(join(directory, name), {
          lockTimeout: ${lockTimeout}, durability: 'none', rotate: { maxBytes: 300 },
        });
        for (let n = 0; n < 10; n++) chronicle.append({ n, pad: 'x'.repeat(150) }).catch(() => {});
      }
      exit();`,
      directory,
    );
    const began = performance.now();
    const ended = once(child, 'exit');
    await setTimeout(0.8 * lockTimeout);
    // Whoever waits next has each lock as soon as the group of the other process is written.
    const next: Promise<{ release(): Promise<void> }>[] = [];
    for (const [index, each] of held.entries()) {
      await each.release();
      next.push(lock(join(directory, names[index] as string), { timeout: 60_000 }));
    }
    await ended;
    expect(performance.now() - began).toBeLessThan(most);
    for (const taken of next) await (await taken).release();
  });

  it.skipIf(unwatchable)('where the append that waited then fails', async () => {
    const directory = temporaryDirectory();
    const calls = await SystemCalls.under(directory);
    calls.answerAll(({ name }): Answer => (name === 'writev' ? { fail: 'ENOSPC' } : 'go'));
    const [a, b] = ['a', 'b'].map((name) => lockSync(join(directory, name)));
    const child = await exiting(
      `const a = ${opening('a', 'rotate: { maxBytes: 1 }')};
      for (let n = 0; n < 5; n++) a.append({ n }).catch(() => {});
      const b = ${opening('b')};
      b.append({ n: 1 }).catch(() => {});
      exit();`,
      directory,
      calls.env,
    );
    const began = performance.now();
    const ended = once(child, 'exit');
    await setTimeout(0.8 * lockTimeout);
    a?.releaseSync();
    await ended;
    b?.releaseSync();
    expect(performance.now() - began).toBeLessThan(most);
  });

  it.skipIf(unwatchable)(
    'where a sync takes longer, and another lock is held: no wait after it',
    async () => {
      const directory = temporaryDirectory();
      const calls = await SystemCalls.under(directory);
      const held = lockSync(join(directory, 'b'));
      let syncs = 0;
      let goOn = () => {};
      const reached = new Promise<void>((resolve) => {
        calls.answerAll(({ name, path }) => {
          if (name !== 'fdatasync' || path !== 'a' || ++syncs !== 2) return 'go';
          resolve();
          return new Promise<Answer>((answer) => {
            goOn = () => answer('go');
          });
        });
      });
      const child = await exiting(
        `const a = await openChronicle(join(directory, 'a'), { lockTimeout: ${lockTimeout} });
      await a.append({ n: 0 });
      const b = ${opening('b', 'rotate: { maxBytes: 1 }')};
      for (let n = 0; n < 20; n++) b.append({ n }).catch(() => {});
      a.append({ n: 1 });
      a.append({ n: 2 });
      exit();`,
        directory,
        calls.env,
      );
      const ended = once(child, 'exit');
      await reached;
      await setTimeout(lockTimeout);
      const began = performance.now();
      goOn();
      await ended;
      expect(performance.now() - began).toBeLessThan(0.8 * lockTimeout);
      held.releaseSync();
      expect(readFileSync(join(directory, 'a'), 'utf8').trim().split('\n')).toHaveLength(3);
    },
  );
});
