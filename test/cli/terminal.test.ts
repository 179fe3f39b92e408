/** What others wrote cannot control a terminal; into a pipe it goes byte for byte. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VisibleBytes, visible } from '../../lib/cli/terminal.js';
import { temporaryDirectory } from '../support/files.js';
import { missing } from '../support/native-program.js';

it.each([
  ['a\x1b[2Jb', 'a\\u001b[2Jb'],
  ['\x9b31m\x7f\0', '\\u009b31m\\u007f\\u0000'],
  ['\u202eabc\u2066\u200f\u061c\u2028', '\\u202eabc\\u2066\\u200f\\u061c\\u2028'],
  ['a\rb\r\nc\td\n', 'a\\u000db\r\nc\td\n'],
  ['grüße 🙂 漢字', 'grüße 🙂 漢字'],
])('%j is shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
  const bytes = new VisibleBytes();
  const pieces = [...Buffer.from(text)].map((byte) => bytes.next(Uint8Array.of(byte)));
  expect(pieces.join('')).toBe(shown.replace('\r\n', '\\u000d\n'));
});

const main = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));
const line = '{"a":"\u009b2J\u202e\u007f"}\n';

describe.skipIf(missing(['script']))('holdfast cat', () => {
  it('escapes on a terminal, and nowhere else', () => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    writeFileSync(file, line);
    const piped = execFileSync(process.execPath, [main, 'cat', file], { encoding: 'utf8' });
    expect(piped).toBe(line);
    const onTerminal = execFileSync(
      'script',
      ['-qec', `${process.execPath} ${main} cat ${file}`, '/dev/null'],
      {
        encoding: 'utf8',
      },
    );
    expect(onTerminal.replaceAll('\r', '')).toBe('{"a":"\\u009b2J\\u202e\\u007f"}\n');
  });
});
