/**
 * `npm run docs:command [-- --check]`: the last part of docs/command.md, which is the `--help` of every command
 * as dist/ has it. With `--check`, only says whether it is up to date.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const page = new URL('../docs/command.md', import.meta.url);
const program = fileURLToPath(new URL('../dist/lib/cli/main.js', import.meta.url));
const begin = '<!-- From here on made by `npm run docs:command`. -->\n';

/** As it is printed on a terminal of 80 columns. */
function help(...parameters) {
  const env = { ...process.env, COLUMNS: '80', NO_COLOR: '1' };
  return execFileSync(process.execPath, [program, ...parameters, '--help'], { encoding: 'utf8', env });
}

function section(title, text) {
  return `\n### ${title}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n`;
}

const overview = help();
const [, list = ''] = overview.split('\nCommands:\n');
const names = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name).filter((name) => name !== 'help');

const before = readFileSync(page, 'utf8');
const [written] = before.split(begin);
const sections = names.map((name) => section(`holdfast ${name}`, help(name)));
const after = written + begin + section('holdfast', overview) + sections.join('');

if (!parseArgs({ options: { check: { type: 'boolean' } } }).values.check) {
  writeFileSync(page, after);
} else if (after !== before) {
  console.error('docs/command.md is not what the commands say of themselves: npm run docs:command');
  process.exitCode = 1;
}
