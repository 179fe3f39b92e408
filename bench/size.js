/**
 * Shows that an append costs the same whatever the file holds: an empty chronicle against a large one.
 *
 * Both are open at once, and blocks of appends alternate between them, so that whatever else the machine does meets
 * both. Each pair of blocks gives one ratio; the median of the ratios is the result.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { numbersFromCommandLine } from './support/arguments.js';
import { eventSource } from './support/events.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ gigabytes: 1, bytes: 200, pairs: 40 });
/** Appends of one block, for so many callers that each wait for one append before they make the next. */
const workloads = [
  { callers: 1, appends: 200 },
  { callers: 64, appends: 64 * 40 },
];
/** More than the default dedupe window remembers. */
const windowEvents = 20_000;
const openings = 15;

const directory = temporaryDirectory();
const nextEvent = eventSource(options.bytes, 'size');

/** Writes whole lines with plain fs until the file holds at least `bytes`; ids are random, as hashes look. */
function fill(path, bytes) {
  const file = openSync(path, 'w');
  for (let written = 0; written < bytes; ) {
    const ids = randomBytes(32 * 4096).toString('hex');
    let chunk = '';
    for (let at = 0; at < ids.length && written + chunk.length < bytes; at += 64) {
      chunk += `${JSON.stringify({ ...nextEvent(), eventId: ids.slice(at, at + 64) })}\n`;
    }
    written += writeSync(file, chunk);
  }
  fdatasyncSync(file);
  closeSync(file);
}

async function timed(body) {
  const began = process.hrtime.bigint();
  await body();
  return Number(process.hrtime.bigint() - began);
}

/** Nanoseconds per append. */
async function block(chronicle, { callers, appends }) {
  let left = appends;
  const call = async () => {
    while (left-- > 0) await chronicle.append(nextEvent());
  };
  return (await timed(() => Promise.all(Array.from({ length: callers }, call)))) / appends;
}

async function measureAppends(empty, large, workload) {
  const times = { empty: [], large: [], ratio: [] };
  for (let pair = -4; pair < options.pairs; pair++) {
    const largeFirst = pair % 2 === 0;
    const before = largeFirst ? await block(large, workload) : undefined;
    const small = await block(empty, workload);
    const big = before ?? (await block(large, workload));
    if (pair < 0) continue; // still warming up
    times.empty.push(small);
    times.large.push(big);
    times.ratio.push(big / small);
  }
  return times;
}

/** Opens each file, appends once and closes, in turns. */
async function measureOpenings(paths) {
  const times = paths.map(() => []);
  for (let round = -2; round < openings; round++) {
    for (const [index, path] of paths.entries()) {
      const target = path ?? join(directory, `empty-${round}.ndjson`);
      let chronicle;
      const time = await timed(async () => {
        chronicle = await openChronicle(target);
        await chronicle.append(nextEvent());
      });
      await chronicle.close();
      if (round >= 0) times[index].push(time);
    }
  }
  return times;
}

const paths = {
  empty: join(directory, 'empty.ndjson'),
  window: join(directory, 'window.ndjson'),
  large: join(directory, 'large.ndjson'),
};
console.log(`writing ${options.gigabytes} GB into ${directory} (${fileSystemOf(directory)}) ...`);
fill(paths.large, options.gigabytes * 1e9);
fill(paths.window, windowEvents * (options.bytes + 80));
const largeBytes = statSync(paths.large).size;

const rows = [];
const result = {
  options,
  fileSystem: fileSystemOf(directory),
  largeBytes,
  appends: [],
  openAndFirstAppend: {},
};
const chronicles = await Promise.all([openChronicle(paths.empty), openChronicle(paths.large)]);
for (const workload of workloads) {
  const times = await measureAppends(...chronicles, workload);
  const ratio = summary(times.ratio);
  const row = { ...workload, emptyNs: summary(times.empty), largeNs: summary(times.large), ratio };
  result.appends.push(row);
  rows.push([
    `append, ${workload.callers} caller${workload.callers > 1 ? 's' : ''}`,
    formatTime(row.emptyNs.median),
    formatTime(row.largeNs.median),
    format(ratio.median),
    ratio.quartiles.map(format).join(' .. '),
  ]);
}
for (const chronicle of chronicles) await chronicle.close();
printTable(
  `Appends of ${options.bytes}-byte events: median time of one`,
  ['', 'empty', `${format(largeBytes / 1e9)} GB`, 'ratio', 'quartiles of the ratio'],
  rows,
);

const [emptyTimes, windowTimes, largeTimes] = await measureOpenings([undefined, paths.window, paths.large]);
result.openAndFirstAppend = {
  emptyNs: summary(emptyTimes),
  windowEvents,
  windowNs: summary(windowTimes),
  largeNs: summary(largeTimes),
  largeToWindow: summary(largeTimes.map((time, round) => time / windowTimes[round])),
};
printTable(
  'Open + first append: the ids of the dedupe window are read once, whatever stands before them',
  [
    'empty',
    `${windowEvents.toLocaleString('en-US')} events`,
    `${format(largeBytes / 1e9)} GB`,
    'ratio of the last two',
  ],
  [
    [
      ...[emptyTimes, windowTimes, largeTimes].map((times) => formatTime(median(times))),
      format(result.openAndFirstAppend.largeToWindow.median),
    ],
  ],
);
writeResult('size', result);
