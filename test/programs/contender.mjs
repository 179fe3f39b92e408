// Takes the lock on one file again and again, from several threads and several calls in each: exclusive and
// shared, with timeouts and aborts, now and then by the blocking function, and now and then renames the file
// that it holds, or (with `removes`) removes one that others hold. Starts other programs meanwhile. Writes what
// it holds into a history, a directory (see test/support/lock-history.ts).
import { spawn } from 'node:child_process';
import { openSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { lock, lockSync, tryLock } from 'holdfast';

const settings = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const { file, history, threads, calls, rounds, removes } = settings;
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
    // Among the waits of this very thread, for as long as it takes.
    if (choice < 0.2) return lockSync(file, { mode });
    if (choice < 0.4) return await lock(file, { mode, timeout: random() * 10 });
    if (choice < 0.6)
      return await lock(file, { mode, signal: AbortSignal.timeout(Math.ceil(random() * 10)) });
    return await lock(file, { mode });
  } catch (error) {
    // EDEADLK: another call of this thread holds it.
    if (['ELOCK_TIMEOUT', 'EDEADLK'].includes(error.code) || error.name === 'TimeoutError') return null;
    throw error;
  }
}

function inode() {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** The end of a line of the history: whether somebody removed the file meanwhile, which the holder is told. */
async function told(lost, before) {
  if (inode() === before && !lost.aborted) return '';
  while (!lost.aborted) await setTimeout(1);
  return ' told';
}

async function contend(call) {
  for (let round = 0; round < rounds; round++) {
    const mode = random() < 0.7 ? 'exclusive' : 'shared';
    const held = await acquire(mode);
    if (!held) continue;
    const holder = `${process.pid}.${threadId}.${call}.${round}`;
    const lost = removes && held.lost;
    const before = removes && inode();
    writeSync(log, `+ ${holder} ${mode} ${process.hrtime.bigint()}\n`);
    if (random() < 0.5) await setImmediate();
    else await setTimeout(random() * 2);
    if (removes && random() < 0.1) {
      try {
        unlinkSync(file);
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
    }
    const end = removes ? await told(lost, before) : '';
    writeSync(log, `- ${holder} ${process.hrtime.bigint()}${end}\n`);
    // Who renames the file that it holds gives the name, and with it the lock, to others.
    if (!removes && mode === 'exclusive' && random() < 0.05) renameSync(file, `${file}.${holder}`);
    await held.release();
  }
}

let ended = false;
/** A thread between fork and exec has a copy of every descriptor. */
async function startOthers() {
  while (!ended) {
    await new Promise((resolve) => spawn('true').on('error', resolve).on('exit', resolve));
    await setTimeout(100);
  }
}
if (isMainThread) startOthers();

const workers = isMainThread
  ? Array.from({ length: threads - 1 }, () => new Worker(new URL(import.meta.url), { workerData: settings }))
  : [];
await Promise.all([
  ...Array.from({ length: calls }, (_, call) => contend(call)),
  ...workers.map(
    (worker) => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject)),
  ),
]);
ended = true;
if (isMainThread) process.send({ done: true });
