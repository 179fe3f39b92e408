// Appends without waiting for it, and calls process.exit: at once, after an append in its 'exit' event, or in
// a worker.
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { openChronicle } from 'holdfast';

const [how, file] = isMainThread ? process.argv.slice(2) : ['at once', workerData];

if (how === 'in a worker') {
  new Worker(new URL(import.meta.url), { workerData: file });
} else {
  const chronicle = await openChronicle(file);
  const events = Array.from({ length: 1000 }, (_, n) => ({ eventId: `${n}` }));
  const last = how.startsWith('in exit') ? events.splice(990) : [];
  for (const event of events) void chronicle.append(event);
  process.on('exit', () => {
    for (const event of last) {
      if (how === 'in exit') chronicle.appendSync(event);
      else void chronicle.append(event);
    }
  });
  process.exit();
}
