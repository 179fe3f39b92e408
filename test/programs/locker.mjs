// Takes and releases locks on command. Every command is answered with { held }, { started } or { error }.
import { spawn } from 'node:child_process';
import { closeSync, open, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, tryLock } from 'holdfast';

const locks = new Map();
const warnings = [];
process.on('warning', ({ code }) => warnings.push(code));

const commands = {
  async lock({ file, options }) {
    const held = await lock(file, options);
    locks.set(file, held);
    return { held: true, fence: held.fence };
  },
  // Takes the lock and watches it.
  async watched({ file }) {
    const held = await lock(file);
    locks.set(file, held);
    return { held: !held.lost.aborted };
  },
  lockSync({ file, options }) {
    locks.set(file, lockSync(file, options));
    return { held: true };
  },
  async tryLock({ file, options }) {
    const taken = await tryLock(file, options);
    if (taken) locks.set(file, taken);
    return { held: taken !== null };
  },
  // Locks a descriptor for a moment, as `use` does.
  async throughDescriptor({ use, file }) {
    const descriptor = openSync(file, 'a+');
    const held = await { lock, tryLock }[use](descriptor);
    held?.releaseSync();
    closeSync(descriptor);
    return { held: held !== null };
  },
  async release({ file, options }) {
    await locks.get(file).release(options);
    return { held: false };
  },
  // A child that outlives this process and would keep what it inherits.
  child() {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1e6)'], {
      stdio: 'ignore',
      detached: true,
    });
    child.unref();
    return { started: child.pid };
  },
  // Every thread of libuv's pool waits for somebody who writes to the FIFO.
  blockPool({ file }) {
    for (let i = 0; i < 64; i++) open(file, () => {});
    return { started: true };
  },
  // A worker thread that takes the lock and keeps it.
  async worker({ file }) {
    const worker = new Worker(new URL('./locking-worker.mjs', import.meta.url), { workerData: { file } });
    await new Promise((resolve) => {
      worker.on('message', (message) => message === 'held' && resolve());
    });
    return { held: true };
  },
  warnings() {
    return { warnings };
  },
  exit() {
    process.exit(0);
  },
  crash() {
    if (process.platform === 'win32') process.abort();
    process.kill(process.pid, 'SIGSEGV');
  },
  throw() {
    setImmediate(() => {
      throw new Error('uncaught, on purpose');
    });
    return new Promise(() => {});
  },
  // Nothing more to do: the process ends when nothing keeps it alive.
  leave() {
    process.disconnect();
    return new Promise(() => {});
  },
};

process.on('message', async ({ command, ...rest }) => {
  try {
    const answer = await commands[command](rest);
    if (process.connected) process.send(answer);
  } catch (error) {
    process.send({ error: { code: error.code, message: error.message } });
  }
});
process.send({ ready: true });
