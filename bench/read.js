/**
 * How fast a large file is read: every event of it against readline and others, and against JSON.parse alone on lines
 * that are in memory already; then its last events, one event by its id, those of one type, and verify().
 *
 * Every reading has a fresh process. Contenders take turns within each round, and each round gives its own ratios, so that
 * whatever else the machine does meets all alike.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { bytesInMemory, contenders, searches } from './read/contenders.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { serviceEventSource, writeEvents } from './support/events.js';
import { missingPeers, printMissingPeers } from './support/peer.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ size: 400, rounds: 3 });
const tails = 50;
const worker = join(import.meta.dirname, 'read', 'worker.js');
const directory = temporaryDirectory();
const [parseAlone, idle] = ['JSON.parse alone', 'nothing'];

async function measure(name, path) {
  const child = fork(worker, [name, path]);
  const [[answer], [code]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return answer;
}

/** @returns {Promise<Map<string, { megabytesPerSecond: number, cpuMilliseconds: number, peakBytes: number }[]>>} */
async function inTurns(entrants, path, rounds) {
  const results = new Map(entrants.map(({ name }) => [name, []]));
  const events = new Set();
  for (let round = 0; round < rounds; round++) {
    for (const { name } of round % 2 === 0 ? entrants : [...entrants].reverse()) {
      const answer = await measure(name, path);
      const { seconds, cpuSeconds, bytes, peakBytes } = answer;
      const megabytes = bytes / 1e6;
      results.get(name).push({
        megabytesPerSecond: megabytes / seconds,
        cpuMilliseconds: (cpuSeconds * 1e3) / megabytes,
        peakBytes,
      });
      if (bytes === statSync(path).size && answer.events > 1) events.add(answer.events);
    }
  }
  if (events.size > 1) throw new Error(`read different numbers of events: ${[...events].join(', ')}`);
  return results;
}

const ratesOf = (results, name) => results.get(name).map(({ megabytesPerSecond }) => megabytesPerSecond);
const peakOf = (results, name) => median(results.get(name).map(({ peakBytes }) => peakBytes)) / 1e6;

/** Milliseconds of processor time for a megabyte, which depend less on what else the machine does. */
const cpuOf = (results, name) => median(results.get(name).map(({ cpuMilliseconds }) => cpuMilliseconds));

/** For each round, how many times as fast as `other` the first one was. */
function ratios(results, name, other) {
  const others = ratesOf(results, other);
  return summary(ratesOf(results, name).map((rate, round) => rate / others[round]));
}

/** Nanoseconds, for each of the two files, in turns. */
async function measureTails(paths) {
  const chronicles = await Promise.all(paths.map((path) => openChronicle(path, { dedupe: false })));
  const times = paths.map(() => []);
  for (let round = -5; round < tails; round++) {
    for (const [index, chronicle] of chronicles.entries()) {
      const began = process.hrtime.bigint();
      const entries = await chronicle.tail(10);
      const time = Number(process.hrtime.bigint() - began);
      if (entries.length !== 10) throw new Error(`tail(10) gave ${entries.length} events`);
      if (round >= 0) times[index].push(time);
    }
  }
  await Promise.all(chronicles.map((chronicle) => chronicle.close()));
  return times;
}

const large = join(directory, 'large.ndjson');
const small = join(directory, 'small.ndjson');
const fileSystem = fileSystemOf(directory);
console.log(`writing ${options.size} MB into ${directory} (${fileSystem}) ...`);
const nextEvent = serviceEventSource();
writeEvents(small, 1e6, nextEvent);
writeEvents(large, options.size * 1e6, nextEvent);

const results = await inTurns(contenders, large, options.rounds);
const idlePeak = peakOf(results, idle);
const named = contenders.map(({ name }) => name).filter((name) => name !== idle);
printTable(
  `Reading every event of ${options.size} MB (JSON.parse alone: of ${bytesInMemory / 1e6} MB in memory)`,
  ['', 'MB/s', 'times JSON.parse alone', 'quartiles', 'CPU, ms/MB', 'peak memory', 'above doing nothing'],
  named.map((name) => {
    const ratio = ratios(results, name, parseAlone);
    return [
      name,
      format(median(ratesOf(results, name))),
      format(ratio.median),
      ratio.quartiles.map(format).join(' .. '),
      format(cpuOf(results, name)),
      `${format(peakOf(results, name))} MB`,
      `${format(peakOf(results, name) - idlePeak)} MB`,
    ];
  }),
);

const goals = [
  [parseAlone, 0.9],
  ['readline + JSON.parse', 1.4],
].flatMap(([other, atLeast]) =>
  named
    .filter((name) => name.startsWith('holdfast'))
    .map((name) => ({ name, other, atLeast, ratio: ratios(results, name, other) })),
);
printTable(
  'Goals',
  ['', 'goal', 'measured', 'quartiles', 'reached?'],
  goals.map(({ name, other, atLeast, ratio }) => [
    name,
    `${atLeast} x ${other}`,
    format(ratio.median),
    ratio.quartiles.map(format).join(' .. '),
    ratio.median >= atLeast ? 'yes' : 'no',
  ]),
);

const batches = contenders[1];
// verify() computes the id of every event, which takes long.
const searched = await inTurns([batches, ...searches], large, Math.ceil(options.rounds / 3));
printTable(
  `Searching ${options.size} MB`,
  ['', 'MB/s', `times ${batches.name}`, 'CPU, ms/MB', 'peak memory'],
  searches.map(({ name }) => [
    name,
    format(median(ratesOf(searched, name))),
    format(ratios(searched, name, batches.name).median),
    format(cpuOf(searched, name)),
    `${format(peakOf(searched, name))} MB`,
  ]),
);

const [smallTimes, largeTimes] = await measureTails([small, large]);
const tailRatio = summary(largeTimes.map((time, round) => time / smallTimes[round]));
printTable(
  'tail(10)',
  ['1 MB', `${options.size} MB`, 'ratio', 'quartiles of the ratio'],
  [
    [
      formatTime(median(smallTimes)),
      formatTime(median(largeTimes)),
      format(tailRatio.median),
      tailRatio.quartiles.map(format).join(' .. '),
    ],
  ],
);

printMissingPeers();
writeResult('read', {
  options,
  fileSystem,
  missing: missingPeers(),
  everything: Object.fromEntries(results),
  ratios: Object.fromEntries(
    named
      .filter((name) => name.startsWith('holdfast'))
      .map((name) => [
        name,
        Object.fromEntries(
          named
            .filter((other) => !other.startsWith('holdfast'))
            .map((other) => [other, ratios(results, name, other)]),
        ),
      ]),
  ),
  goals,
  searches: Object.fromEntries(searched),
  tail: { smallNs: summary(smallTimes), largeNs: summary(largeTimes), ratio: tailRatio },
});
