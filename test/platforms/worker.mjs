// A worker thread that takes the lock and keeps it.
import { parentPort, workerData } from 'node:worker_threads';
import { lock } from 'holdfast';

await lock(workerData.file);
setInterval(() => {}, 1000);
parentPort.postMessage('held');
