// Reads a file until it is told to stop, again and again, from offsets where events were seen to begin,
// forwards or backwards, with each way of reading in turn. Sends what every reading saw: { from, reverse,
// seen: [offset, length, id] }.
import { openChronicle } from 'holdfast';

const [file] = process.argv.slice(2);
let stopped = false;
process.on('message', () => {
  stopped = true;
});

const damage = [];
const chronicle = await openChronicle(file, { onCorrupt: (line) => damage.push(line), dedupe: false });
const known = [0];

const ways = [
  async (range) => {
    const entries = [];
    for await (const entry of chronicle.read(range)) entries.push(entry);
    return entries;
  },
  async (range) => {
    const entries = [];
    for await (const batch of chronicle.readBatches(range)) entries.push(...batch);
    return entries;
  },
  (range) => chronicle.toArray(range),
  async (range) => {
    const entries = [];
    for await (const entry of chronicle.stream(range)) entries.push(entry);
    return entries;
  },
];

process.send('ready');
for (let reading = 0; !stopped; reading++) {
  const from = known[(reading * 7919) % known.length];
  const reverse = reading % 3 === 2;
  const entries = await ways[reading % ways.length]({ from, reverse });
  if (reverse) entries.reverse();
  for (const { next } of entries) if (known.at(-1) < next) known.push(next);
  process.send({
    from,
    reverse,
    seen: entries.map(({ offset, length, event }) => [offset, length, event.eventId]),
  });
  // An answer to `stop` must come in between.
  await new Promise((resolve) => setImmediate(resolve));
}
await chronicle.close();
process.send({ damage });
process.disconnect();
