// A worker thread that is terminated in the middle of everything.
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { lock, openChronicle } from 'holdfast';

const chronicle = await openChronicle(join(workerData, 'of workers'), { dedupe: false });
await lock(join(workerData, 'shared'), { mode: 'shared' });
lock(join(workerData, 'taken')).catch(() => {});
for (let number = 0; number < 100; number++) chronicle.append({ number }).catch(() => {});
parentPort.postMessage('ready');
