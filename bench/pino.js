/**
 * Logging with pino: lines per second until the last one is in the file, durable or not, by one process and by several
 * that share one rotated file; and what became of the lines.
 *
 * Everybody runs in fresh processes on a fresh file, takes turns within each round, and each round gives its own ratios.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { contenders } from './pino/contenders.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { missingPeers, printMissingPeers } from './support/peer.js';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ lines: 100_000, rounds: 5 });
const worker = join(import.meta.dirname, 'pino', 'worker.js');
const directory = temporaryDirectory();
const maxBytes = 1024 * 1024;

const scenarios = [
  { title: '1 process, not durable', processes: 1, goal: { of: 'pino/file', atLeast: 1 } },
  { title: '1 process, durable', processes: 1, durable: true, goal: { of: 'pino-roll', atLeast: 1 } },
  { title: '4 processes, one rotated file, not durable', processes: 4, rotates: true },
  { title: '4 processes, one rotated file, durable', processes: 4, rotates: true, durable: true },
];

/** Lines per second, and how many lines are missing, torn, or behind a later one of their process. */
async function measure({ name }, { processes, durable = false, rotates = false }) {
  const place = mkdtempSync(join(directory, 'run-'));
  const lines = Math.round(options.lines / processes);
  const args = [name, join(place, 'app.log'), durable, rotates ? maxBytes : 0];
  const children = Array.from({ length: processes }, (_, number) =>
    fork(worker, [...args, number, lines].map(String)),
  );
  await Promise.all(children.map(answerOf));
  const answers = children.map(answerOf);
  for (const child of children) child.send('begin');
  const times = await Promise.all(answers);
  const found = inspect(place, processes, lines);
  rmSync(place, { recursive: true });
  const slowest = Math.max(...times.map(({ milliseconds }) => milliseconds));
  const user = times.reduce((total, time) => total + time.user, 0);
  return { rate: (lines * processes * 1000) / slowest, user: (user * 1000) / (lines * processes), ...found };
}

function inspect(place, processes, lines) {
  const next = Array.from({ length: processes }, () => 0);
  let torn = 0;
  let misplaced = 0;
  let whole = 0;
  const names = readdirSync(place).sort((a, b) => (order(a) < order(b) ? -1 : 1));
  for (const text of names.flatMap((name) => readFileSync(join(place, name), 'utf8').split('\n'))) {
    if (text === '') continue;
    try {
      const { process, line, warm } = JSON.parse(text);
      if (warm) continue;
      whole++;
      if (line < next[process]) misplaced++;
      next[process] = line;
    } catch {
      torn++;
    }
  }
  return { lost: lines * processes - whole, torn, misplaced };
}

/** The file without a number or a time is the last one of holdfast's; pino-roll numbers its files. */
const order = (name) =>
  name === 'app.log' ? '~' : name.replace(/\d+/g, (digits) => digits.padStart(20, '0'));

function answerOf(child) {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a worker ended with exit code ${code}`)));
  });
}

const measured = [];
for (const scenario of scenarios) {
  const entrants = contenders.filter(({ rotates }) => rotates || !scenario.rotates);
  const results = new Map(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of round % 2 === 0 ? entrants : [...entrants].reverse())
      results.get(contender.name).push(await measure(contender, scenario));
  }
  const figures = (name, figure) => results.get(name).map((result) => result[figure]);
  const ratio = (name, other) =>
    summary(figures(name, 'rate').map((rate, round) => rate / figures(other, 'rate')[round]));
  const [holdfast] = entrants;
  const ours = entrants.filter(({ name }) => name.startsWith('holdfast'));
  const peers = entrants.filter((entrant) => !ours.includes(entrant));
  const other = scenario.goal?.of ?? 'pino-roll';
  printTable(
    `${scenario.title}: ${options.lines} lines`,
    ['', 'lines/s', `times ${other}`, 'quartiles', 'processor us/line', 'lost', 'torn', 'out of order'],
    entrants.map(({ name }) => {
      const { median: middle, quartiles } = ratio(name, other);
      const most = (figure) => Math.max(...figures(name, figure)).toString();
      return [
        name,
        format(median(figures(name, 'rate'))),
        format(middle),
        quartiles.map(format).join(' .. '),
        format(median(figures(name, 'user'))),
        ...['lost', 'torn', 'misplaced'].map(most),
      ];
    }),
  );
  const reached = scenario.goal && ratio(holdfast.name, other).median >= scenario.goal.atLeast;
  measured.push({
    ...scenario,
    other,
    ratio: ratio(holdfast.name, other),
    ratios: Object.fromEntries(
      ours.map(({ name }) => [
        name,
        Object.fromEntries(peers.map((peer) => [peer.name, ratio(name, peer.name)])),
      ]),
    ),
    reached,
    results: Object.fromEntries(results),
  });
}
printTable(
  'Goals',
  ['', 'goal', 'measured', 'reached?'],
  measured
    .filter(({ goal }) => goal)
    .map(({ title, goal, ratio, reached }) => [
      title,
      `at least ${goal.atLeast} x ${goal.of}`,
      `${format(ratio.median)} x (${ratio.quartiles.map(format).join(' .. ')})`,
      reached ? 'yes' : 'NO',
    ]),
);
printMissingPeers();
writeResult('pino', { options, fileSystem: fileSystemOf(directory), missing: missingPeers(), measured });
