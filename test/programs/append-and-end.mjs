// Appends one event and comes to its end: nothing that the append left behind may keep the process alive.
// Says first which timers would.
import { appendEvent } from 'holdfast';

const [file] = process.argv.slice(2);
await appendEvent(file, { eventId: 'last words' });
process.send(process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout'));
process.disconnect();
