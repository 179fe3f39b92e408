// Does the same thing many times over and tells what it left behind: descriptors, threads and memory.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, openChronicle, tryLock } from 'holdfast';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
const [directory] = process.argv.slice(2);

const workloads = {
  async locks(count) {
    const file = join(directory, 'locked');
    for (let number = 0; number < count; number += 4) {
      await (await lock(file)).release();
      lockSync(`${file}${number % 20}`).releaseSync();
      await (await lock(file, { kind: 'fcntl', mode: 'shared' })).release();
      const held = await lock(file);
      await tryLock(file);
      await lock(file, { timeout: 0 }).catch(() => {});
      await held.release({ remove: true });
    }
  },

  async chronicles(count) {
    for (let number = 0; number < count; number++) {
      const chronicle = await openChronicle(join(directory, `chronicle${number % 8}`), {
        dedupe: 'consecutive',
      });
      await chronicle.append({ number });
      if (number % 10 === 0) for await (const _ of chronicle.read({ limit: 3 }));
      await chronicle.close();
    }
  },

  // Not closed; some with an append that nobody waits for.
  async dropped(count) {
    // What ends waits has a thread, which is made once.
    const held = await lock(join(directory, 'held'));
    await lock(held.path, { timeout: 1 }).catch(() => {});
    await held.release();
    for (let number = 0; number < count; number++) {
      const dedupe = number % 2 === 0 ? 'all' : 'consecutive';
      const chronicle = await openChronicle(join(directory, `dropped ${dedupe}`), { dedupe });
      if (number % 3 === 0) chronicle.append({ number });
      if (number % 50 === 0) collectGarbage();
    }
  },

  // Each worker is terminated with a lock that it holds, one that it waits for, and appends on their way.
  async workers(count) {
    const url = new URL('leaking-worker.mjs', import.meta.url);
    const held = await lock(join(directory, 'taken'));
    for (let number = 0; number < count; number++) {
      const worker = new Worker(url, { workerData: directory });
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
    }
    await held.release();
  },
};

const now = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
  memory: process.memoryUsage().rss,
  heap: process.memoryUsage().heapUsed,
});

// Files and threads are kept for a moment. Waits until no more go.
async function settled() {
  let least = now();
  for (let same = 0; same < 8; same++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 250));
    const next = now();
    if (next.descriptors < least.descriptors || next.threads < least.threads) same = 0;
    least = next;
  }
  return least;
}

process.on('message', async ({ workload, count }) => {
  await workloads[workload](count);
  process.send(await settled());
});
