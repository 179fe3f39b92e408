/**
 * What a lock costs: free (locked and released by one process), and handed over between processes that wait for it.
 *
 * Everybody's blocks alternate within one run, and each round gives its own ratios, so that whatever else the machine
 * does meets all alike.
 */
import { execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadContenders } from './locks/contenders.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { compile } from './support/compile.js';
import { missingPeers, printMissingPeers } from './support/peer.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ rounds: 15, handOverRounds: 5, seconds: 1, processes: 4 });
const blockNs = 50e6;
const holdMs = 1;

const directory = temporaryDirectory();
const program = compile('lock', directory);
const contenders = await loadContenders();
const goals = [];

/** Nanoseconds per cycle. */
async function timePerCycle(cycle, cycles) {
  const began = process.hrtime.bigint();
  for (let i = 0; i < cycles; i++) await cycle();
  return Number(process.hrtime.bigint() - began) / cycles;
}

/** As timePerCycle, without a turn of the microtask queue between the cycles. */
function timePerCycleSync(cycle, cycles) {
  const began = process.hrtime.bigint();
  for (let i = 0; i < cycles; i++) cycle();
  return Number(process.hrtime.bigint() - began) / cycles;
}

/**
 * @param {{ name: string, run: (cycles: number) => Promise<number> | number }[]} entrants
 * @returns {Promise<Map<string, number[]>>} nanoseconds per cycle, for each round
 */
async function inTurns(entrants) {
  const cycles = new Map();
  for (const { name, run } of entrants) {
    await run(300);
    cycles.set(name, Math.max(50, Math.round(blockNs / (await run(300)))));
  }
  const times = new Map(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? entrants : [...entrants].reverse();
    for (const { name, run } of order) times.get(name).push(await run(cycles.get(name)));
  }
  return times;
}

/** For each round, how many times as long as `other` the first one took. */
function ratios(times, name, other) {
  return summary(times.get(name).map((time, round) => time / times.get(other)[round]));
}

function best(times, names) {
  return [...names].sort((a, b) => median(times.get(a)) - median(times.get(b)))[0];
}

function report(title, times) {
  const rows = [...times].map(([name, rounds]) => [
    name,
    formatTime(median(rounds)),
    format(ratios(times, name, 'holdfast').median),
  ]);
  printTable(title, ['', 'median', 'times holdfast'], rows);
  return Object.fromEntries(
    [...times].map(([name, rounds]) => [
      name,
      { ...summary(rounds), timesHoldfast: ratios(times, name, 'holdfast') },
    ]),
  );
}

function addGoal(work, goal, ratio, reached) {
  goals.push({ work, goal, ratio, reached });
}

function fileFor(name) {
  const path = join(directory, `${name.replaceAll(/\W/g, '-')}.lock-me`);
  writeFileSync(path, '');
  return path;
}

const cProgram = {
  name: 'C',
  run: (cycles) => Number(execFileSync(program, ['free', fileFor('C'), cycles])),
};

async function measureAsync() {
  const able = contenders.filter(({ asyncCycle }) => asyncCycle);
  const entrants = able.map(({ name, asyncCycle }) => {
    const path = fileFor(name);
    return { name, run: (cycles) => timePerCycle(() => asyncCycle(path), cycles) };
  });
  const times = await inTurns([...entrants, cProgram]);
  const peer = best(
    times,
    able.map(({ name }) => name).filter((name) => name !== 'holdfast'),
  );
  const ratio = ratios(times, 'holdfast', peer);
  addGoal('free, async', `at most 0.1 x the best peer (${peer})`, ratio, ratio.median <= 0.1);
  return report('Lock + release of a path, free, async', times);
}

async function measureOpenDescriptors() {
  const entrants = [];
  const opened = [];
  for (const { name, openCycle } of contenders) {
    if (!openCycle) continue;
    const { cycle, close } = await openCycle(fileFor(name));
    opened.push(close);
    entrants.push({ name, run: (cycles) => timePerCycle(cycle, cycles) });
  }
  const { name, asyncCycle } = contenders[0];
  const path = fileFor(name);
  entrants.unshift({ name, run: (cycles) => timePerCycle(() => asyncCycle(path), cycles) });
  const times = await inTurns(entrants);
  for (const close of opened) await close();
  return report('For comparison: peers on a file that stays open, async', times);
}

async function measureSync() {
  const able = contenders.filter(({ syncCycle }) => syncCycle);
  const entrants = able.map(({ name, syncCycle }) => {
    const path = fileFor(name);
    return { name, run: (cycles) => timePerCycleSync(() => syncCycle(path), cycles) };
  });
  const times = await inTurns([...entrants, cProgram]);
  const ratio = ratios(times, 'holdfast', 'C');
  addGoal('free, sync', 'at most 2 x C', ratio, ratio.median <= 2);
  return report('Lock + release of a path, free, sync', times);
}

/**
 * From the release in one process to the acquisition in the next one, where that one was waiting already.
 *
 * @param {number[][][]} processes for each process, [asked, taken, released] of each lock
 */
function handOvers(processes) {
  const all = processes.flatMap((times, process) =>
    times.map(([asked, taken, released]) => ({ process, asked, taken, released })),
  );
  all.sort((a, b) => a.taken - b.taken);
  const waits = [];
  for (let i = 1; i < all.length; i++) {
    const [last, next] = [all[i - 1], all[i]];
    if (next.taken < last.released) throw new Error('two processes held the lock at once');
    if (next.process !== last.process && next.asked < last.released) waits.push(next.taken - last.released);
  }
  return { waits, locks: all.length };
}

async function measureHandOver() {
  const worker = join(import.meta.dirname, 'locks', 'hand-over-worker.js');
  const workers = Array.from({ length: options.processes }, () => fork(worker));
  await Promise.all(workers.map((child) => once(child, 'message')));

  const runC = async (path, begin, end) => {
    const run = () =>
      promisify(execFile)(program, ['hand-over', path, begin, end, holdMs * 1e6].map(String), {
        maxBuffer: 2 ** 30,
      });
    const outputs = await Promise.all(workers.map(run));
    const origin = begin;
    return outputs.map(({ stdout }) =>
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ').map((time) => Number(BigInt(time) - origin))),
    );
  };
  const runNode = async (name, path, begin, end) => {
    const answers = workers.map((child) => once(child, 'message'));
    for (const child of workers) child.send({ name, path, begin: `${begin}`, end: `${end}`, holdMs });
    return (await Promise.all(answers)).map(([{ times }]) => times);
  };

  const names = ['C', ...contenders.filter(({ hold }) => hold).map(({ name }) => name)];
  const times = new Map(names.map((name) => [name, []]));
  const perSecond = new Map(names.map((name) => [name, []]));
  for (let round = -1; round < options.handOverRounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const path = fileFor(`hand-over ${name}`);
      const begin = process.hrtime.bigint() + 100_000_000n;
      const seconds = round < 0 ? 0.2 : options.seconds;
      const end = begin + BigInt(Math.round(seconds * 1e9));
      const run = name === 'C' ? runC(path, begin, end) : runNode(name, path, begin, end);
      const { waits, locks } = handOvers(await run);
      if (round < 0) continue; // still warming up
      times.get(name).push(median(waits));
      perSecond.get(name).push(locks / seconds);
    }
  }
  for (const child of workers) child.disconnect();

  const ratio = ratios(times, 'holdfast', 'C');
  const peer = best(
    times,
    names.filter((name) => !/^(C|holdfast.*)$/.test(name)),
  );
  const toPeer = ratios(times, 'holdfast', peer);
  addGoal('hand-over', 'at most 5 x C', ratio, ratio.median <= 5);
  addGoal('hand-over', `first among Node's (best peer: ${peer})`, toPeer, toPeer.median < 1);
  printTable(
    `Hand-over between ${options.processes} processes that hold the lock for ${holdMs} ms: release to acquisition`,
    ['', 'median', 'times C', 'locks/s'],
    names.map((name) => [
      name,
      formatTime(median(times.get(name))),
      format(ratios(times, name, 'C').median),
      format(median(perSecond.get(name))),
    ]),
  );
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        ...summary(times.get(name)),
        timesHoldfast: ratios(times, name, 'holdfast'),
        locksPerSecond: median(perSecond.get(name)),
      },
    ]),
  );
}

const result = {
  options,
  fileSystem: fileSystemOf(directory),
  missing: missingPeers(),
  asyncNs: await measureAsync(),
  openDescriptorNs: await measureOpenDescriptors(),
  syncNs: await measureSync(),
  handOverNs: await measureHandOver(),
  goals,
};
printTable(
  'Goals',
  ['', 'goal', 'measured', 'reached?'],
  goals.map(({ work, goal, ratio, reached }) => [
    work,
    goal,
    `${format(ratio.median)} x (${ratio.quartiles.map(format).join(' .. ')})`,
    reached ? 'yes' : 'NO',
  ]),
);
printMissingPeers();
writeResult('locks', result);
