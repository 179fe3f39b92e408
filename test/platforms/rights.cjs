// Makes files out of old ones in the directory that is given, and beside them: test/platforms/main.mjs looks at them. Wine
// replaces no file that is open, as repair and rotation do.
const { join } = require('node:path');
const { openChronicle, writeFileAtomic } = require('holdfast');

const [directory] = process.argv.slice(2);

async function main() {
  await writeFileAtomic(join(directory, 'settings'), 'new');
  const chronicle = await openChronicle(join(directory, 'log'), { dedupe: 'all' });
  await chronicle.append({ eventId: 'a' });
  await chronicle.close();
}

main();
