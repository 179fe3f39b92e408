/**
 * What a chain costs: durable appends with and without it, in turns, and how fast verify() checks one.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle, verifyChronicle } from 'holdfast';
import { runCrowd } from './appends/crowd.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { eventSource } from './support/events.js';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ bytes: 200, seconds: 1, rounds: 9, megabytes: 100 });
const crowds = [
  { processes: 1, callers: 1 },
  { processes: 1, callers: 64 },
  { processes: 4, callers: 64 },
];
const directory = temporaryDirectory();
const names = ['holdfast', 'holdfast with a chain'];

async function compare(crowd, index) {
  const rates = [[], []];
  for (let round = 0; round < options.rounds; round++) {
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const path = join(directory, `${index}-${round}-${which}`);
      const { rate } = await runCrowd(names[which], path, { ...options, ...crowd });
      rates[which].push(rate);
      rmSync(path);
    }
  }
  const ratio = summary(rates[1].map((rate, round) => rate / rates[0][round]));
  return { ...crowd, without: median(rates[0]), with: median(rates[1]), ratio };
}

/** Megabytes per second, with a chain and without, in turns. */
async function verify() {
  const path = join(directory, 'verified');
  const chronicle = await openChronicle(path, { chain: true, durability: 'none' });
  const next = eventSource(options.bytes, 'verified');
  while (statSync(path).size < options.megabytes * 1e6) {
    await chronicle.appendMany(Array.from({ length: 5000 }, next));
  }
  await chronicle.close();
  const rates = { ids: [], chain: [], both: [] };
  const ways = { ids: { ids: true }, chain: { ids: false, chain: true }, both: { ids: true, chain: true } };
  for (let round = 0; round < 3; round++) {
    for (const [way, asked] of Object.entries(ways)) {
      const begin = performance.now();
      const { intact, bytes } = await verifyChronicle(path, asked);
      if (!intact) throw new Error('what was written is not intact');
      rates[way].push(bytes / 1e3 / (performance.now() - begin));
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([way, values]) => [way, median(values)]));
}

const appends = [];
for (const [index, crowd] of crowds.entries()) appends.push(await compare(crowd, index));
printTable(
  `Durable appends of ${options.bytes}-byte events, on ${fileSystemOf(directory)}`,
  ['processes x callers', 'without', 'with a chain', 'ratio'],
  appends.map((row) => [
    `${row.processes} x ${row.callers}`,
    format(row.without),
    format(row.with),
    `${format(row.ratio.median)} (${row.ratio.quartiles.map(format).join(' .. ')})`,
  ]),
);
const verified = await verify();
printTable(
  `verify() of ${options.megabytes} MB`,
  ['', 'MB/s'],
  [
    ['ids', format(verified.ids)],
    ['chain', format(verified.chain)],
    ['both', format(verified.both)],
  ],
);
writeResult('chain', { fileSystem: fileSystemOf(directory), options, appends, verified });
