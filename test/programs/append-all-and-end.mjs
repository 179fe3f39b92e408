// Appends without waiting for it, and comes to its end: appendEvent or an open chronicle, as the first
// argument says.
import { appendEvent, openChronicle } from 'holdfast';

const [way, file] = process.argv.slice(2);
const events = Array.from({ length: 100 }, (_, n) => ({ eventId: `${n}` }));
if (way === 'appendEvent') {
  for (const event of events) void appendEvent(file, event);
} else {
  const chronicle = await openChronicle(file);
  for (const event of events) void chronicle.append(event);
}
