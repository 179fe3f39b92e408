/**
 * One of the processes that log. It logs as a service does: some lines in each turn of the event loop. Told to begin, it
 * reports how many milliseconds passed until the last line was in the file.
 */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import pino from 'pino';
import { contenders } from './contenders.js';

const [name, path, durable, maxBytes, number, lines] = process.argv.slice(2);
const { open } = contenders.find((contender) => contender.name === name);
const stream = open(path, durable === 'true', Number(maxBytes));
const logger = pino({ base: { process: Number(number) } }, stream);
const linesInTurn = 20;

logger.info({ warm: true }, 'ready');
await once(stream, 'ready');
stream.ref?.(); // a worker thread keeps the process until it is closed
process.send('ready');
await once(process, 'message');
const began = performance.now();
const usage = process.cpuUsage();
for (let line = 0; line < Number(lines); line++) {
  logger.info(
    { line, request: { method: 'GET', url: `/orders/${line}`, ms: line % 97 } },
    'request completed',
  );
  if (line % linesInTurn === 0) await turn();
}
stream.end();
await once(stream, 'close');
process.send({ milliseconds: performance.now() - began, user: process.cpuUsage(usage).user / 1e3 }, () =>
  process.exit(),
);
