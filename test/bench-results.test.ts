/** The results in the documentation are what was measured: who is ahead in several runs, and the pages that say so. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));

function publish(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bench/publish.js', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

/** The place of holdfast in the last column of a row's table line. */
const placeOf = (output: string, other: string) =>
  new RegExp(`│ ${other} .*│ +(\\S[^│]*?) +│$`, 'm').exec(output)?.[1];

type Ratio = [low: number, median: number, high: number];

/** As main.js writes it, of durable appends alone. */
function report(ratios: Record<string, Ratio>, sources = 'of the code', quick = false): string {
  const place = join(temporaryDirectory(), 'bench.json');
  const names = Object.keys(ratios);
  const summary = ([low, median, high]: Ratio) => ({ median, quartiles: [low, high] });
  const scenario = {
    title: '1 process x 64 callers',
    appendsPerSecond: Object.fromEntries(names.map((name) => [name, { median: 1000 }])),
    longestWaitNs: {},
    ratios: Object.fromEntries(Object.entries(ratios).map(([name, ratio]) => [name, summary(ratio)])),
  };
  const results = [{ name: 'appends', fileSystem: 'ext4', measured: [scenario] }];
  const machine = { processor: 'a processor', cores: 2, memoryGiB: 4, kernel: '6.1', node: 'v20' };
  const rest = {
    date: '2026-01-31T12:00:00Z',
    quick,
    minutes: 17,
    peers: { lmdb: '3.5.4' },
    plots: ['appends'],
  };
  writeFileSync(place, JSON.stringify({ sources, machine, results, ...rest }));
  writeFileSync(join(place, '..', 'appends.svg'), '<svg/>');
  return place;
}

const ahead: Ratio = [1.2, 1.4, 1.6];
const behind: Ratio = [0.5, 0.6, 0.7];
const level: Ratio = [0.9, 1.1, 1.2];

describe('several runs', () => {
  it.each([
    ['ahead', [ahead, ahead, ahead]],
    ['behind', [behind, behind, behind]],
    ['level', [level, level, level]],
    ['level', [ahead, level, ahead]],
    ['level', [behind, level, behind]],
    // All of the quartiles are on one side, but closer to 1 than the machine can tell.
    ['level', [[1.01, 1.03, 1.04], [0.96, 0.97, 0.98], level]],
  ] satisfies [string, Ratio[]][])('agree that holdfast is %s: %j', (place, runs) => {
    const { status, output } = publish(...runs.map((lmdb) => report({ lmdb })));
    expect(placeOf(output, 'lmdb'), output).toBe(place);
    expect(status, output).toBe(0);
  });

  it.each([
    ['one has it ahead and another behind', [{ lmdb: ahead }, { lmdb: level }, { lmdb: behind }]],
    ['one has no such row', [{ lmdb: ahead, C: behind }, { C: behind }]],
  ] satisfies [string, Record<string, Ratio>[]][])('disagree where %s', (_, runs) => {
    const { status, output } = publish(...runs.map((ratios) => report(ratios)));
    expect(placeOf(output, 'lmdb'), output).toBe('THEY DIFFER');
    expect(output).toContain('disagree on who is ahead in 1');
    expect(status).toBe(1);
  });

  it('are of one and the same code', () => {
    const { status, output } = publish(report({ lmdb: ahead }), report({ lmdb: ahead }, 'of other code'));
    expect(output).toContain('the runs have measured different code');
    expect(status).toBe(1);
  });
});

describe('the documentation', () => {
  const pages = ['README.md', 'docs/performance.md', 'bench/README.md'];

  function documentation(page: string) {
    const place = temporaryDirectory();
    for (const folder of ['docs', 'bench']) mkdirSync(join(place, folder));
    for (const path of pages) writeFileSync(join(place, path), page);
    return place;
  }

  it('gets what was measured between its marks, and nothing else', () => {
    const place = documentation('before\n<!-- results -->\nof yesterday\n<!-- end of results -->\nafter\n');
    const runs = [report({ lmdb: ahead, C: behind }), report({ lmdb: ahead, C: behind })];
    expect(publish(...runs, '--docs', '--root', place).status).toBe(0);
    for (const path of pages) {
      const text = readFileSync(join(place, path), 'utf8');
      expect(text).toMatch(/^before\n<!-- results -->\n[\s\S]*\n<!-- end of results -->\nafter\n$/);
      expect(text).not.toContain('yesterday');
      expect(text).toContain('lmdb');
    }
    const row = '| durable appends, 1 process x 64 callers | 1.4 x lmdb |  | 0.6 x C |';
    expect(readFileSync(join(place, 'docs/performance.md'), 'utf8')).toContain(row);
    expect(existsSync(join(place, 'docs/appends.svg'))).toBe(true);
    // It was measured with other code than this.
    expect(publish('--check', '--root', place)).toEqual({
      status: 1,
      output: 'what was measured is older than the code: npm run bench\n',
    });
  });

  it('is found out where it says something else', () => {
    const place = documentation('<!-- results -->\n<!-- end of results -->\n');
    expect(publish(report({ lmdb: ahead }), '--docs', '--root', place).status).toBe(0);
    const page = join(place, 'docs/performance.md');
    writeFileSync(page, readFileSync(page, 'utf8').replace('1.4 x lmdb', '14 x lmdb'));
    expect(publish('--check', '--root', place).output).toContain(
      'docs/performance.md does not say what was measured',
    );
  });

  it('has nothing of a quick run', () => {
    const place = documentation('<!-- results -->\n<!-- end of results -->\n');
    const { status, output } = publish(report({ lmdb: ahead }, 'code', true), '--docs', '--root', place);
    expect(output).toContain('a quick run is too short');
    expect(status).toBe(1);
  });

  it('needs marks', () => {
    const { status, output } = publish(report({ lmdb: ahead }), '--docs', '--root', documentation('text\n'));
    expect(output).toContain('README.md has no <!-- results -->');
    expect(status).toBe(1);
  });

  it('of this checkout has the marks, and says what was measured', () => {
    for (const path of pages) {
      const text = readFileSync(join(root, path), 'utf8');
      expect(text, path).toMatch(/<!-- results -->\n[\s\S]*<!-- end of results -->/);
    }
    expect(publish('--check').output).not.toContain('does not say what was measured');
  });
});
