/**
 * The tables of a whole run, as Markdown.
 */
import { basename } from 'node:path';
import { format, formatTime } from './report.js';
import { median, summary } from './statistics.js';

/** @param {string} alignment of all columns but the first */
export const table = (head, rows, alignment = '---:') =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map((_, column) => (column === 0 ? '---' : alignment)).join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ].join('\n');

/** Median and quartiles, as cells. */
const cellsOf = ({ median, quartiles }) => [format(median), quartiles.map(format).join(' to ')];

const tables = {
  appends: appendsOf,
  postgres: appendsOf,
  locks: ({ goals, asyncNs, syncNs, handOverNs }) => [
    ...[
      ['lock and release a free lock, async', asyncNs],
      ['lock and release a free lock, sync', syncNs],
      ['hand over a lock between 4 processes', handOverNs],
    ].map(([work, times]) =>
      table(
        [work, 'median', 'times holdfast', 'quartiles'],
        Object.entries(times).map(([name, { median, timesHoldfast }]) => [
          name,
          formatTime(median),
          ...cellsOf(timesHoldfast),
        ]),
      ),
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
  crowd: ({ options, medianNs, longestNs, ratios }) => [
    table(
      [
        `${options.processes} processes want one lock`,
        'median wait',
        'longest',
        'longest, times C',
        'quartiles',
      ],
      Object.entries(longestNs).map(([name, { median }]) => [
        name,
        formatTime(medianNs[name].median),
        formatTime(median),
        ...cellsOf(ratios[name]),
      ]),
    ),
  ],
  size: ({ options, appends, openAndFirstAppend: { windowEvents, windowNs, largeNs, largeToWindow } }) => [
    table(
      [`a file of ${options.gigabytes} GB`, 'time', 'times that of a small one', 'quartiles'],
      [
        ...appends.map(({ callers, largeNs: { median }, ratio }) => [
          `append, ${callers} caller${callers > 1 ? 's' : ''}, and of an empty one`,
          formatTime(median),
          ...cellsOf(ratio),
        ]),
        [
          `open + first append, and with ${windowEvents} events (${formatTime(windowNs.median)})`,
          formatTime(largeNs.median),
          ...cellsOf(largeToWindow),
        ],
      ],
    ),
  ],
  rotated: ({ options, files, measured }) => [
    table(
      [`${options.gigabytes} GB in ${files} files`, 'ms', 'processor ms', 'more MB resident'],
      Object.entries(measured).map(([what, { milliseconds, processorMilliseconds, megabytes }]) => [
        what,
        ...[milliseconds, processorMilliseconds, megabytes].map(format),
      ]),
    ),
  ],
  read: ({ options, everything, ratios, searches, tail }) => [
    table(
      [`read every event of ${options.size} MB`, 'MB/s', 'processor ms/MB', 'peak MB', 'above doing nothing'],
      Object.entries(everything)
        .filter(([name]) => name !== 'nothing')
        .map(([name, rounds]) => [
          name,
          ...readingOf(rounds),
          format(peakOf(rounds) - peakOf(everything.nothing)),
        ]),
    ),
    ...Object.entries(ratios).map(([name, others]) =>
      table(
        [`${name} has`, 'times', 'quartiles'],
        Object.entries(others).map(([other, ratio]) => [other, ...cellsOf(ratio)]),
      ),
    ),
    table(
      [`search ${options.size} MB`, 'MB/s', 'processor ms/MB', 'peak MB'],
      Object.entries(searches).map(([name, rounds]) => [name, ...readingOf(rounds)]),
    ),
    `tail(10) takes ${formatTime(tail.largeNs.median)}, ${format(tail.ratio.median)} times as long as in 1 MB (quartiles ${tail.ratio.quartiles.map(format).join(' to ')}).\n`,
  ],
  pino: ({ measured }) =>
    measured.map(({ title, other, results }) =>
      table(
        [
          title,
          'lines/s',
          `times ${other}`,
          'quartiles',
          'processor us/line',
          'lost',
          'torn',
          'out of order',
        ],
        Object.entries(results).map(([name, rounds]) => [
          name,
          format(median(rounds.map(({ rate }) => rate))),
          ...cellsOf(summary(rounds.map(({ rate }, round) => rate / results[other][round].rate))),
          format(median(rounds.map(({ user }) => user))),
          ...['lost', 'torn', 'misplaced'].map((figure) => Math.max(...rounds.map((round) => round[figure]))),
        ]),
      ),
    ),
};

const peakOf = (rounds) => median(rounds.map(({ peakBytes }) => peakBytes)) / 1e6;

const readingOf = (rounds) => [
  format(median(rounds.map(({ megabytesPerSecond }) => megabytesPerSecond))),
  format(median(rounds.map(({ cpuMilliseconds }) => cpuMilliseconds))),
  format(peakOf(rounds)),
];

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

/** When, on what, and for how long. */
export function machineOf({ date, quick, machine, minutes }) {
  return `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}; ${format(minutes)} minutes${quick ? ', the quick form: too short for small differences' : ''}.`;
}

/** @param {string} level of the headings */
export function sectionsOf({ results }, level) {
  return results.map(({ name, fileSystem, failed, ...result }) => {
    const body = failed ? [`It failed: ${failed}.\n`] : (tables[name]?.(result) ?? ['See the JSON.\n']);
    return `${level} ${name}, ${fileSystem}\n\n${body.join('\n')}`;
  });
}

/** @param {readonly string[]} plots paths of those that were drawn, in the same directory */
export function markdownOf(report, plots) {
  return [
    '# Benchmark results',
    '',
    machineOf(report),
    `Peers: ${peersOf(report)}. How each is used: [README](../README.md).`,
    '',
    ...plots.map((path) => `![${basename(path, '.svg')}](${basename(path)})`),
    '',
    ...sectionsOf(report, '##'),
  ].join('\n');
}

/** With their versions. */
export const peersOf = ({ peers }) =>
  Object.entries(peers)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
