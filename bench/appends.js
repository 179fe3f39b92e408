/**
 * Durable appends per second: so many processes, so many callers in each, every caller waiting for its append to be
 * synced before it makes the next.
 *
 * Everybody runs in fresh processes on a fresh file, takes turns within each round, and each round gives its own
 * ratios, so that whatever else the machine does meets all alike.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadContenders } from './appends/contenders.js';
import { runCrowd, span } from './appends/crowd.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { compile } from './support/compile.js';
import { missingPeers, printMissingPeers } from './support/peer.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({
  bytes: 200,
  seconds: 2,
  rounds: 5,
  // Only the scenarios with so many.
  processes: undefined,
  callers: undefined,
  // Only those of events of this size, which are not among the others: 100 to 100,000 bytes.
  size: undefined,
  // Any number: only those that have a goal.
  goals: undefined,
  // Any number: only those that have a goal, or that docs/performance.md tells of.
  claims: undefined,
});

const ofC = 'C, early release';
const ofCBatches = 'C, early release, in batches';
/** The goals of DESIGN.md; a scenario without one is shown all the same. */
const scenarios = [
  { processes: 1, callers: 1, goal: { of: 'C', atLeast: 0.9 } },
  { processes: 1, callers: 64, goal: { of: 'best', atLeast: 1 } },
  { processes: 1, callers: 1024, isClaimed: true },
  { processes: 4, callers: 1, goal: { of: 'C', atLeast: 0.9 } },
  { processes: 4, callers: 64, goal: { of: 'best', atLeast: 2 } },
  { processes: 4, callers: 1024 },
  { processes: 8, callers: 1 },
  { processes: 8, callers: 64 },
  { processes: 8, callers: 1024 },
  { processes: 1, callers: 64, bytes: 10_000, isClaimed: true },
  ...[100, 1000, 100_000].map((bytes) => ({ processes: 1, callers: 64, bytes })),
];

const directory = temporaryDirectory();
const program = compile('append', directory);
const contenders = (await loadContenders()).filter(({ apart }) => !apart);
let runs = 0;

async function runC(path, { processes, callers, bytes = options.bytes }) {
  const { begin, end } = span(options.seconds);
  const run = async () => {
    const { stdout } = await promisify(execFile)(program, [path, bytes, callers, begin, end].map(String));
    return Number(stdout);
  };
  const acknowledged = await Promise.all(Array.from({ length: processes }, run));
  return { rate: acknowledged.reduce((total, count) => total + count, 0) / options.seconds };
}

const runNode = (name, path, { processes, callers, bytes = options.bytes }) =>
  runCrowd(name, path, { processes, callers, bytes, seconds: options.seconds });

/** Appends per second, and the longest wait of any; of C only the former. */
async function measure(name, scenario) {
  const path = join(directory, `run-${runs++}`);
  const measured = await (name.startsWith('C,') ? runC(path, scenario) : runNode(name, path, scenario));
  for (const suffix of ['', '-wal', '-shm', '.lmdb', '.lmdb-lock', '.level', '.lock']) {
    rmSync(path + suffix, { recursive: true, force: true });
  }
  return measured;
}

function entrantsOf({ processes, callers }) {
  return [
    callers === 1 ? ofC : ofCBatches,
    ...contenders
      .filter(({ oneProcessOnly }) => processes === 1 || !oneProcessOnly)
      .filter(({ name }) => callers > 1 || name !== 'better-sqlite3 in batches')
      .map(({ name }) => name),
  ];
}

async function measureScenario(scenario) {
  const names = entrantsOf(scenario);
  const rates = new Map(names.map((name) => [name, []]));
  const waits = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const { rate, longestWait } = await measure(name, scenario);
      rates.get(name).push(rate);
      if (longestWait !== undefined) waits.get(name).push(longestWait);
    }
  }
  const ratioTo = (name) =>
    summary(rates.get('holdfast').map((rate, round) => rate / rates.get(name)[round]));
  const peers = names.filter((name) => !name.startsWith('C,') && name !== 'holdfast');
  const best = peers.sort((a, b) => median(rates.get(b)) - median(rates.get(a)))[0];
  const other = scenario.goal?.of === 'C' ? ofC : best;
  const ratio = ratioTo(other);
  const { processes, callers, bytes = options.bytes } = scenario;
  const title = `${processes} process${processes > 1 ? 'es' : ''} x ${callers} caller${callers > 1 ? 's' : ''}${scenario.bytes ? `, ${bytes} bytes` : ''}`;
  printTable(
    `Durable appends of ${bytes}-byte events, ${title}`,
    ['', 'appends/s', 'holdfast has', 'longest wait'],
    names.map((name) => [
      name,
      format(median(rates.get(name))),
      `${format(ratioTo(name).median)} x`,
      waits.get(name).length === 0 ? '' : formatTime(Math.max(...waits.get(name))),
    ]),
  );
  return {
    title,
    ...scenario,
    other,
    ratio,
    reached: scenario.goal && ratio.median >= scenario.goal.atLeast,
    appendsPerSecond: Object.fromEntries([...rates].map(([name, values]) => [name, summary(values)])),
    longestWaitNs: Object.fromEntries(
      [...waits].filter(([, all]) => all.length > 0).map(([name, all]) => [name, Math.max(...all)]),
    ),
    ratios: Object.fromEntries(names.map((name) => [name, ratioTo(name)])),
  };
}

const measured = [];
for (const scenario of scenarios) {
  if (options.goals && !scenario.goal) continue;
  if (options.claims && !scenario.goal && !scenario.isClaimed) continue;
  if (scenario.processes !== (options.processes ?? scenario.processes)) continue;
  if (scenario.callers !== (options.callers ?? scenario.callers)) continue;
  const selected = options.processes ?? options.callers ?? options.size;
  if (selected !== undefined && scenario.bytes !== options.size) continue;
  measured.push(await measureScenario(scenario));
}
if (measured.length === 0) throw new Error('no scenario has so many processes and callers');
printTable(
  'Goals',
  ['', 'goal', 'measured', 'reached?'],
  measured.map(({ title, goal, other, ratio, reached }) => [
    title,
    goal ? `at least ${goal.atLeast} x ${other}` : `none (against ${other})`,
    `${format(ratio.median)} x (${ratio.quartiles.map(format).join(' .. ')})`,
    goal ? (reached ? 'yes' : 'NO') : '',
  ]),
);
printMissingPeers();
const selection = ['processes', 'callers', 'size']
  .filter((name) => options[name])
  .map((name) => `-${options[name]}-${name}`);
writeResult(`appends${selection.join('')}`, {
  options,
  fileSystem: fileSystemOf(directory),
  missing: missingPeers(),
  measured,
});
