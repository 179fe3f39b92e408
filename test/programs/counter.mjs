// Counts a number in a file up, read and written apart, under the lock of holdfast/proper-lockfile.
import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import lockfile from 'holdfast/proper-lockfile';

const [file, times] = process.argv.slice(2);
for (let i = 0; i < Number(times); i++) {
  const release = await lockfile.lock(file, { retries: { forever: true } });
  const count = Number(readFileSync(file, 'utf8'));
  await setImmediate();
  writeFileSync(file, String(count + 1));
  await release();
}
process.send({ done: true });
process.disconnect();
