/**
 * One of the processes that append to a file. Told when the measurement begins and ends, it appends from the start,
 * to warm up, and reports how many appends were acknowledged between the two, and how long the slowest of them took,
 * in nanoseconds: of what was asked for before the end, also where the answer came after it.
 */
import { eventSource } from '../support/events.js';

const [module, name, path, process_, callers, bytes] = process.argv.slice(2);
const { contenders } = await import(`./${module}`);
// The others are not loaded: it would take longer than all else that happens before the measurement.
const contender = contenders.find((candidate) => candidate.name === name);
const append = await contender.open(path, Number(process_));
const nextEvent = eventSource(Number(bytes), process_);

process.on('message', async ({ begin, end }) => {
  const origin = BigInt(begin);
  const now = () => Number(process.hrtime.bigint() - origin);
  const last = Number(BigInt(end) - origin);
  let acknowledged = 0;
  let longestWait = 0;
  let time = now();
  const call = async () => {
    while (time < last) {
      const asked = now();
      await append(nextEvent());
      time = now();
      if (time < 0) continue;
      if (time < last) acknowledged++;
      longestWait = Math.max(longestWait, time - asked);
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, call));
  process.send({ acknowledged, longestWait }, () => process.exit());
});
process.send('ready');
