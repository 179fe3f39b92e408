/** Completion scripts and the manual page: what --help knows, they know, and the shells take them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { holdfastProgram } from '../../dist/lib/cli/program.js';
import { run } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { missing } from '../support/native-program.js';

const commands = holdfastProgram().commands;
const page = fileURLToPath(new URL('../../dist/holdfast.1', import.meta.url));
const main = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

const shellOf = (shell: string, args: string[]) =>
  execFileSync(shell, args, { encoding: 'utf8', stdio: 'pipe' });

const scriptOf = (shell: string) => shellOf(process.execPath, [main, 'completion', shell]);
const bashScript = scriptOf('bash');

function flagsOf(name: string): string[] {
  const command = commands.find((each) => each.name() === name);
  if (!command) throw new Error(name);
  const options = command.createHelp().visibleOptions(command);
  return options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined)) as string[];
}

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const program = `${bashScript}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return shellOf('bash', ['-c', program, 'bash', 'holdfast', ...words])
    .split('\n')
    .filter(Boolean);
}

describe('Completion in bash', () => {
  it('offers the commands, and every option of each that --help shows', () => {
    const names = commands.map((command) => command.name());
    expect(names.length).toBeGreaterThan(9);
    expect(offered('')).toEqual(expect.arrayContaining(names));
    expect(offered('ap')).toEqual(['append']);
    for (const name of names) expect(offered(name, '-'), name).toEqual(flagsOf(name));
  });

  it('offers the values of an option, in both ways of writing, and those of an argument', () => {
    expect(offered('append', '--durability', '')).toEqual(['data', 'full', 'none']);
    expect(offered('repair', '--durability', '=', 'f')).toEqual(['full']);
    expect(offered('tail', '--on-gap', '=')).toEqual(['throw', 'continue']);
    expect(offered('completion', 'z')).toEqual(['zsh']);
    expect(offered('append', '--id-key', '')).toEqual([]);
  });

  it('offers commands behind --', () => {
    expect(offered('lock', 'file', '--', 'echo')).toContain('echo');
  });
});

it.each(['bash', 'zsh', 'fish'])('%s takes its script', (shell) => {
  if (missing([shell]) && shell !== 'bash') return;
  const file = join(temporaryDirectory(), shell);
  writeFileSync(file, scriptOf(shell));
  shellOf(shell, ['-n', file]);
});

it('no other shell has one', async () => {
  expect(await run(['completion', 'csh'])).toMatchObject({ code: 2, out: '' });
});

it.skipIf(missing(['fish']))('fish offers commands, options and values', () => {
  const offers = (line: string) => shellOf('fish', ['-c', `${scriptOf('fish')}\ncomplete -C '${line}'`]);
  expect(offers('holdfast ap')).toContain('append\t');
  expect(offers('holdfast cat --')).toMatch(/--max-line-bytes\t.*\n/);
  expect(offers('holdfast append --durability ')).toMatch(/full/);
});

describe('The manual page', () => {
  const text = readFileSync(page, 'utf8').replaceAll('\\-', '-');

  it('has every command and every option', () => {
    for (const command of commands) {
      expect(text).toContain(`\n.SS holdfast ${command.name()} `);
      for (const flag of flagsOf(command.name())) expect(text, command.name()).toContain(flag);
    }
  });

  it('is the one that package.json names', () => {
    const { man, files } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(man).toBe('./dist/holdfast.1');
    expect(files).toContain('dist/holdfast.1');
  });

  it.skipIf(missing(['man']))('is taken by man without a warning', () => {
    const output = shellOf('man', ['--warnings', '-l', page]);
    expect(output).toContain('--max-line-bytes');
  });

  it.skipIf(missing(['mandoc']))('is taken by mandoc', () => {
    shellOf('mandoc', ['-T', 'lint', '-W', 'error', page]);
  });
});
