// Reads a file once, and says what it saw and how much memory this process ever had, in bytes.
import { openChronicle } from 'holdfast';

const damage = [];
const chronicle = await openChronicle(process.argv[2], {
  onCorrupt: (line) => damage.push(line),
  dedupe: false,
});
let events = 0;
for await (const batch of chronicle.readBatches()) events += batch.length;
const [last] = await chronicle.tail(1);
process.send({ events, damage, last: last.event, peakBytes: process.resourceUsage().maxRSS * 1024 });
process.disconnect();
