// Follows a chronicle, restarts now and then from the last position that it has told of, and tells what it gets:
// { events: [id, …], position } and { gap: { after, files, next } }.
import { setTimeout } from 'node:timers/promises';
import { followChronicle } from 'holdfast';

const [file, seed] = process.argv.slice(2);
let state = Number(seed);
const below = (limit) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % limit;
};

let after;
for (;;) {
  let left = 1 + below(400);
  const onGap = ({ gap }) => process.send({ gap });
  const options = { ...(after !== undefined && { after }), onGap, onCorrupt: 'skip' };
  for await (const { event, position } of followChronicle(file, options)) {
    after = position;
    process.send({ event: event.eventId, position });
    if (below(60) === 0) await setTimeout(below(30)); // a slow consumer
    if (--left === 0) break;
  }
}
