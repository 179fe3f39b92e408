/**
 * Plots as SVG, drawn by Vega. Ours is dark, everybody else is grey.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vega from 'vega';
import { compile } from 'vega-lite';

const ours = '#0b5fa5';
const others = '#9aa4ad';

/**
 * Bars, the longest first, in one panel for each `panel` and `fileSystem` of the rows.
 *
 * @param {string} directory
 * @param {string} name of the file, without .svg
 * @param {{ title: string, unit: string, scale?: 'log' | 'linear', rows: { name: string, value: number, panel: string,
 *   column: string }[] }} plot
 * @returns {Promise<string>} the path
 */
export async function writeBars(directory, name, { title, unit, scale = 'linear', rows }) {
  const columnsOf = (panel) => [
    ...new Set(rows.filter((row) => row.panel === panel).map(({ column }) => column)),
  ];
  const panels = [...new Set(rows.map(({ panel }) => panel))];
  // Bars have no zero on a logarithmic scale: their length is that of the order of magnitude.
  const least = scale === 'log' ? Math.min(...rows.map(({ value }) => value)) / 2 : 0;
  const most = Math.max(...rows.map(({ value }) => value));
  const panelOf = (panel, column) => ({
    title: { text: `${panel}, ${column}`, anchor: 'start', fontSize: 11 },
    width: 230,
    height: { step: 15 },
    data: {
      values: rows
        .filter((row) => row.panel === panel && row.column === column)
        .map((row) => ({ ...row, isOurs: row.name.startsWith('holdfast') })),
    },
    mark: { type: 'bar', height: 10 },
    encoding: {
      y: { field: 'name', type: 'nominal', title: null, sort: { field: 'value', order: 'descending' } },
      x: {
        field: 'value',
        type: 'quantitative',
        title: unit,
        scale: { type: scale, domain: [least, most], nice: false },
        axis: { format: scale === 'log' ? '~s' : ',~r', tickCount: 5 },
      },
      x2: { datum: least },
      color: { condition: { test: 'datum.isOurs', value: ours }, value: others },
    },
  });
  const specification = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: title, anchor: 'start' },
    background: 'white',
    vconcat: panels.map((panel) => ({ hconcat: columnsOf(panel).map((column) => panelOf(panel, column)) })),
    config: { axis: { labelLimit: 300 }, view: { stroke: null } },
  };
  const view = new vega.View(vega.parse(compile(specification).spec), { renderer: 'none' });
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.svg`);
  writeFileSync(path, `${await view.toSVG()}\n`);
  return path;
}
