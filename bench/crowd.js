/**
 * A crowd on one lock: two hundred processes want it at once, and again as soon as they have released it. How long does
 * the unluckiest of all waits, next to C's plain flock?
 *
 * The rounds alternate, as in locks.js.
 */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { numbersFromCommandLine } from './support/arguments.js';
import { compile } from './support/compile.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ rounds: 3, seconds: 4, processes: 200 });
const holdMs = 1;

const directory = temporaryDirectory();
const program = compile('lock', directory);
const worker = join(import.meta.dirname, 'locks', 'hand-over-worker.js');
const workers = [];
while (workers.length < options.processes) {
  // Two hundred that start at once take far longer.
  const few = Array.from({ length: Math.min(4, options.processes - workers.length) }, () =>
    fork(worker, ['ours']),
  );
  await Promise.all(few.map((child) => once(child, 'message')));
  workers.push(...few);
}

async function runC(path, begin, end) {
  const run = () =>
    promisify(execFile)(program, ['hand-over', path, begin, end, holdMs * 1e6].map(String), {
      maxBuffer: 2 ** 30,
    });
  const outputs = await Promise.all(workers.map(run));
  return outputs.map(({ stdout }) =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ').map((time) => Number(BigInt(time) - begin))),
  );
}

async function runNode(name, path, begin, end) {
  const answers = workers.map((child) => once(child, 'message'));
  for (const child of workers) child.send({ name, path, begin: `${begin}`, end: `${end}`, holdMs });
  return (await Promise.all(answers)).map(([{ times }]) => times);
}

/** Nanoseconds from asking to having, of each lock of each process. */
function waitsOf(processes) {
  return processes.flatMap((times) => times.map(([asked, taken]) => taken - asked));
}

const names = ['C', 'holdfast', 'holdfast lockSync', 'holdfast/proper-lockfile'];
const longest = new Map(names.map((name) => [name, []]));
const middle = new Map(names.map((name) => [name, []]));
for (let round = -1; round < options.rounds; round++) {
  for (const name of round % 2 === 0 ? names : [...names].reverse()) {
    const path = join(directory, `${name.replaceAll(/\W/g, '-')}-${round}`);
    writeFileSync(path, '');
    // By then all have been told; those of C have been started, too.
    const begin = process.hrtime.bigint() + (name === 'C' ? 3_000_000_000n : 1_000_000_000n);
    const seconds = round < 0 ? 0.5 : options.seconds;
    const end = begin + BigInt(Math.round(seconds * 1e9));
    const waits = waitsOf(await (name === 'C' ? runC(path, begin, end) : runNode(name, path, begin, end)));
    if (round < 0) continue; // still warming up
    if (waits.length < options.processes) throw new Error(`${name}: not everybody had the lock`);
    longest.get(name).push(waits.reduce((most, wait) => Math.max(most, wait), 0));
    middle.get(name).push(median(waits));
  }
}
for (const child of workers) child.disconnect();

const ratioOf = (name) => summary(longest.get(name).map((time, round) => time / longest.get('C')[round]));
const goals = names
  .filter((name) => name !== 'C')
  .map((name) => {
    const ratio = ratioOf(name);
    return { work: name, goal: 'longest wait at most 3 x C', ratio, reached: ratio.median <= 3 };
  });
printTable(
  `${options.processes} processes that want one lock at once, and hold it for ${holdMs} ms: from asking to having it`,
  ['', 'median', 'longest of all', 'longest, times C', ''],
  names.map((name) => [
    name,
    formatTime(median(middle.get(name))),
    formatTime(median(longest.get(name))),
    format(ratioOf(name).median),
    goals.find(({ work }) => work === name)?.reached === false ? 'goal missed: 3' : '',
  ]),
);
writeResult('crowd', {
  options,
  fileSystem: fileSystemOf(directory),
  longestNs: Object.fromEntries(names.map((name) => [name, summary(longest.get(name))])),
  ratios: Object.fromEntries(names.map((name) => [name, ratioOf(name)])),
  medianNs: Object.fromEntries(names.map((name) => [name, summary(middle.get(name))])),
  goals,
});
