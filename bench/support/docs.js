/**
 * The results in the documentation: in each page a block between two comments, and the plots beside the pages.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineOf, peersOf, sectionsOf, table } from './markdown.js';
import { format } from './report.js';

/** Where the numbers of the documentation come from, beside what was measured. */
const kept = 'docs/bench.json';

const plots = {
  'at-a-glance': 'Durable appends a second',
  appends: 'Durable appends a second, in every scenario',
  'longest-waits': 'The longest that any caller waited for an append',
  'hand-over': 'From the release of a lock to its next holder',
  'free-lock': 'Taking and releasing a free lock',
};
const [first] = Object.keys(plots);

/** What the README has of it. */
const inShort = /^(lock .*, async|durable appends, 1 process x (1|64) callers?|read .*, read\(\))$/;

const names = (rows) => rows.map(({ other, median }) => `${format(median)} x ${other}`).join('; ');

/** One line for each work. */
function tableOf(rows) {
  const works = [...new Set(rows.map(({ work }) => work))];
  const lines = works.map((work) => {
    const at = (...places) => names(rows.filter((row) => row.work === work && places.includes(row.place)));
    return [work, at('ahead'), at('level', 'differs'), at('behind')];
  });
  return table(['', 'ahead of', 'level with', 'behind'], lines, '---');
}

const figure = (name, folder) => `![${plots[name]}](${folder}${name}.svg)`;

/** @returns {Record<string, string>} for each page, what stands in it */
function textsOf({ report, rows, runs }) {
  const fileSystems = [...new Set(rows.map(({ fileSystem }) => fileSystem))];
  const most = rows.filter(({ fileSystem }) => fileSystem === fileSystems[0]);
  const drawn = new Set(report.plots);
  const shown = (folder) =>
    Object.keys(plots)
      .filter((name) => drawn.has(name))
      .map((name) => figure(name, folder));
  return {
    'README.md': [
      tableOf(most.filter(({ work }) => inShort.test(work))),
      ...(drawn.has(first) ? [figure(first, 'docs/'), ''] : []),
    ].join('\n'),
    'docs/performance.md': [
      `${machineOf(report)} ${runs > 1 ? `${runs} runs: the median of their medians, and who is ahead in all of them.` : 'One run.'}`,
      '',
      ...fileSystems.flatMap((name) => [
        `### On ${name}`,
        '',
        tableOf(rows.filter((row) => row.fileSystem === name)),
      ]),
      ...shown(''),
      '',
    ].join('\n'),
    'bench/README.md': [
      machineOf(report),
      `Peers: ${peersOf(report)}.`,
      '',
      ...sectionsOf(report, '###'),
    ].join('\n'),
  };
}

const begin = '<!-- results -->\n';
const end = '<!-- end of results -->';

function withResults(page, path, text) {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${path} has no ${begin.trim()} with an ${end}`);
  return `${page.slice(0, from)}${begin}\n${text.trim()}\n\n${page.slice(to)}`;
}

/**
 * Writes the results into the pages below `root`.
 *
 * @param {object[]} reports the first one gives the tables with quartiles, and the plots
 * @param {object[]} rows of all of them
 * @param {string} plotsIn the directory of its plots
 */
export function writeDocs(root, reports, rows, plotsIn) {
  const [report] = reports;
  const published = { sources: report.sources, runs: reports.length, rows, report };
  for (const [path, text] of Object.entries(textsOf(published))) {
    const page = join(root, path);
    writeFileSync(page, withResults(readFileSync(page, 'utf8'), path, text));
  }
  for (const name of report.plots)
    copyFileSync(join(plotsIn, `${name}.svg`), join(root, 'docs', `${name}.svg`));
  writeFileSync(join(root, kept), `${JSON.stringify(published)}\n`);
}

/** @returns {{ sources: string, pages: string[] } | undefined} `pages`: those that do not say what was measured */
export function inspectDocs(root) {
  if (!existsSync(join(root, kept))) return undefined;
  const published = JSON.parse(readFileSync(join(root, kept), 'utf8'));
  const pages = Object.entries(textsOf(published)).filter(([path, text]) => {
    const page = readFileSync(join(root, path), 'utf8');
    return withResults(page, path, text) !== page;
  });
  return { sources: published.sources, pages: pages.map(([path]) => path) };
}
