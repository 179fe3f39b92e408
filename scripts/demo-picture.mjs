/** `npm run docs:demo`: runs the demo, and draws what it says as docs/demo.svg, for the README. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/examples/demo/main.mjs', import.meta.url));
const printed = execFileSync(process.execPath, [program], { encoding: 'utf8' }).split('\n');

/** The rows of its table, and what it said before: of the writers only what became of those that were killed. */
const rows = printed
  .filter((line) => line.startsWith('│'))
  .map((line) =>
    line
      .split('│')
      .slice(1, 4)
      .map((cell) => cell.trim()),
  );
const said = printed.filter((line) => /^\d|^writer.*(killed|started again)/.test(line)).map(withoutPath);
const [kills] = /\d+(?= were killed)/.exec(rows[0]?.[2] ?? '') ?? [];
const of = (name) => rows.find(([first]) => first === name)?.[1];
const title = `${kills} killed, ${of('lost')} lost, ${of('doubled')} doubled`;

/** The folder for temporary files says nothing to anybody else. */
function withoutPath(line) {
  return line.replace(/\S+[/\\](?=chronicle\.ndjson)/, '');
}

const width = 840;
const lineHeight = 23;
const colors = {
  paper: '#0d1117',
  edge: '#30363d',
  text: '#c9d1d9',
  faint: '#8b949e',
  good: '#3fb950',
  head: '#f0f6fc',
};

let y = 46;
const parts = [text(28, y, title, { fill: colors.head, size: 24, weight: 'bold', family: 'sans-serif' })];
y += 38;
for (const line of ['$ npm run demo', ...said]) {
  parts.push(text(28, y, line, { fill: line.startsWith('$') ? colors.head : colors.faint }));
  y += lineHeight;
}
y += 2;
for (const [name = '', value = '', meaning = ''] of rows) {
  parts.push(`<line x1="28" x2="${width - 28}" y1="${y - 14}" y2="${y - 14}" stroke="${colors.edge}"/>`);
  const matters = name === 'lost' || name === 'doubled';
  const fill = matters && value === '0' ? colors.good : colors.text;
  parts.push(text(28, y + 4, name, { fill }), text(300, y + 4, value, { fill, anchor: 'end' }));
  parts.push(text(324, y + 4, meaning, { fill: colors.faint }));
  y += lineHeight + 4;
}

function text(
  x,
  at,
  content,
  { fill, size = 14, weight = 'normal', anchor = 'start', family = 'monospace' },
) {
  const fonts =
    family === 'monospace' ? 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace' : 'sans-serif';
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${at}" fill="${fill}" font-family="${fonts}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}">${escaped}</text>`;
}

writeFileSync(
  new URL('../docs/demo.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" aria-label="npm run demo: ${title}">
<rect width="${width}" height="${y}" rx="10" fill="${colors.paper}"/>
${parts.join('\n')}
</svg>
`,
);
console.log(`docs/demo.svg: ${title}`);
