/** What the command says: in its own words, with one code, and with nothing that could control a terminal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, openChronicle, readChronicle, verifyChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { finished, linesOf, run, shell, shellCommand, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { missing } from '../support/native-program.js';

const commands = ['cat', 'tail', 'verify', 'repair', 'stat', 'head'];

it('a message of the library has one code, and its cause the other', async () => {
  const file = join(temporaryDirectory(), 'missing');
  for (const error of [
    await verifyChronicle(file).catch((thrown) => thrown),
    await readChronicle(temporaryDirectory()).catch((thrown) => thrown),
    await openChronicle('/dev/null/a').catch((thrown) => thrown),
  ]) {
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error.message.match(/\bE[A-Z]{2,}\b/g)).toEqual(['EIO']);
    expect(error.cause.code).toMatch(/^E(NOENT|ISDIR|NOTDIR)$/);
  }
});

it.each(commands)(
  '%s has the code of the system only, and says wrong usage in its own words',
  async (command) => {
    const file = join(temporaryDirectory(), 'missing');
    const { code, err } = await run([command, file]);
    expect([code, err.match(/\bE[A-Z]{2,}\b/g)]).toEqual([1, ['ENOENT']]);
    expect(await run([command, ''])).toEqual({ code: 2, out: '', err: 'holdfast: FILE: is empty\n' });
  },
);

it.each<[string[], string]>([
  [['append', '--id-key', ''], '--id-key: '],
  [['append', '--id-key', 'chainLink'], '--id-key: '],
  [['append', '--chain', '--no-id'], '--no-id'],
  [['append', '--dedupe', '0'], '--dedupe'],
  [['verify', '--expect', 'x'], '--expect: '],
  [['cat', '--after', 'x'], '--after: '],
  [['cat', '--after', 'x', '--from', '0'], '--from'],
  [['cat', '--after', 'x', '--current'], '--current'],
  [['tail', '--after', 'x', '-n', '1'], '--number'],
  [['tail', '--after', 'x', '--current'], '--current'],
])('%j names the flag %s, and exits with 2', async (args, flag) => {
  const file = join(temporaryDirectory(), 'a.ndjson');
  writeFileSync(file, '{"n":1}\n');
  const { code, err } = await run([...args, file]);
  expect([code, err]).toEqual([2, expect.stringContaining(flag)]);
  expect(err).not.toMatch(/idKey|computeId|lockTimeout|maxLineBytes|jsons/);
});

it('an event that is refused is named by its line, in the words of the command', async () => {
  const file = join(temporaryDirectory(), 'a.ndjson');
  const { code, err } = await run(['append', file], '{"n":1}\n{"n":12345678901234567890}\n{"eventId":1}\n');
  expect(code).toBe(1);
  expect(err).toBe(
    'holdfast: line 2: event: holds a number with more digits than its id could tell apart: give it an id, or use --no-id\n' +
      'holdfast: line 3: event.eventId: expected a non-empty string, got 1\n',
  );
});

it.each([
  '12345678901234567890',
  '0.1000000000000000055511151231257827',
  '1e400',
  '-1e-400',
  '123456789012345678901234567890.5',
])('C5: %s keeps its digits where an id is given, and is refused where one is computed', async (number) => {
  const file = join(temporaryDirectory(), 'a.ndjson');
  const refused = await run(['append', file], `{"n":${number}}\n{"a":[{"b":${number}}]}\n`);
  expect([refused.code, readFileSync(file, 'utf8')]).toEqual([1, '']);
  const lines = `{"eventId":"a","n":${number}}\n{"a":[{ "b": ${number} }],"eventId":"b"}\n`;
  expect(await run(['append', file], lines)).toMatchObject({ code: 0, err: '' });
  expect(await run(['append', '--no-id', file], `{"n":${number}}\n`)).toMatchObject({ code: 0, err: '' });
  expect(readFileSync(file, 'utf8')).toBe(`${lines}{"n":${number}}\n`);
});

it('a directory as standard input is said to be one', async () => {
  const directory = temporaryDirectory();
  const { code, err } = await shell(`${shellCommand} append '${directory}/a' < '${directory}'`);
  expect([code, err]).toEqual([2, 'holdfast: standard input: is a directory\n']);
});

describe.skipIf(process.platform !== 'linux')('where the output cannot be written', () => {
  it.each(['cat', 'tail', 'verify', 'stat', 'repair', 'append --json', '--help', 'cat --help'])(
    '%s says so in a line, and exits with 1',
    async (command) => {
      const file = join(temporaryDirectory(), 'a.ndjson');
      writeFileSync(file, '{"n":1}\n');
      const { code, err } = await shell(`echo '{"n":2}' | ${shellCommand} ${command} '${file}' > /dev/full`);
      expect(err).toMatch(/^holdfast: the output cannot be written: ENOSPC: [^\n]*\n$/);
      expect(code).toBe(1);
    },
  );

  it('what was appended is there all the same', async () => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    await shell(`seq 100 | sed 's/.*/{"n":&}/' | ${shellCommand} append --json '${file}' > /dev/full`);
    expect(await readChronicle(file)).toHaveLength(100);
  });
});

describe('Corrupt lines', () => {
  const bad = 'bad\n'.repeat(12);

  it('are counted for each file', async () => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    const rotated = `${file}.20260101T000000.000Z`;
    writeFileSync(rotated, bad);
    writeFileSync(file, `${bad}${bad}{"n":1}\n`);
    const { code, out, err } = await run(['cat', file]);
    expect([code, out]).toEqual([1, '{"n":1}\n']);
    expect(err).toContain(`holdfast: 12 corrupt lines in '${rotated}' were left out`);
    expect(err).toContain(`holdfast: 24 corrupt lines in '${file}' were left out`);
    expect(err.match(/at offset/g)).toHaveLength(20);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('are counted where %s ends the command', async (signal) => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    writeFileSync(file, `${bad}{"n":1}\n`);
    const command = start(['tail', '-f', file]);
    expect(await linesOf(command).next()).toBe('{"n":1}');
    command.kill(signal);
    const { code, err } = await finished(command);
    expect([code, err]).toEqual([signal, expect.stringContaining('12 corrupt lines in')]);
  });
});

describe.skipIf(missing(['script']))('On a terminal', () => {
  const control = '\u001b[2J\u009b';

  it.each([...commands, 'holders', 'append', 'lock'])(
    '%s shows the control characters of names escaped',
    (command) => {
      const file = join(temporaryDirectory(), `a${control}b`);
      writeFileSync(file, `{"eventId":"${'0'.repeat(63)}1"}\n{"eventId":"${control.slice(4)}"}\nbad\n`);
      mkdirSync(`${file}.20260101T000000.000Z`);
      // On one terminal, one after the other.
      const lines = [file, `--${control}`, `${file}.missing`].map(
        (word) => `${shellCommand} '${command}' '${word}' < /dev/null`,
      );
      const output = execFileSync('script', ['-qc', lines.join('; '), '/dev/null'], {
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1' },
      });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(output.replaceAll('\r\n', '\n')).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/);
    },
  );
});
