/** The documentation says what is so: its lists are whole, and what it tells a reader to type is there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { holdfastProgram } from '../dist/lib/cli/program.js';
import { blocks, pages } from './support/pages.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What stands in the first column of the tables of a page, below a heading if one is given. */
function firstColumn(page: string, heading = ''): string[] {
  const [, below = ''] = read(page).split(`${heading}\n`, 2);
  const [section = ''] = below.split(/^## /m);
  return [...section.matchAll(/^\| `(\w+)` /gm)].map(([, code = '']) => code);
}

const sourcesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join(folder, name)))
    .join('\n');

const unique = (found: Iterable<RegExpMatchArray>) =>
  [...new Set([...found].map(([, name = '']) => name))].sort();

it('the README fits on three screens', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

describe('docs/errors.md', () => {
  it('has every code of a HoldfastError, and no other', () => {
    const [, type = ''] = /export type HoldfastErrorCode =([^;]*);/.exec(read('lib/base/errors.ts')) ?? [];
    expect(firstColumn('docs/errors.md', '# Errors').sort()).toEqual(unique(type.matchAll(/'(E\w+)'/g)));
  });

  it('has every code of a warning, and no other', () => {
    const codes = unique(sourcesOf('lib').matchAll(/'(HOLDFAST_\w+)'/g));
    expect(firstColumn('docs/errors.md', '## Warnings').sort()).toEqual(codes);
  });

  it('has every code that is made in place of proper-lockfile, and no other', () => {
    const sources = read('lib/compat/proper-lockfile.ts') + read('lib/compat/compromised.ts');
    const codes = unique(sources.matchAll(/code: '(E\w+)'/g));
    expect(firstColumn('docs/errors.md', '## In place of proper-lockfile').sort()).toEqual(codes);
  });
});

describe('docs/guarantees.md', () => {
  const promises = unique(read('docs/guarantees.md').matchAll(/^- \*\*([LCSE]\d+)\*\* /gm));
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => read(join('test', name)));
  /** The names of tests, and of the blocks that they stand in. */
  const names = tests.flatMap((text) => text.match(/(['"`]).*\1(?=,\s*(?:async\b|[({_]|make\b))/g) ?? []);

  it('has every promise by its letter', () => {
    const count = { L: 9, C: 15, S: 4, E: 3 };
    const expected = Object.entries(count).flatMap(([letter, of]) =>
      Array.from({ length: of }, (_, index) => `${letter}${index + 1}`),
    );
    expect(promises).toEqual(expected.sort());
  });

  it.each(promises)('%s has a test that is named after it', (promise) => {
    expect(names.some((name) => new RegExp(`\\b${promise}\\b`).test(name))).toBe(true);
  });

  it.each(promises)('%s has a row in ARCHITECTURE.md, and the tests that it lists are there', (promise) => {
    const rows = read('ARCHITECTURE.md').match(new RegExp(`^\\| ${promise} .*$`, 'gm')) ?? [];
    expect(rows.length).toBeGreaterThan(0);
    const missing: string[] = [];
    for (const row of rows) {
      let folder = '';
      for (const [, listed = ''] of (row.split(' | ')[2] ?? '').matchAll(/`([^`]+)`/g)) {
        const path = listed.includes('/') ? listed : `${folder}/${listed}`;
        folder = path.slice(0, path.lastIndexOf('/'));
        const found = [path, `${path}.test.ts`].some((file) => existsSync(join(root, file)));
        if (!found) missing.push(path);
      }
    }
    expect(missing).toEqual([]);
  });
});

it('docs/diagnostics.md has every channel, and no other', () => {
  const channels = unique(sourcesOf('lib').matchAll(/diagnosticsChannel\('([\w:]+)'\)/g));
  const listed = unique(read('docs/diagnostics.md').matchAll(/^\| `holdfast:([\w:]+)` /gm));
  expect(listed).toEqual(channels);
});

it('docs/command.md is what the commands say of themselves (else: npm run docs:command)', () => {
  execFileSync(process.execPath, [join(root, 'scripts/command-docs.mjs'), '--check'], { stdio: 'pipe' });
});

describe('a block of code', () => {
  it('has a language that a test looks at', () => {
    const languages = unique(pages.flatMap((page) => [...read(page).matchAll(/^```(\S+)\n/gm)]));
    const looked = ['console', 'js', 'sh', 'ts'];
    // Drawings, what scripts/command-docs.mjs writes, and grants, which need a server of PostgreSQL.
    expect(languages).toEqual([...looked, 'mermaid', 'sql', 'text'].sort());
  });

  it.each(blocks('sh'))('is a line of a shell that it understands:\n%s', (code) => {
    const lines = code.replace(/^(\S+ ){5}(?=holdfast)/gm, ''); // of a crontab
    const { stderr } = spawnSync('bash', ['-n'], { input: lines, encoding: 'utf8' });
    expect(stderr).toBe('');
  });

  const shell = [...blocks('sh'), ...blocks('console')].join('\n');

  it('runs scripts of npm that there are', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = unique(pages.flatMap((page) => [...read(page).matchAll(/npm run ([a-z]+(?::[a-z]+)?)/g)]));
    expect(named).toContain('demo');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it.each(unique(shell.matchAll(/holdfast (\w+) /g)))('gives holdfast %s options that it has', (name) => {
    const help =
      holdfastProgram()
        .commands.find((each) => each.name() === name)
        ?.helpInformation() ?? '';
    const calls = [...shell.matchAll(new RegExp(`holdfast ${name} ([^|#\\n]*)`, 'g'))];
    const options = unique(
      calls.flatMap(([, rest = '']) => [...(rest.split(' -- ')[0] ?? '').matchAll(/(--[a-z-]+)/g)]),
    );
    expect(options.filter((option) => !help.includes(option))).toEqual([]);
  });
});
