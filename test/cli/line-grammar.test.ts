/** C15: what a line is, is the same to a file's readers and to `holdfast append`, which takes what `holdfast cat` prints. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusalOf, run } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';

const bom = '\ufeff';

function paths() {
  const directory = temporaryDirectory();
  return { file: join(directory, 'a.ndjson'), copy: join(directory, 'b.ndjson') };
}

describe.each<[string, string, string]>([
  ['a byte order mark', `${bom}{"n":1}\n{"n":2}\n`, '{"n":1}\n{"n":2}\n'],
  ['a byte order mark and CRLF', `${bom}{"n":1}\r\n{"n":2}\r\n`, '{"n":1}\n{"n":2}\n'],
  ['nothing but a byte order mark', bom, ''],
  ['blank lines', '\n{"n":1}\n \t\r\n\r\n{"n":2}\n\n', '{"n":1}\n{"n":2}\n'],
  ['no last newline', '{"n":1}\n{"n":2}', '{"n":1}\n{"n":2}\n'],
])('C15: a file with %s', (_, content, events) => {
  it('can be copied with cat and append, and its content appended as it is', async () => {
    const { file, copy } = paths();
    writeFileSync(file, content);
    for (const input of [(await run(['cat', file])).out, content]) {
      writeFileSync(copy, '');
      expect(await run(['append', '--no-id', '--dedupe', 'off', copy], input)).toEqual({
        code: 0,
        out: '',
        err: '',
      });
      expect(readFileSync(copy, 'utf8')).toBe(events);
    }
  });
});

it.each<[string, string | Buffer, string]>([
  ['a byte order mark in front of another line', `\n${bom}{"n":1}\n`, 'not JSON'],
  ['a no-break space', '\u00a0\n', 'not JSON'],
  ['a line separator', '\u2028\n', 'not JSON'],
  ['NUL bytes', '\0\0\n', 'filled with NUL'],
  ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), 'not UTF-8'],
  ['an array', '[]\n', 'no JSON object'],
  ['half an event', '{"n":', 'torn'],
])('C15: %s is damage to both', async (_, content, problem) => {
  const { file, copy } = paths();
  writeFileSync(file, content);
  expect((await run(['cat', file])).code).toBe(1);
  expect(await run(['append', copy], content)).toMatchObject({
    code: 1,
    err: expect.stringContaining(`: ${problem}\n`),
  });
});

it('C15: cat leaves out the byte order mark of each rotated file', async () => {
  const { file, copy } = paths();
  for (const [name, n] of [
    [`${file}.20260101T000000.000Z`, 1],
    [`${file}.20260101T000001.000Z`, 2],
    [file, 3],
  ] as const)
    writeFileSync(name, `${bom}{"n":${n}}\n`);
  const out = '{"n":1}\n{"n":2}\n{"n":3}\n';
  for (const command of ['cat', 'tail'])
    expect(await run([command, file])).toEqual({ code: 0, out, err: '' });
  expect(await run(['append', copy], out)).toMatchObject({ code: 0 });
});

it('C5: a duplicate of an event behind a byte order mark is one', async () => {
  const { file } = paths();
  writeFileSync(file, `${bom}{"eventId":"a"}\n`);
  const { out } = await run(['append', '--json', file], '{"eventId":"a"}\n');
  expect(JSON.parse(out)).toMatchObject({ duplicate: true, offset: 0 });
});

it.each(['cat', 'tail', 'verify', 'head', 'repair', 'stat', 'append'])(
  'C15: --max-line-bytes of %s is refused where no string could hold the line',
  async (command) => {
    const { file } = paths();
    writeFileSync(file, '{"n":1}\n');
    for (const number of ['1', '512000001', '9007199254740991', '1e3', '99999999999999999999'])
      expect(await refusalOf([command, '--max-line-bytes', number, file])).toContain('--max-line-bytes');
    expect(await run([command, '--max-line-bytes', '512000001', file])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--max-line-bytes'),
    });
    expect((await run([command, '--max-line-bytes', '512000000', file], '')).code).toBe(
      command === 'head' ? 1 : 0,
    );
  },
);

it('C15: append takes and refuses what its --max-line-bytes says', async () => {
  const { file } = paths();
  const event = `{"eventId":"a","text":"${'x'.repeat(9 * 2 ** 20)}"}`;
  expect((await run(['append', file], `${event}\n`)).code).toBe(1);
  const limit = ['--max-line-bytes', String(event.length)];
  expect(await run(['append', ...limit, file], `${event}\r\n${event.replace('x', 'xx')}\n`)).toMatchObject({
    code: 1,
    err: `holdfast: line 1: longer than ${event.length} bytes (--max-line-bytes)\nholdfast: line 2: longer than ${event.length} bytes (--max-line-bytes)\n`,
  });
  expect(await run(['append', ...limit, file], `${event}\n`)).toMatchObject({ code: 0, err: '' });
  expect((await run(['cat', file])).out).toBe(`${event}\n`);
  expect((await run(['append', '--max-line-bytes', '60', file], '{"n":1}\n')).err).toBe(
    'holdfast: line 1: event: is longer than --max-line-bytes (60)\n',
  );
});
