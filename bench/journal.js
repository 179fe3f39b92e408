/**
 * A model in C, of something that holdfast does not do: would a side journal of fixed size, which is overwritten and
 * synced in place of the growing file, make durable appends faster? One process, in turns, on the file system of the
 * temporary directory.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { numbersFromCommandLine } from './support/arguments.js';
import { compile } from './support/compile.js';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const options = numbersFromCommandLine({ bytes: 200, seconds: 1, rounds: 9 });
const layouts = ['growing', 'allocated', 'overwritten', 'side'];
const directory = temporaryDirectory();
const program = compile('journal', directory);

/** Lines per second that are durable. */
async function rateOf(layout, callers, round) {
  const path = join(directory, `${layout}-${callers}-${round}`);
  const begin = process.hrtime.bigint() + 300_000_000n; // first it works for a while, as everybody does to warm up
  const end = begin + BigInt(Math.round(options.seconds * 1e9));
  const { stdout } = await promisify(execFile)(
    program,
    [layout, path, options.bytes, callers, begin, end].map(String),
  );
  rmSync(path);
  return Number(stdout) / options.seconds;
}

const rows = [];
for (const callers of [1, 64]) {
  const rates = Object.fromEntries(layouts.map((layout) => [layout, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const layout of round % 2 === 0 ? layouts : [...layouts].reverse()) {
      rates[layout].push(await rateOf(layout, callers, round));
    }
  }
  for (const layout of layouts) {
    const ratio = summary(rates[layout].map((rate, round) => rate / rates.growing[round]));
    rows.push({ callers, layout, rate: median(rates[layout]), ratio });
  }
}
printTable(
  `Durable lines of ${options.bytes} bytes, a model in C, on ${fileSystemOf(directory)}`,
  ['lines at a time', 'layout', 'lines/s', 'to the growing file'],
  rows.map(({ callers, layout, rate, ratio }) => [
    callers,
    layout,
    format(rate),
    `${format(ratio.median)} (${ratio.quartiles.map(format).join(' .. ')})`,
  ]),
);
writeResult('journal', { fileSystem: fileSystemOf(directory), options, rows });
