/** `holdfast/pino` with the real pino: however its process ends, what was logged is in the file, whole and in order. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

interface Line {
  readonly name: string;
  readonly number: number;
  readonly text: string;
}

const count = 3000;

function log(how: string, ending: string, path: string, name = 'one', options: object = {}): Program {
  return new Program(
    { name: 'pino', prelude: 'exec 2>/dev/null' },
    how,
    ending,
    path,
    name,
    String(count),
    JSON.stringify(options),
  );
}

function linesOf(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const numbers = (lines: readonly Line[]) => lines.map(({ number }) => number);
const all = Array.from({ length: count }, (_, number) => number);

describe.each(['stream', 'transport'])('as a %s', (how) => {
  it.each([
    ['nothing more to do', 'nothing', 0],
    ['process.exit', 'exit', 0],
    ['an uncaught exception', 'throw', 1],
    ['SIGTERM that the program hears, and exits', 'SIGTERM, heard', 143],
  ])('loses nothing at %s', async (_, ending, code) => {
    const path = join(temporaryDirectory(), 'logs', 'app.log');
    expect(await log(how, ending, path).exited).toBe(code);
    expect(numbers(linesOf(path))).toEqual(all);
    // No character that a reader takes for the end of a line, and no half emoji.
    expect(readFileSync(path, 'utf8')).not.toMatch(/\u2028|\\ud83d/);
    expect(linesOf(path)[0]?.text).toBe('Zoë\u2028\n\ufffd');
  });

  it('tells that the file cannot be opened, also where the process has nothing more to do', async () => {
    expect(await log(how, 'nothing', temporaryDirectory()).exited).toBe(1);
  });

  it('several processes share a file that is rotated: not one line is torn, lost, doubled or out of order', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const rotate = { maxBytes: 200_000 };
    const names = ['one', 'two', 'three', 'four'];
    const programs = names.map((name) => log(how, 'exit', path, name, { durability: 'none', rotate }));
    expect(await Promise.all(programs.map(({ exited }) => exited))).toEqual([0, 0, 0, 0]);
    const files = readdirSync(join(path, '..'))
      .filter((file) => file !== 'app.log')
      .sort();
    expect(files.length).toBeGreaterThan(2);
    const lines = [...files, 'app.log'].flatMap((file) => linesOf(join(path, '..', file)));
    for (const name of names) expect(numbers(lines.filter((line) => line.name === name))).toEqual(all);
    expect(lines).toHaveLength(names.length * count);
    expect(await verifyChronicle(path)).toMatchObject({ intact: true, events: lines.length });
  });
});

it.each(['SIGTERM', 'SIGTERM, beside signal-exit'])(
  'as a stream: loses nothing at %s, and dies of it',
  async (ending) => {
    const path = join(temporaryDirectory(), 'app.log');
    expect(await log('stream', ending, path).exited).toBe('SIGTERM');
    expect(numbers(linesOf(path))).toEqual(all);
  },
);

it('as a stream: goes on where somebody else ignores SIGTERM', async () => {
  const path = join(temporaryDirectory(), 'app.log');
  expect(await log('stream', 'SIGTERM, ignored', path).exited).toBe(0);
  expect(numbers(linesOf(path))).toEqual([...all, count]);
});

it('as a stream: writes what is logged while the process exits', async () => {
  const path = join(temporaryDirectory(), 'app.log');
  expect(await log('stream', 'exit in exit', path).exited).toBe(0);
  expect(numbers(linesOf(path))).toEqual([...all, count]);
});

it('as a stream with sync: loses nothing at SIGKILL', async () => {
  const path = join(temporaryDirectory(), 'app.log');
  expect(await log('stream', 'SIGKILL', path, 'one', { sync: true, durability: 'none' }).exited).toBe(
    'SIGKILL',
  );
  expect(numbers(linesOf(path))).toEqual(all);
});
