/**
 * What a benchmark leaves: a table on the screen and a JSON file in results/.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';

/** main.js measures on several file systems, and keeps their results apart. */
const results = process.env.HOLDFAST_BENCH_RESULTS ?? join(import.meta.dirname, '..', 'results');

/**
 * @param {string} title
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function printTable(title, head, rows) {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  console.log(`\n${title}\n${table.toString()}`);
}

/** Writes results/`name`.json, with the machine that it was measured on. */
export function writeResult(name, content) {
  mkdirSync(results, { recursive: true });
  const path = join(results, `${name}.json`);
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model,
    kernel: release(),
    node: process.version,
  };
  writeFileSync(
    path,
    `${JSON.stringify({ date: new Date().toISOString(), machine, ...content }, null, 2)}\n`,
  );
  console.log(`\nwritten to ${path}`);
}

/** The type of the file system that `directory` is on, as Linux names it. */
export function fileSystemOf(directory) {
  if (process.platform !== 'linux') return 'unknown file system';
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point === '/' || directory === point || directory.startsWith(`${point}/`))
    .sort(([, a], [, b]) => a.length - b.length);
  return mounts.at(-1)?.[2] ?? 'unknown file system';
}

/** Three significant digits. */
export function format(number) {
  if (Math.abs(number) >= 100) return Math.round(number).toLocaleString('en-US');
  return Number(number.toPrecision(3)).toString();
}

/** @param {bigint | number} nanoseconds */
export function formatTime(nanoseconds) {
  const number = Number(nanoseconds);
  if (number < 1e6) return `${format(number / 1e3)} us`;
  return `${format(number / 1e6)} ms`;
}
