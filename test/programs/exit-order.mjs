// Exits with a lock file, a temporary file and a pending append of ours, which were made in the opposite
// order of what is done about them. Tells what is there before, and when temporary files and lock files are about to
// be removed.
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { openChronicle, writeFileAtomic } from 'holdfast';
import lockfile from 'holdfast/proper-lockfile';

const [file] = process.argv.slice(2);

await lockfile.lock(file, { realpath: false });

const writing = new EventTarget();
void writeFileAtomic(`${file}.atomic`, endlessly());
await once(writing, 'begun');

const chronicle = await openChronicle(file);
void chronicle.append({ eventId: 'pending' });

// lib/base/at-exit.ts: native code removes both, where nothing of JavaScript can look on.
const { tasks } = process[Symbol.for('holdfast.exit')];
for (const stage of ['remove temporary files', 'remove lock files'])
  tasks.set(stage, new Set([tell, ...tasks.get(stage)]));
tell();
process.exit();

function tell() {
  process.send({
    appended: readFileSync(file, 'utf8').includes('pending'),
    temporary: readdirSync(dirname(file)).some((name) => name.endsWith('.tmp')),
    locked: existsSync(`${file}.lock`),
  });
}

async function* endlessly() {
  yield 'the first piece';
  writing.dispatchEvent(new Event('begun'));
  await new Promise(() => {});
}
