// Opens a chronicle by a relative path of bytes, goes to another directory, and appends.
import { openChronicle } from 'holdfast';

const [directory, name, elsewhere] = process.argv.slice(2);
process.chdir(directory);
const chronicle = await openChronicle(Buffer.from(name));
process.chdir(elsewhere);
await chronicle.append({ eventId: 'first' });
await chronicle.close();
process.disconnect();
