// `npm run prove`: runs every proof in full, within a time for each, or in its short form, and prints what
// was tried, how often, and what was found. Ends with 1 where something was found.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';

const positive = (text) => {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('expected a number above 0');
  return text;
};

const { minutes, full, short, seed, part } = new Command('prove')
  .option('--minutes <number>', 'the most that each proof takes', positive, '0.5')
  .option('--full', 'in full, however long it takes')
  .option('--short', 'each a few times, whatever the time; without what needs many compilations')
  .option('--seed <number>', 'of all that is drawn at random', positive)
  .option('--part <text>', 'only the files whose path contains this')
  .parse()
  .opts();

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'holdfast-prove-'));
const results = join(directory, 'results');
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    part ? `test/prove/${part}` : 'test/prove/',
    `--config=${join(root, 'test/prove/vitest.config.mts')}`,
    '--reporter=dot',
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      HOLDFAST_PROVE_RESULTS: results,
      ...(!short && { HOLDFAST_PROVE_MINUTES: full ? '60' : minutes }),
      ...(seed && { HOLDFAST_PROVE_SEED: seed }),
    },
  },
);

const rows = existsSync(results)
  ? readFileSync(results, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
rmSync(directory, { recursive: true });
const table = new Table({
  head: ['part', 'what was tried', 'how often', 'found', 'seconds'],
  colAligns: ['left', 'left', 'right', 'left', 'right'],
  colWidths: [null, 60, null, 40, null],
  wordWrap: true,
  style: { head: [], border: [] },
});
for (const { part, what, count, unit, found, seconds } of rows.sort((a, b) => a.part.localeCompare(b.part))) {
  // The whole of what was found stands above, and to break it into lines takes longer than to find it.
  table.push([part, what, `${count.toLocaleString('en')} ${unit}`, found.slice(0, 300), seconds.toFixed(0)]);
}
console.log(table.toString());
// Last, because of a long output often only the end is kept.
const findings = rows.filter(({ failed }) => failed);
for (const { part, what, found } of findings) console.log(`FOUND in ${part}, ${what}: ${found}`);
if (status !== 0 && findings.length === 0)
  console.log(
    'No proof found anything, and the test runner ended with an error all the same: see above the table.',
  );
process.exitCode = status === 0 ? 0 : 1;
