/**
 * A call site of proper-lockfile as it stands in many command line tools: a file of accounts that several runs of the tool
 * change. step-1.mts changes the import, step-2.mts what the lock no longer needs.
 *
 *   npm run compile && node dist/examples/from-proper-lockfile/before.mjs accounts.json ada 10
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import lockfile from 'proper-lockfile';

const [path = 'accounts.json', name = 'ada', amount = '1'] = process.argv.slice(2);

// proper-lockfile locks only files that exist.
if (!existsSync(path)) writeFileSync(path, '{}', { flag: 'a' });

// Long enough for a queue, and for a lock that somebody left behind: that blocks everybody for ten seconds.
const release = await lockfile.lock(path, {
  stale: 10_000,
  retries: { retries: 1000, factor: 1, minTimeout: 10, maxTimeout: 50 },
  onCompromised: (error) => {
    throw error; // the event loop was blocked for longer than `stale`: somebody else may be writing
  },
});
try {
  const accounts = JSON.parse(readFileSync(path, 'utf8') || '{}') as { [name: string]: number };
  accounts[name] = (accounts[name] ?? 0) + Number(amount);
  writeFileSync(path, JSON.stringify(accounts)); // a crash in here leaves half a file
} finally {
  await release();
}
