/**
 * `npm run test:package [-- text…]`: the packed package, installed, imported, compiled and bundled by what
 * services are built and tested with, in a table. Needs the network, and Linux on x64. With texts, only the
 * rows that contain one of them.
 */
import { mkdirSync, rmSync } from 'node:fs';
import Table from 'cli-table3';
import { inParallel } from '../../scripts/native-build.mjs';
import { requireFreshBinaries } from '../platforms/prebuilds.mjs';
import { place } from '../platforms/runtimes.mjs';
import { bundlings } from './bundlers.mjs';
import { packageManagers } from './package-managers.mjs';
import { runtimes } from './runtimes.mjs';
import { tarball } from './tarball.mjs';
import { testRunners } from './test-runners.mjs';
import { typescripts } from './typescript.mjs';
import { publish, workplace } from './workplace.mjs';

const groups = {
  tarball,
  'package manager': packageManagers,
  runtime: runtimes,
  'test runner': testRunners,
  TypeScript: typescripts,
  bundler: bundlings,
};

const wanted = process.argv.slice(2);
const rows = Object.entries(groups)
  .flatMap(([group, checks]) => checks.map(([name, check]) => ({ group, name, check })))
  .filter(
    ({ group, name }) => wanted.length === 0 || wanted.some((text) => `${group}, ${name}`.includes(text)),
  );
const secondsSince = (time) => ((performance.now() - time) / 1000).toFixed(0);

requireFreshBinaries('linux-x64');
const began = performance.now();
mkdirSync(place, { recursive: true });
const registry = await publish();
try {
  await inParallel(rows.map((row) => () => run(row)));
} finally {
  registry.end();
  rmSync(workplace, { recursive: true, force: true });
}
const table = new Table({ head: ['what', 'with', 'result', 'seconds'], style: { head: [], border: [] } });
table.push(...rows.map(({ group, name, result, seconds }) => [group, name, result, seconds]));
const failed = rows.filter(({ result }) => result !== 'works').length;
console.log(
  `${table}\n${rows.length - failed} passed, ${failed} failed, ${secondsSince(began)} seconds, by Node ${process.version}`,
);
process.exit(failed > 0 || rows.length === 0 ? 1 : 0);

async function run(row) {
  const start = performance.now();
  try {
    await row.check();
    row.result = 'works';
  } catch (error) {
    row.result = 'FAILED';
    console.error(`${row.group}, ${row.name}: ${error.message}`);
  }
  row.seconds = secondsSince(start);
  console.log(`${row.group}, ${row.name}: ${row.result}, ${row.seconds} s`);
}
