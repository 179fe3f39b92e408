/**
 * One of the processes that pass a lock around. Told a contender, a path and a span of time, it takes the lock again
 * and again and answers with the times at which each lock was asked for, taken and given back.
 *
 * process.hrtime.bigint() is CLOCK_MONOTONIC, which all processes of a machine share.
 */
import { loadContenders, ours } from './contenders.js';

// Two hundred processes that load every peer take long.
const contenders = process.argv[2] === 'ours' ? ours : await loadContenders();
const sleeper = new Int32Array(new SharedArrayBuffer(4));

process.on('message', async ({ name, path, begin, end, holdMs }) => {
  const { hold } = contenders.find((contender) => contender.name === name);
  const times = [];
  const origin = BigInt(begin);
  const now = () => Number(process.hrtime.bigint() - origin);
  const sleep = (milliseconds) => Atomics.wait(sleeper, 0, 0, milliseconds);
  const last = Number(BigInt(end) - origin);
  sleep(Math.max(0, -now() / 1e6));
  let asked = now();
  let taken = 0;
  let released = 0;
  const body = () => {
    taken = now();
    sleep(holdMs);
    released = now();
  };
  while (asked < last) {
    await hold(path, body);
    times.push([asked, taken, released]);
    sleep(holdMs);
    asked = now();
  }
  process.send({ times });
});
process.send('ready');
