/**
 * The plots of a whole run: what is drawn of which result.
 */
import { writeBars } from './plots.js';

/** @returns {Promise<string[]>} the paths of those that there are results for */
export async function writePlots(directory, results) {
  const of = (wanted) => results.filter(({ name, failed }) => name === wanted && failed === undefined);
  const appends = of('appends').flatMap(({ fileSystem, measured }) =>
    measured.map((scenario) => ({ fileSystem, ...scenario })),
  );
  const rowsOf = (values, panel, column, divisor = 1) =>
    Object.entries(values).map(([name, value]) => ({
      name,
      value: (value.median ?? value) / divisor,
      panel,
      column,
    }));
  const rates = (scenarios) => ({
    title: 'Durable appends a second (logarithmic)',
    unit: 'appends a second',
    scale: 'log',
    rows: scenarios.flatMap(({ title, fileSystem, appendsPerSecond }) =>
      rowsOf(appendsPerSecond, title, fileSystem),
    ),
  });
  const glance = appends.filter(({ title }) => title === '1 process x 64 callers').slice(0, 1);
  const plots = [
    ['at-a-glance', rates(glance)],
    ['appends', rates(appends)],
    [
      'longest-waits',
      {
        title: 'The longest that any caller waited for one append (logarithmic)',
        unit: 'milliseconds',
        scale: 'log',
        rows: appends.flatMap(({ title, fileSystem, longestWaitNs }) =>
          rowsOf(longestWaitNs, title, fileSystem, 1e6),
        ),
      },
    ],
    [
      'hand-over',
      {
        title: 'From the release of a lock to its next holder in another process, median',
        unit: 'microseconds',
        rows: of('locks').flatMap(({ fileSystem, handOverNs }) =>
          rowsOf(handOverNs, '4 processes, 1 ms', fileSystem, 1e3).filter(({ value }) => value < 10_000),
        ),
      },
    ],
    [
      'free-lock',
      {
        title: 'Taking and releasing a free lock (logarithmic)',
        unit: 'microseconds',
        scale: 'log',
        rows: of('locks').flatMap(({ fileSystem, asyncNs, syncNs }) => [
          ...rowsOf(asyncNs, 'async', fileSystem, 1e3),
          ...rowsOf(syncNs, 'sync', fileSystem, 1e3),
        ]),
      },
    ],
  ];
  const paths = [];
  for (const [name, plot] of plots) {
    if (plot.rows.length > 0) paths.push(await writeBars(directory, name, plot));
  }
  return paths;
}
