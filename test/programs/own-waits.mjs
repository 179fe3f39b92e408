// A thread that blocks while it waits for locks, or holds them. Runs the scenario that it is given the name of, in a
// directory, and answers with what it returned, or { code } of what it threw.
import { linkSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, openChronicle, tryLock, tryLockSync } from 'holdfast';

const [name, directory] = process.argv.slice(2);
const file = join(directory, 'file');
const link = join(directory, 'link');

/** Blocks the thread until the kernel lists a lock on the file that is held, or waited for. */
function blockUntil(what, path = file) {
  for (;;) {
    try {
      const lines = readFileSync('/proc/locks', 'utf8').split('\n');
      const mine = lines.filter((line) => line.includes(`:${statSync(path).ino} `));
      if (mine.some((line) => line.includes('->') === (what === 'waited for'))) return;
    } catch {
      // it is not there yet
    }
  }
}

/** A wait that was granted, which this thread has not received. */
function grantedTo(target, options) {
  const waiting = lock(target, options);
  blockUntil('held');
  return waiting;
}

/**
 * Resolves when a call that finds the lock free takes it on this thread: the directory is known to be local, and the
 * thread that has found that out has let go of the file.
 */
async function untilTriedOnThisThread() {
  for (let atOnce = false; !atOnce; ) {
    const trying = lock(file).then((held) => {
      atOnce = true;
      held.releaseSync();
    });
    await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => queueMicrotask(resolve))));
    if (atOnce) break;
    await trying;
    atOnce = false;
  }
}

async function inTurn(waiting, blocking) {
  const held = blocking.held;
  blocking.releaseSync();
  const next = await waiting;
  return { held, next: next.held };
}

/** Another thread that waits for the exclusive lock. */
function workerWaits() {
  new Worker(new URL('./locking-worker.mjs', import.meta.url), { workerData: { file } }).unref();
  blockUntil('waited for');
}

const scenarios = {
  'a grant for the same path': () => inTurn(grantedTo(file), lockSync(file)),
  'a wait that has just begun': () => inTurn(lock(file), lockSync(file)),
  'a grant, and a deadline': () => inTurn(grantedTo(file), lockSync(file, { timeout: 60_000 })),
  'a grant, and a single try': () => inTurn(grantedTo(file), lockSync(file, { timeout: 0 })),
  'a grant, and tryLockSync': () => inTurn(grantedTo(file), tryLockSync(file)),
  'a lock of a call that was free, and has not told so': async () => {
    await untilTriedOnThisThread();
    return inTurn(lock(file), lockSync(file));
  },
  'a lock of a single try that has not told so': async () => {
    await untilTriedOnThisThread();
    const waiting = tryLock(file);
    const blocking = lockSync(file);
    const held = blocking.held;
    blocking.releaseSync();
    return { held, next: (await waiting).held };
  },
  'a shared grant': () => inTurn(grantedTo(file, { mode: 'shared' }), lockSync(file)),
  'a shared grant, and a deadline': () =>
    inTurn(grantedTo(file, { mode: 'shared' }), lockSync(file, { timeout: 60_000 })),
  'a grant by another name of the file': () => {
    writeFileSync(file, '');
    linkSync(file, link);
    return inTurn(grantedTo(link), lockSync(file));
  },
  'a grant by a descriptor': () => inTurn(grantedTo(openSync(file, 'w+')), lockSync(file)),
  'a grant of a range': () => {
    const range = { start: 5, length: 5 };
    return inTurn(grantedTo(file, { kind: 'fcntl', range }), lockSync(file, { kind: 'fcntl' }));
  },
  'ten waits': async () => {
    const order = [];
    const waits = Array.from({ length: 10 }, (_, index) =>
      lock(file).then((held) => {
        order.push(index);
        held.releaseSync();
      }),
    );
    blockUntil('held');
    const held = lockSync(file);
    order.push('blocking');
    held.releaseSync();
    await Promise.all(waits);
    return { order };
  },
  'a pending upgrade': async () => {
    const shared = await lock(file, { mode: 'shared' });
    const other = await lock(file, { mode: 'shared' });
    const upgrading = shared.upgrade();
    other.releaseSync();
    const blocking = lockSync(file);
    const held = blocking.held;
    blocking.releaseSync();
    await upgrading;
    return { held, next: shared.mode === 'exclusive' };
  },
  'an exit handler': () => {
    grantedTo(file);
    process.on('exit', () => {
      writeFileSync(join(directory, 'result'), JSON.stringify({ held: lockSync(file).held }));
    });
    process.exit();
  },
  'a signal handler': () =>
    new Promise((resolve) => {
      process.on('SIGUSR2', () => resolve(inTurn(grantedTo(file), lockSync(file))));
      process.kill(process.pid, 'SIGUSR2');
      process.on('message', () => {}); // keeps the process alive
    }),
  'an append at the end': async () => {
    const chronicle = await openChronicle(file);
    grantedTo(file);
    chronicle.append({ last: 'word' });
    process.exit();
  },
  'an append at the end, and a wait that has just begun': async () => {
    const chronicle = await openChronicle(file);
    lock(link);
    lock(file);
    chronicle.append({ last: 'word' });
    process.exit();
  },
  'an append at the end, and a call for a free lock': async () => {
    const chronicle = await openChronicle(file);
    (await lock(file)).releaseSync();
    lock(file);
    chronicle.append({ last: 'word' });
    process.exit();
  },
  appendSync: async () => {
    const chronicle = await openChronicle(file);
    const waiting = grantedTo(file);
    const { duplicate } = chronicle.appendSync({ last: 'word' });
    return { held: !duplicate, next: (await waiting).held };
  },
  'appendSync, and a shared grant': async () => {
    const chronicle = await openChronicle(file, { lockTimeout: 60_000 });
    const waiting = grantedTo(file, { mode: 'shared' });
    const { duplicate } = chronicle.appendSync({ last: 'word' });
    return { held: !duplicate, next: (await waiting).held };
  },
  'a lock of its own': async () => {
    await lock(file);
    lockSync(file);
  },
  'a lock of its own, and a deadline': async () => {
    await lock(file);
    lockSync(file, { timeout: 1e9 });
  },
  'a shared lock of its own': () => {
    lockSync(file, { mode: 'shared' });
    lockSync(file);
  },
  'a lock of its own by another name': async () => {
    await lock(file);
    linkSync(file, link);
    lockSync(link);
  },
  'a lock of its own by a descriptor': () => {
    lockSync(openSync(file, 'w+'));
    lockSync(openSync(file, 'r+'));
  },
  'a range of its own': () => {
    lockSync(file, { kind: 'fcntl', range: { start: 5, length: 5 } });
    lockSync(file, { kind: 'fcntl', range: { start: 0, length: 6 } });
  },
  'a lock of its own, behind another thread that waits for it': async () => {
    await lock(file);
    workerWaits();
    lockSync(file);
  },
  'a lock of its own, and appendSync': async () => {
    const chronicle = await openChronicle(file, { lockTimeout: 1e9 });
    await lock(file);
    chronicle.appendSync({ last: 'word' });
  },
  'another shared lock, behind another thread that waits': async () => {
    const mine = await lock(file, { mode: 'shared' });
    workerWaits();
    return inTurn(Promise.resolve(mine), lockSync(file, { mode: 'shared' }));
  },
  'a range beside its own': async () => {
    const mine = lockSync(file, { kind: 'fcntl', range: { start: 0, length: 5 } });
    return inTurn(Promise.resolve(mine), lockSync(file, { kind: 'fcntl', range: { start: 5, length: 5 } }));
  },
};

try {
  process.send({ result: await scenarios[name]() });
} catch ({ code, message }) {
  process.send({ code, message });
}
process.disconnect();
