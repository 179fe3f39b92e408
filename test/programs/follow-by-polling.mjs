// Follows a chronicle where the file system has no events, and sends each event.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.watch = () => {
  throw Object.assign(new Error('no watches left'), { code: 'ENOSPC' });
};
syncBuiltinESMExports();
const { followChronicle } = await import('holdfast');
for await (const { event } of followChronicle(process.argv[2])) process.send(event);
