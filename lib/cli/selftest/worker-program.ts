/** A worker thread that takes a lock and keeps it. */
import { parentPort, workerData } from 'node:worker_threads';
import { lock } from '../../index.js';

async function hold({ file }: { file: string }): Promise<void> {
  await lock(file);
  setInterval(() => {}, 1000);
  parentPort?.postMessage('held');
}

void hold(workerData as { file: string });
