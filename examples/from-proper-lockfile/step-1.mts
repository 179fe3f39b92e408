/**
 * before.mts with one line changed: the import. A lock that somebody left behind blocks nobody now, a blocked event loop
 * loses no lock, and who waits is woken by the kernel. Old and new versions of the tool exclude each other meanwhile.
 *
 *   npm run compile && node dist/examples/from-proper-lockfile/step-1.mjs accounts.json ada 10
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import lockfile from 'holdfast/proper-lockfile';

const [path = 'accounts.json', name = 'ada', amount = '1'] = process.argv.slice(2);

// proper-lockfile locks only files that exist.
if (!existsSync(path)) writeFileSync(path, '{}', { flag: 'a' });

const release = await lockfile.lock(path, {
  stale: 10_000,
  retries: { retries: 1000, factor: 1, minTimeout: 10, maxTimeout: 50 },
  onCompromised: (error) => {
    throw error;
  },
});
try {
  const accounts = JSON.parse(readFileSync(path, 'utf8') || '{}') as { [name: string]: number };
  accounts[name] = (accounts[name] ?? 0) + Number(amount);
  writeFileSync(path, JSON.stringify(accounts)); // a crash in here leaves half a file
} finally {
  await release();
}
