/**
 * One of the processes that append to a file. Told when the measurement begins and ends, it appends from the start,
 * to warm up, and reports how many appends were acknowledged between the two.
 */
import { eventSource } from '../support/events.js';
import { loadContenders } from './contenders.js';

const [name, path, process_, callers, bytes] = process.argv.slice(2);
const contender = (await loadContenders()).find((candidate) => candidate.name === name);
const append = await contender.open(path, Number(process_));
const nextEvent = eventSource(Number(bytes), process_);

process.on('message', async ({ begin, end }) => {
  const origin = BigInt(begin);
  const now = () => Number(process.hrtime.bigint() - origin);
  const last = Number(BigInt(end) - origin);
  let acknowledged = 0;
  let time = now();
  const call = async () => {
    while (time < last) {
      await append(nextEvent());
      time = now();
      if (time >= 0 && time < last) acknowledged++;
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, call));
  process.send(acknowledged, () => process.exit());
});
process.send('ready');
