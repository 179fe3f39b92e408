// Loads the library in worker threads only, and ends them while they hold one lock and wait for another. The
// main thread never loads it, so each ending thread is the last that uses it.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const [file] = process.argv.slice(2);
const rounds = 20;
for (let round = 0; round < rounds; round++) {
  const data = { workerData: { file: `${file}-${round}` } };
  const program = new URL('./locking-worker.mjs', import.meta.url);
  const holder = new Worker(program, data);
  // 'called', then 'held'.
  while ((await once(holder, 'message'))[0] !== 'held');
  const waiter = new Worker(program, data);
  await once(waiter, 'message');
  await Promise.all([waiter.terminate(), holder.terminate()]);
}
process.send({ rounds });
process.disconnect();
