/**
 * A job that cron starts, somebody starts by hand, and a supervisor starts again after a crash, and that must not run
 * twice: not at the same time, which the lock sees to, and not twice for one day, which the log of its runs sees to.
 *
 *   npm run compile && node dist/examples/cron-job.mjs state 2026-11-26
 *
 * runs the job the first time, and says from then on that it has run. A job that is killed in the middle keeps nothing
 * locked, and runs again the next time: what it does should bear that.
 */
import { join } from 'node:path';
import { openChronicle, tryLock } from 'holdfast';

const [directory = '.', day = new Date().toISOString().slice(0, 10)] = process.argv.slice(2);

async function report(): Promise<void> {
  console.log(`makes the report of ${day}`);
}

const runs = await openChronicle(join(directory, 'runs.ndjson'));
const lock = await tryLock(join(directory, 'report.lock'));
if (lock === null) {
  console.log('is running already');
} else if (await runs.find(`report ${day}`)) {
  console.log(`has run for ${day}`);
} else {
  await report();
  await runs.append({ eventId: `report ${day}`, at: new Date().toISOString() });
}
await lock?.release();
await runs.close();
