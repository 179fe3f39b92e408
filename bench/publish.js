/**
 * What several whole runs say together: `node bench/publish.js a/bench.json b/bench.json c/bench.json` prints who is
 * ahead in each, and fails if they disagree. `--docs` writes the results into the documentation, and `--check` says
 * whether those that stand there are what was measured, and of this code.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { inspectDocs, writeDocs } from './support/docs.js';
import { format, printTable } from './support/report.js';
import { rowsOfAll } from './support/rows.js';
import { sourcesHash } from './support/sources.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    docs: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    /** Where the pages are. */
    root: { type: 'string', default: join(import.meta.dirname, '..') },
  },
});

if (values.check) check();
else compare();

function check() {
  const found = inspectDocs(values.root);
  const complaints = found
    ? [
        ...found.pages.map((page) => `${page} does not say what was measured`),
        ...(found.sources === sourcesHash()
          ? []
          : ['what was measured is older than the code: npm run bench']),
      ]
    : ['nothing was measured for the documentation: npm run bench'];
  console.log(complaints.join('\n') || 'the results in the documentation are of this code');
  process.exitCode = complaints.length > 0 ? 1 : 0;
}

function compare() {
  if (positionals.length === 0) throw new Error('expected the bench.json of one run or more');
  const reports = positionals.map((path) => JSON.parse(readFileSync(path, 'utf8')));
  if (new Set(reports.map(({ sources }) => sources)).size > 1)
    throw new Error('the runs have measured different code');
  if (values.docs && reports.some(({ quick }) => quick))
    throw new Error('a quick run is too short for the documentation');
  const rows = rowsOfAll(reports);
  printTable(
    'How many times as fast holdfast is',
    ['', 'as', 'on', ...positionals.map((_, index) => `run ${index + 1}`), 'it is'],
    rows.map(({ work, other, fileSystem, medians, place }) => [
      work,
      other,
      fileSystem,
      ...medians.map((median) => (median === undefined ? '' : format(median))),
      place === 'differs' ? 'THEY DIFFER' : place,
    ]),
  );
  const differing = rows.filter(({ place }) => place === 'differs').length;
  console.log(`\n${rows.length} rows; the runs disagree on who is ahead in ${differing}`);
  if (values.docs) writeDocs(values.root, reports, rows, dirname(positionals[0]));
  process.exitCode = differing > 0 ? 1 : 0;
}
