/** The demo as its users run it, and the check that it rests on. It runs compiled, as its processes do. */
import { execFile } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { check, idOf, type Run, readBack, toTable } from '../dist/examples/demo/report.mjs';
import { temporaryDirectory } from './support/files.js';

const program = fileURLToPath(new URL('../dist/examples/demo/main.mjs', import.meta.url));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function demo(...args: string[]): Promise<Ended & { left: string[] }> {
  const TMPDIR = temporaryDirectory();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { ...process.env, TMPDIR, TEMP: TMPDIR } },
      (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr, left: readdirSync(TMPDIR) }),
    );
  });
}

/** The first column of numbers behind a row's name. */
function row(output: string, name: string): string | undefined {
  return new RegExp(`│ ${name} +│ +([\\d,]+) │`).exec(output)?.[1];
}

describe('the demo', () => {
  it('loses and doubles nothing while two of its processes are killed', async () => {
    const { code, stdout, stderr, left } = await demo('--rounds', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(row(stdout, 'lost')).toBe('0');
    expect(row(stdout, 'doubled')).toBe('0');
    const [, different] = /of ([\d,]+) different events/.exec(stdout) ?? [];
    expect(row(stdout, 'in the file')).toBe(different);
    expect(stdout.match(/^writer-\d killed after \d+ acknowledgements$/gm)).toHaveLength(2);
    expect(stdout.match(/^writer-\d started again$/gm)).toHaveLength(2);
    expect(stdout.match(/^writer-\d finished/gm)).toHaveLength(8);
    expect(stdout).not.toContain('\x1b');
    expect(left).toEqual([]);
  });

  it('keeps the file where it is asked to', async () => {
    const { code, stdout, left } = await demo('--rounds', '1', '--keep');
    expect(code).toBe(0);
    expect(left).toHaveLength(1);
    const file = /^The file is kept: (.+)$/m.exec(stdout)?.[1] ?? '';
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(
      Number(row(stdout, 'in the file')?.replaceAll(',', '')),
    );
  });

  it('refuses arguments that it does not know', async () => {
    for (const args of [
      ['--rounds', '0'],
      ['--rounds', 'x'],
      ['--round', '1'],
    ]) {
      const { code, stderr } = await demo(...args);
      expect(code).toBe(2);
      expect(stderr).toContain('Usage:');
    }
  });
});

describe('the check of the demo', () => {
  const events = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
  const ids = events.map(idOf);
  const [a, b, c, d] = ids as [string, string, string, string];

  /** A file with all events, each acknowledged, and its lines. */
  async function write(): Promise<{ file: string; lines: string[]; run: Run }> {
    const file = join(temporaryDirectory(), 'chronicle.ndjson');
    await using chronicle = await openChronicle(file);
    const results = await chronicle.appendMany(events);
    const run: Run = {
      writers: 1,
      kills: 0,
      expected: new Set(ids),
      sent: results.length,
      acknowledgements: results.map(({ eventId, duplicate }, index) => ({
        id: eventId as string,
        duplicate,
        milliseconds: index,
      })),
      seconds: 2,
    };
    return { file, lines: readFileSync(file, 'utf8').match(/.+\n/g) ?? [], run };
  }

  it('finds nothing in a file that is whole', async () => {
    const { file, run } = await write();
    const contents = await readBack(file);
    const findings = check(run, contents);
    expect(findings).toEqual({ lost: [], doubled: [] });
    const table = toTable(run, contents, findings);
    expect(row(table, 'acknowledged')).toBe('4');
    expect(row(table, 'in the file')).toBe('4');
    expect(row(table, 'lost')).toBe('0');
    expect(row(table, 'doubled')).toBe('0');
    expect(row(table, 'appends a second')).toBe('2');
    expect(table).toMatch(/median +│ +1\.00 ms/);
    expect(table).toMatch(/99th percentile +│ +3\.00 ms/);
  });

  it('finds an event that is lost and one that is doubled', async () => {
    const { file, lines, run } = await write();
    writeFileSync(file, lines.filter((_, index) => index !== 1).join(''));
    appendFileSync(file, lines[2] as string);
    const contents = await readBack(file);
    const findings = check(run, contents);
    expect(findings).toEqual({ lost: [b], doubled: [c] });
    const table = toTable(run, contents, findings);
    expect(row(table, 'lost')).toBe('1');
    expect(row(table, 'doubled')).toBe('1');
  });

  it('misses what was acknowledged but not expected, and what was expected but never acknowledged', async () => {
    const { file, lines, run } = await write();
    writeFileSync(file, lines.slice(0, 2).join(''));
    const contents = await readBack(file);
    const [first] = run.acknowledgements.slice(3);
    const onlyAcknowledged = { ...run, expected: new Set([a]), acknowledgements: first ? [first] : [] };
    expect(check(onlyAcknowledged, contents).lost).toEqual([d]);
    expect(check({ ...run, acknowledgements: [] }, contents).lost).toEqual([c, d]);
  });

  it('counts an event as lost whose content was changed, or whose line is torn', async () => {
    const { file, lines, run } = await write();
    const [first, second, third, fourth] = lines as [string, string, string, string];
    writeFileSync(file, first.replace('"a"', '"x"') + second + third + fourth.slice(0, 30));
    const contents = await readBack(file);
    expect(check(run, contents).lost).toEqual([a, d]);
    expect(contents.corruptLines).toMatchObject([{ reason: 'torn' }]);
    expect(row(toTable(run, contents, check(run, contents)), 'torn lines')).toBe('1');
  });
});
