// A worker thread that takes a lock, says so, and keeps it; or, told to wait, says so and waits for it.
import { parentPort, workerData } from 'node:worker_threads';
import { lock, lockSync } from 'holdfast';

const { file, sync } = workerData;
// The port keeps the thread alive, which a held lock does not.
parentPort.on('message', () => process.exit());
if (sync) {
  lockSync(file);
} else {
  const waiting = lock(file);
  parentPort.postMessage('called');
  await waiting;
}
parentPort.postMessage('held');
