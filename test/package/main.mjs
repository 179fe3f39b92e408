/**
 * The table of `npm run test:everywhere [-- text…]`: the packed package, installed, imported, compiled and
 * bundled by what services are built and tested with. Needs the network. With texts, only the rows that
 * contain one of them.
 */
import { mkdirSync, rmSync } from 'node:fs';
import Table from 'cli-table3';
import { place } from '../platforms/runtimes.mjs';
import { bundlings } from './bundlers.mjs';
import { packageManagers } from './package-managers.mjs';
import { testRunners } from './test-runners.mjs';
import { typescripts } from './typescript.mjs';
import { publish, workplace } from './workplace.mjs';

const groups = {
  'package manager': packageManagers,
  'test runner': testRunners,
  TypeScript: typescripts,
  bundler: bundlings,
};

const wanted = process.argv.slice(2);
const table = new Table({ head: ['what', 'with', 'result', 'seconds'], style: { head: [], border: [] } });
mkdirSync(place, { recursive: true });
let passed = 0;
let failed = 0;
const registry = await publish();
try {
  for (const [group, rows] of Object.entries(groups)) {
    for (const [name, check] of rows) {
      const isWanted = wanted.length === 0 || wanted.some((text) => `${group} ${name}`.includes(text));
      if (!isWanted) continue;
      const began = performance.now();
      let result = 'works';
      try {
        await check();
        passed++;
      } catch (error) {
        result = 'FAILED';
        failed++;
        console.error(`${group}, ${name}: ${error.message}`);
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.log(`${group}, ${name}: ${result}, ${seconds} s`);
      table.push([group, name, result, seconds]);
    }
  }
} finally {
  registry.end();
  rmSync(workplace, { recursive: true, force: true });
}
console.log(`${table}\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
