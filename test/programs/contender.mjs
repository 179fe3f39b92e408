// Takes the lock on one file again and again, from several threads and several calls in each: exclusive and
// shared, with timeouts and aborts, now and then by the blocking function, and now and then renames the file
// that it holds. Writes what it holds into a history, a directory (see test/support/lock-history.ts).
import { openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { lock, lockSync, tryLock } from 'holdfast';

const settings = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const { file, history, threads, calls, rounds } = settings;
// A file of its own: appends of several processes to one file are not whole on every system.
const log = openSync(join(history, `${process.pid}.${threadId}`), 'a');

// mulberry32: the seed makes the choices of a run repeatable, though not their timing.
let state = (settings.seed + threadId * 7919) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

async function acquire(mode) {
  const choice = random();
  try {
    if (choice < 0.1) return await tryLock(file, { mode });
    if (choice < 0.15) return lockSync(file, { mode, timeout: 5 });
    if (choice < 0.4) return await lock(file, { mode, timeout: random() * 10 });
    if (choice < 0.6)
      return await lock(file, { mode, signal: AbortSignal.timeout(Math.ceil(random() * 10)) });
    return await lock(file, { mode });
  } catch (error) {
    if (error.code === 'ELOCK_TIMEOUT' || error.name === 'TimeoutError') return null;
    throw error;
  }
}

async function contend(call) {
  for (let round = 0; round < rounds; round++) {
    const mode = random() < 0.7 ? 'exclusive' : 'shared';
    const held = await acquire(mode);
    if (!held) continue;
    const holder = `${process.pid}.${threadId}.${call}.${round}`;
    writeSync(log, `+ ${holder} ${mode} ${process.hrtime.bigint()}\n`);
    if (random() < 0.5) await setImmediate();
    else await setTimeout(random() * 2);
    writeSync(log, `- ${holder} ${process.hrtime.bigint()}\n`);
    // Who renames the file that it holds gives the name, and with it the lock, to others.
    if (mode === 'exclusive' && random() < 0.05) renameSync(file, `${file}.${holder}`);
    await held.release();
  }
}

const workers = isMainThread
  ? Array.from({ length: threads - 1 }, () => new Worker(new URL(import.meta.url), { workerData: settings }))
  : [];
await Promise.all([
  ...Array.from({ length: calls }, (_, call) => contend(call)),
  ...workers.map(
    (worker) => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject)),
  ),
]);
if (isMainThread) process.send({ done: true });
