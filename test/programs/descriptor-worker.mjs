// A worker thread that tries the lock on a descriptor, waits for it if it is told to, and keeps it until it ends.
import { parentPort, workerData } from 'node:worker_threads';
import { lock, tryLock } from 'holdfast';

const { descriptor, options, wait } = workerData;
// The port keeps the thread alive, which a held lock does not.
parentPort.on('message', () => process.exit());
const tried = await tryLock(descriptor, options);
parentPort.postMessage(tried ? 'held' : 'busy');
if (!tried && wait) {
  await lock(descriptor, options);
  parentPort.postMessage('held');
}
