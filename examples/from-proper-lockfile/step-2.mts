/**
 * before.mts with holdfast's own calls, once no old version of the tool runs any more: nothing is stale, nothing is
 * compromised, the file need not exist, and a crash leaves the old file or the new one.
 *
 *   npm run compile && node dist/examples/from-proper-lockfile/step-2.mjs accounts.json ada 10
 */
import { existsSync, readFileSync } from 'node:fs';
import { withLock, writeFileAtomic } from 'holdfast';

const [path = 'accounts.json', name = 'ada', amount = '1'] = process.argv.slice(2);

await withLock(`${path}.lock`, { timeout: 30_000 }, async () => {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '{}';
  const accounts = JSON.parse(text) as { [name: string]: number };
  accounts[name] = (accounts[name] ?? 0) + Number(amount);
  await writeFileAtomic(path, JSON.stringify(accounts));
});
