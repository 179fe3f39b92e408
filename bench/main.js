/**
 * Every benchmark in one command, on ext4 with and without a journal: `npm run bench` in the repository's root.
 *
 * Leaves results/bench.json (everything, with the machine), results/bench.md (the tables) and results/*.svg. The
 * scenarios that write run on both file systems, one after the other, so that both see the machine in the same mood.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';
import { fileSystems } from './support/file-systems.js';
import { markdownOf } from './support/markdown.js';
import { writePlots } from './support/result-plots.js';
import { temporaryDirectory } from './support/temporary-directory.js';

/** What is run: the whole takes fifty minutes, `--quick` twelve. `both`: on each file system. */
const scenarios = {
  locks: { quick: ['--rounds', '5', '--handOverRounds', '3', '--seconds', '0.5'], whole: [] },
  crowd: { quick: ['--rounds', '1', '--seconds', '3'], whole: [] },
  appends: {
    both: true,
    quick: ['--goals', '1', '--rounds', '2', '--seconds', '0.7'],
    whole: ['--goals', '1', '--rounds', '9', '--seconds', '1'],
  },
  chain: {
    both: true,
    quick: ['--rounds', '2', '--seconds', '0.5', '--megabytes', '20'],
    whole: ['--megabytes', '50'],
  },
  size: { quick: ['--gigabytes', '0.3', '--pairs', '15'], whole: [] },
  rotated: { quick: ['--gigabytes', '0.2'], whole: [] },
  read: { quick: ['--size', '60', '--rounds', '1'], whole: [] },
  postgres: { quick: ['--rounds', '1', '--seconds', '0.7'], whole: [] },
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(scenarios) },
    check: { type: 'boolean', default: false },
    results: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
});
for (const name of values.only) {
  if (!(name in scenarios))
    throw new Error(`--only: one of ${Object.keys(scenarios).join(', ')}, not ${name}`);
}

/** Of the code that is measured, and of what measures it. */
function sourcesHash() {
  const root = join(import.meta.dirname, '..');
  const hash = createHash('sha256');
  const patterns = ['lib/**/*.ts', 'native/**/*.{cc,h}', 'bench/*.js', 'bench/{appends,locks,read,c}/*'];
  for (const file of globSync(patterns, {
    cwd: root,
    ignore: ['**/node_modules/**', '**/build/**'],
  }).sort()) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

const path = join(values.results, 'bench.json');
if (values.check) {
  const isNew = existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).sources === sourcesHash();
  console.log(isNew ? 'the results are of this code' : 'the results are older than the code: npm run bench');
  process.exit(isNew ? 0 : 1);
}

const begin = Date.now();
const directory = temporaryDirectory();
const places = fileSystems(directory, 1500);
const results = [];
for (const name of values.only) {
  const { both, quick, whole } = scenarios[name];
  for (const { name: fileSystem, directory: place } of both ? places : places.slice(-1)) {
    console.log(`\n# ${name}, ${fileSystem}`);
    const result = await run(name, place, values.quick ? quick : whole);
    results.push({ ...result, name, fileSystem });
  }
}

/** The result of one benchmark, in a process of its own; { failed }, if it ends with an error. */
async function run(name, place, options) {
  const kept = join(directory, 'results');
  rmSync(kept, { recursive: true, force: true });
  const child = execFile(process.execPath, [join(import.meta.dirname, `${name}.js`), ...options], {
    env: { ...process.env, TMPDIR: place, HOLDFAST_BENCH_RESULTS: kept },
    maxBuffer: 2 ** 30,
  });
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  const code = await new Promise((resolve) => child.once('close', resolve));
  const files = existsSync(kept) ? globSync('*.json', { cwd: kept }) : [];
  if (code !== 0 || files.length === 0) return { failed: `exit code ${code}` };
  return JSON.parse(readFileSync(join(kept, files[0]), 'utf8'));
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, 'package-lock.json'), 'utf8')).packages;
const peers = JSON.parse(
  readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'),
).optionalDependencies;
const report = {
  date: new Date().toISOString(),
  quick: values.quick,
  sources: sourcesHash(),
  machine: {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    fileSystems: places.map(({ name }) => name),
  },
  peers: Object.fromEntries(
    Object.keys(peers).map((name) => [name, lock[`node_modules/${name}`]?.version ?? 'not installed']),
  ),
  minutes: (Date.now() - begin) / 60_000,
  results,
};
mkdirSync(values.results, { recursive: true });
writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
const plots = await writePlots(values.results, results);
const table = join(values.results, 'bench.md');
writeFileSync(table, markdownOf(report, plots));
console.log(`\nwritten: ${[path, table, ...plots].map((file) => relative('', file)).join(', ')}`);
process.exitCode = results.some(({ failed }) => failed !== undefined) ? 1 : 0;
