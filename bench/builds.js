/**
 * Two builds of holdfast, row by row: is anything slower than it was?
 *
 *     node builds.js --before /path/to/an/older/checkout   # where `npm run compile` was run
 *
 * A process for each build, which take turns within every round, so that both see the machine in the same mood.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    after: { type: 'string', default: root },
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '0.3' },
    only: { type: 'string', default: '' },
  },
});
if (values.before === undefined) throw new Error('--before: expected the directory of an older build');
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

const directory = temporaryDirectory();

async function start(build, name) {
  const child = fork(join(import.meta.dirname, 'builds', 'worker.js'), [
    resolve(build),
    join(directory, name),
  ]);
  child.on('exit', (code) => {
    if (code !== 0) throw new Error(`${build}: ended with ${code}`);
  });
  const [{ rows }] = await once(child, 'message');
  return { child, rows };
}

async function measure({ child }, row) {
  child.send({ row, seconds });
  const [{ rate, microseconds }] = await once(child, 'message');
  return { rate, microseconds };
}

const builds = [await start(values.before, 'before'), await start(values.after, 'after')];
const results = [];
for (const row of builds[0].rows.filter((row) => row.includes(values.only))) {
  const measured = [[], []];
  for (let round = -1; round < rounds; round++) {
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const once = await measure(builds[which], row);
      if (round >= 0) measured[which].push(once); // the first one warms up
    }
  }
  const [before, after] = measured;
  const ratios = (of) => summary(after.map((one, round) => of(one) / of(before[round])));
  results.push({
    row,
    before: median(before.map(({ rate }) => rate)),
    after: median(after.map(({ rate }) => rate)),
    rate: ratios(({ rate }) => rate),
    processor: ratios(({ microseconds }) => microseconds),
  });
}
for (const { child } of builds) child.disconnect();

printTable(
  `Two builds, the later to the earlier (${fileSystemOf(directory)})`,
  ['', 'before, /s', 'after, /s', 'after : before', 'quartiles', 'processor time'],
  results.map(({ row, before, after, rate, processor }) => [
    row,
    format(before),
    format(after),
    format(rate.median),
    rate.quartiles.map(format).join(' .. '),
    format(processor.median),
  ]),
);
writeResult('builds', { options: values, fileSystem: fileSystemOf(directory), results });
