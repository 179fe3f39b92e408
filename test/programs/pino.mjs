// Logs with pino to a file of holdfast/pino, and ends in one way or another. Says 'logged' first where it is told to
// end by a signal from outside.
import logTo from 'holdfast/pino';
import pino from 'pino';

const beside = process.argv[3].endsWith('signal-exit');
if (beside) await import('proper-lockfile'); // which uses signal-exit

const [how, ending, path, name, count, options = '{}'] = process.argv.slice(2);
const given = { path, ...JSON.parse(options) };
const logger = pino(
  { base: { name } },
  how === 'stream' ? logTo(given) : pino.transport({ target: 'holdfast/pino', options: given }),
);

for (let number = 0; number < Number(count); number++) {
  logger.info({ number, text: 'Zoë\u2028\n\ud83d' }, 'hello');
  if (number % 100 === 99 && how === 'stream') await new Promise((resolve) => setImmediate(resolve));
}

if (ending === 'exit') process.exit(0);
if (ending === 'exit in exit') process.on('exit', () => logger.info({ number: Number(count) }, 'last'));
if (ending === 'throw') throw new Error('as asked');
// Node forgets a signal of which it has not told its listeners yet, where there is nothing more to do.
if (['SIGTERM', 'SIGTERM, heard'].includes(ending) || beside) setInterval(() => {}, 1000);
if (ending === 'SIGTERM' || beside) process.kill(process.pid, 'SIGTERM');
if (ending === 'SIGTERM, heard') {
  process.once('SIGTERM', () => process.exit(143));
  process.kill(process.pid, 'SIGTERM');
}
if (ending === 'SIGTERM, ignored') {
  process.on('SIGTERM', () => {});
  for (const _ of [1, 2]) {
    process.kill(process.pid, 'SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  logger.info({ number: Number(count) }, 'goes on');
  process.removeAllListeners('SIGTERM');
}
if (ending === 'SIGKILL') process.kill(process.pid, 'SIGKILL');
