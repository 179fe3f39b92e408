/**
 * The tables of a whole run, as Markdown.
 */
import { basename } from 'node:path';
import { format, formatTime } from './report.js';

const table = (head, rows) =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ].join('\n');

const tables = {
  appends: appendsOf,
  postgres: appendsOf,
  locks: ({ goals, handOverNs }) => [
    table(
      ['hand-over between 4 processes', 'median', 'locks/s'],
      Object.entries(handOverNs).map(([name, { median, locksPerSecond }]) => [
        name,
        formatTime(median),
        format(locksPerSecond),
      ]),
    ),
    goalsOf(goals),
  ],
  chain: ({ appends, verified }) => [
    table(
      ['processes x callers', 'without', 'with a chain', 'ratio'],
      appends.map((row) => [
        `${row.processes} x ${row.callers}`,
        format(row.without),
        format(row.with),
        format(row.ratio.median),
      ]),
    ),
    `verify(): ids ${format(verified.ids)} MB/s, chain ${format(verified.chain)}, both ${format(verified.both)}\n`,
  ],
  read: ({ goals }) => [
    goalsOf(
      goals.map(({ name, atLeast, other, ...goal }) => ({
        ...goal,
        work: name,
        goal: `${atLeast} x ${other}`,
      })),
    ),
  ],
};

function appendsOf({ measured, options }) {
  return measured.map(
    ({ title, bytes, appendsPerSecond, ratios, longestWaitNs }) =>
      `${title}, ${bytes ?? options?.bytes ?? 200}-byte events\n\n${table(
        ['', 'appends/s', 'holdfast has', 'quartiles', 'longest wait'],
        Object.entries(appendsPerSecond).map(([name, { median }]) => [
          name,
          format(median),
          `${format(ratios[name].median)} x`,
          ratios[name].quartiles.map(format).join(' to '),
          name in longestWaitNs ? formatTime(longestWaitNs[name]) : '',
        ]),
      )}`,
  );
}

function goalsOf(goals) {
  return table(
    ['', 'goal', 'measured', 'quartiles'],
    goals.map(({ work, goal, ratio }) => [
      work,
      goal,
      `${format(ratio.median)} x`,
      ratio.quartiles.map(format).join(' to '),
    ]),
  );
}

/** @param {readonly string[]} plots paths of those that were drawn, in the same directory */
export function markdownOf({ date, quick, machine, peers, minutes, results }, plots) {
  const sections = results.map(({ name, fileSystem, failed, ...result }) => {
    const body = failed ? [`It failed: ${failed}.\n`] : (tables[name]?.(result) ?? ['See the JSON.\n']);
    return `## ${name}, ${fileSystem}\n\n${body.join('\n')}`;
  });
  return [
    '# Benchmark results',
    '',
    `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}; ${format(minutes)} minutes${quick ? ', the quick form: too short for small differences' : ''}.`,
    `Peers: ${Object.entries(peers)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}. How each is used: [README](../README.md).`,
    '',
    ...plots.map((path) => `![${basename(path, '.svg')}](${basename(path)})`),
    '',
    ...sections,
  ].join('\n');
}
