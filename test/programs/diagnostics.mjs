// Does once in a directory what each diagnostics channel tells of. Its second argument says whether the sync
// of the file `poisoned` is going to fail.
import { channel } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock, openChronicle, repairChronicle } from 'holdfast';

const [directory, names] = process.argv.slice(2);
const path = (name) => join(directory, name);

const held = await lock(path('lock'));
await lock(path('lock'), { timeout: 1 }).catch(() => {});
await held.release();

const chronicle = await openChronicle(path('rotated'), { rotate: { maxBytes: 100 } });
await chronicle.append({ eventId: 'a'.repeat(60) });
await chronicle.append({ eventId: 'b'.repeat(60) });
await chronicle.close();

writeFileSync(path('damaged'), 'no event\n');
await repairChronicle(path('damaged'), { force: true });

const poisoned = await openChronicle(path('poisoned'));
await poisoned.append({ eventId: 'c' }).catch(() => {});
await poisoned.close();

for (const name of names.split(',')) console.log(name, channel(`holdfast:${name}`).hasSubscribers);
