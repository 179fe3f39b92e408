/**
 * Who is ahead: one row for each peer in each work of a whole run, and what several runs say of it together.
 */

/** Closer to 1 than this, nobody is ahead, even where the quartiles of a run say so. */
const margin = 0.05;

/**
 * @typedef {{ median: number, quartiles: number[] }} Ratio
 * @typedef {{ fileSystem: string, work: string, other: string, ratio: Ratio }} Row `ratio`: how many times as fast as
 *   the other one holdfast is
 */

const inverse = ({ median, quartiles: [low, high] }) => ({
  median: 1 / median,
  quartiles: [1 / high, 1 / low],
});

const against = (work, ratios) =>
  Object.entries(ratios)
    .filter(([other]) => !other.startsWith('holdfast'))
    .map(([other, ratio]) => ({ work, other, ratio }));

const timesHoldfast = (work, times) =>
  against(
    work,
    Object.fromEntries(Object.entries(times).map(([name, { timesHoldfast: ratio }]) => [name, ratio])),
  );

const appendsOf =
  (what) =>
  ({ measured }) =>
    measured.flatMap(({ title, ratios }) => against(`${what}, ${title}`, ratios));

/** @type {Record<string, (result: object) => Omit<Row, 'fileSystem'>[]>} by the name of the benchmark */
const rowsOfResult = {
  locks: ({ asyncNs, syncNs, handOverNs, options }) => [
    ...timesHoldfast('lock and release a free lock, async', asyncNs),
    ...timesHoldfast('lock and release a free lock, sync', syncNs),
    ...timesHoldfast(`hand over a lock between ${options.processes} processes`, handOverNs),
  ],
  crowd: ({ ratios, options }) =>
    Object.entries(ratios)
      .filter(([name]) => name !== 'C')
      .map(([name, ratio]) => ({
        work: `longest wait of ${options.processes} processes for one lock, ${name}`,
        other: 'C',
        ratio: inverse(ratio),
      })),
  appends: appendsOf('durable appends'),
  postgres: appendsOf('PostgreSQL, durable appends'),
  size: ({ appends, options }) =>
    appends.map(({ callers, ratio }) => ({
      work: `append to a file of ${options.gigabytes} GB, ${callers} caller${callers > 1 ? 's' : ''}`,
      other: 'to an empty file',
      ratio: inverse(ratio),
    })),
  read: ({ ratios, tail, options }) => [
    ...Object.entries(ratios).flatMap(([name, others]) =>
      against(`read every event of ${options.size} MB, ${name.replace('holdfast, ', '')}`, others),
    ),
    { work: `tail(10) of ${options.size} MB`, other: 'of 1 MB', ratio: inverse(tail.ratio) },
  ],
  pino: ({ measured }) =>
    measured.flatMap(({ title, ratios }) =>
      Object.entries(ratios).flatMap(([name, others]) =>
        against(`pino, ${title}, ${name.replace('holdfast/pino, ', '')}`, others),
      ),
    ),
};

/** @returns {Row[]} */
export function rowsOf({ results }) {
  return results
    .filter(({ failed }) => failed === undefined)
    .flatMap(({ name, fileSystem, ...result }) =>
      (rowsOfResult[name]?.(result) ?? []).map((row) => ({ fileSystem, ...row })),
    );
}

/** @returns {'ahead' | 'level' | 'behind'} where holdfast is */
export function placeOf({ median, quartiles: [low, high] }) {
  if ((low <= 1 && high >= 1) || Math.abs(median - 1) < margin) return 'level';
  return median > 1 ? 'ahead' : 'behind';
}

/**
 * The rows of all reports; each has the median of its ratios, and where holdfast is: `differs` if one run has it ahead
 * and another behind, `level` if not all have it on one side.
 */
export function rowsOfAll(reports) {
  const key = ({ fileSystem, work, other }) => JSON.stringify([fileSystem, work, other]);
  const all = reports.map((report) => new Map(rowsOf(report).map((row) => [key(row), row])));
  const keys = new Set(all.flatMap((rows) => [...rows.keys()]));
  return [...keys].map((name) => {
    const [fileSystem, work, other] = JSON.parse(name);
    const ratios = all.map((rows) => rows.get(name)?.ratio);
    const medians = ratios.map((ratio) => ratio?.median);
    const places = ratios.map((ratio) => (ratio ? placeOf(ratio) : 'missing'));
    return { fileSystem, work, other, medians, places, median: middle(medians), place: placeOfAll(places) };
  });
}

function placeOfAll(places) {
  const unique = new Set(places);
  if (unique.has('missing') || (unique.has('ahead') && unique.has('behind'))) return 'differs';
  return unique.size === 1 ? places[0] : 'level';
}

function middle(medians) {
  const sorted = medians.filter((median) => median !== undefined).sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
