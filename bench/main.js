/**
 * Every benchmark in one command, on ext4 with and without a journal: `npm run bench` in the repository's root.
 *
 * Leaves results/bench.json (everything, with the machine), results/bench.md (the tables) and results/*.svg, from which
 * publish.js writes those of the documentation.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { basename, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { fileSystems } from './support/file-systems.js';
import { markdownOf } from './support/markdown.js';
import { writePlots } from './support/result-plots.js';
import { sourcesHash } from './support/sources.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const [journal, noJournal] = ['ext4, journal', 'ext4, no journal'];

/**
 * What is run: the whole takes some twenty minutes, `--quick` nine. All of it runs without a journal, which leaves
 * the least to the disk; with one, what that changes.
 */
const runs = [
  {
    name: 'locks',
    quick: ['--rounds', '5', '--handOverRounds', '3', '--seconds', '0.4'],
    whole: ['--rounds', '11', '--seconds', '0.7'],
  },
  {
    name: 'crowd',
    quick: ['--rounds', '1', '--seconds', '2', '--processes', '50'],
    whole: ['--rounds', '2', '--seconds', '3'],
  },
  {
    name: 'appends',
    quick: ['--goals', '1', '--rounds', '2', '--seconds', '0.4'],
    whole: ['--claims', '1', '--rounds', '5', '--seconds', '0.6'],
  },
  {
    name: 'appends',
    fileSystem: journal,
    quick: ['--goals', '1', '--rounds', '1', '--seconds', '0.4'],
    whole: ['--goals', '1', '--rounds', '3', '--seconds', '0.6'],
  },
  {
    name: 'chain',
    quick: ['--rounds', '2', '--seconds', '0.4', '--megabytes', '10'],
    whole: ['--rounds', '7', '--seconds', '0.6', '--megabytes', '50'],
  },
  { name: 'size', quick: ['--gigabytes', '0.3', '--pairs', '15'], whole: [] },
  { name: 'rotated', quick: ['--gigabytes', '0.1'], whole: ['--gigabytes', '0.5'] },
  { name: 'read', quick: ['--size', '60', '--rounds', '1'], whole: [] },
  {
    name: 'pino',
    quick: ['--lines', '30000', '--rounds', '2'],
    whole: ['--lines', '50000', '--rounds', '5'],
  },
  {
    name: 'postgres',
    quick: ['--callers', '64', '--rounds', '1', '--seconds', '0.5'],
    whole: ['--callers', '64', '--rounds', '4', '--seconds', '0.7'],
  },
];
const names = [...new Set(runs.map(({ name }) => name))];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: names },
    results: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
});
for (const name of values.only) {
  if (!names.includes(name)) throw new Error(`--only: one of ${names.join(', ')}, not ${name}`);
}

const began = Date.now();
const minutesSince = (time) => (Date.now() - time) / 60_000;
const directory = temporaryDirectory();
// PostgreSQL does not run as root, and has to come through.
chmodSync(directory, 0o711);
// They have to hold the largest file, and what is appended in a moment.
const places = fileSystems(directory, { [journal]: 700, [noJournal]: values.quick ? 900 : 1500 });
const results = [];
for (const { name, fileSystem = noJournal, quick, whole } of runs) {
  if (!values.only.includes(name)) continue;
  // Who is not root measures once, on what there is.
  const place = places.length > 1 ? places.find((one) => one.name === fileSystem) : places[0];
  if (place.name !== fileSystem && fileSystem === journal) continue;
  console.log(`\n# ${name}, ${place.name}`);
  const begin = Date.now();
  const result = await run(name, place.directory, values.quick ? quick : whole);
  results.push({ ...result, name, fileSystem: place.name, minutes: minutesSince(begin) });
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
  const files = existsSync(kept) ? readdirSync(kept) : [];
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
  minutes: minutesSince(began),
  results,
};
mkdirSync(values.results, { recursive: true });
const plots = await writePlots(values.results, results);
report.plots = plots.map((file) => basename(file, '.svg'));
const path = join(values.results, 'bench.json');
writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
const table = join(values.results, 'bench.md');
writeFileSync(table, markdownOf(report, plots));
console.log(`\nwritten: ${[path, table, ...plots].map((file) => relative('', file)).join(', ')}`);
process.exitCode = results.some(({ failed }) => failed !== undefined) ? 1 : 0;
