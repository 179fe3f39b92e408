/** `holdfast cat` and `holdfast tail`, as real commands. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { finished, linesOf, run, shell, shellCommand, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';

const good = ['{"n":1}\r\n', '{ "n": 12345678901234567890 }\n', '{"é":"\\u0041"}\n'];
const content = `${good[0]}\n${good[1]}junk\n${good[2]}`;

function fileWith(text: string): string {
  const file = join(temporaryDirectory(), 'orders.ndjson');
  writeFileSync(file, text);
  return file;
}

function damage(file: string, offset: number): string {
  return `holdfast: corrupt line in '${file}' at offset ${offset}, 5 bytes (json)\n`;
}

describe('holdfast cat', () => {
  it('prints the events byte for byte, names what is none, and exits with 1 for that', async () => {
    const file = fileWith(content);
    expect(await run(['cat', file])).toEqual({ code: 1, out: good.join(''), err: damage(file, 40) });
    const clean = fileWith(good.join(''));
    expect(await run(['cat', clean])).toEqual({ code: 0, out: good.join(''), err: '' });
  });

  it('prints a part with --from and --limit', async () => {
    const file = fileWith(content);
    expect(await run(['cat', '--from', '1', '--limit', '1', file])).toEqual({
      code: 0,
      out: good[1],
      err: '',
    });
    expect(await run(['cat', '--from', '45', file])).toEqual({ code: 0, out: good[2], err: '' });
    expect(await run(['cat', '--limit', '0', file])).toEqual({ code: 0, out: '', err: '' });
  });

  it('prints a last event without newline with one', async () => {
    expect(await run(['cat', fileWith('{"n":1}')])).toMatchObject({ code: 0, out: '{"n":1}\n' });
  });

  it('prints events that are longer than what is read at once', async () => {
    const long = `{"long":"${'x'.repeat(1_000_000)}"}\n`;
    expect((await run(['cat', fileWith(long.repeat(3))])).out).toBe(long.repeat(3));
  });

  it('ends quietly where nobody reads on', async () => {
    const file = fileWith('{"n":1}\n'.repeat(200_000));
    const line = `${shellCommand} cat '${file}' | head -n 1`;
    expect(await shell(line)).toEqual({ code: 0, out: '{"n":1}\n', err: '' });
  });

  it('exits with 1 where there is no file, and with 2 for wrong usage', async () => {
    const missing = await run(['cat', join(temporaryDirectory(), 'missing')]);
    expect(missing).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ENOENT') });
    expect((await run(['cat'])).code).toBe(2);
    expect((await run(['cat', '--from', '-1', 'file'])).code).toBe(2);
    expect((await run(['cat', '--limit', '1.5', 'file'])).code).toBe(2);
  });
});

describe('holdfast tail', () => {
  const lines = Array.from({ length: 30 }, (_, n) => `{"n":${n}}\n`);

  it('prints the last 10 events, or as many as -n says', async () => {
    const file = fileWith(lines.join(''));
    expect(await run(['tail', file])).toEqual({ code: 0, out: lines.slice(20).join(''), err: '' });
    expect((await run(['tail', '-n', '3', file])).out).toBe(lines.slice(27).join(''));
    expect((await run(['tail', '-n', '0', file])).out).toBe('');
    expect((await run(['tail', '-n', '100', file])).out).toBe(lines.join(''));
  });

  it('counts events only, prints them byte for byte, and names the damage among them', async () => {
    const file = fileWith(`${content}junk\n`);
    expect(await run(['tail', '-n', '2', file])).toEqual({
      code: 1,
      out: `${good[1]}${good[2]}`,
      err: damage(file, 40) + damage(file, 61),
    });
  });

  it('goes on with -f: what comes, byte for byte, also after a rotation', async () => {
    const file = fileWith(lines.join(''));
    const command = start(['tail', '-n', '1', '-f', file]);
    const printed = linesOf(command);
    expect(await printed.next()).toBe('{"n":29}');
    appendFileSync(file, '{ "n": 30 }\n{"n":31');
    expect(await printed.next()).toBe('{ "n": 30 }');
    appendFileSync(file, '}\n');
    expect(await printed.next()).toBe('{"n":31}');
    renameSync(file, `${file}.1`);
    writeFileSync(file, '{"n":32}\n');
    expect(await printed.next()).toBe('{"n":32}');
    command.kill('SIGINT');
    expect(await finished(command)).toMatchObject({ code: 'SIGINT', err: '' });
  });

  it('waits with -f for a file that is not there yet', async () => {
    const file = join(temporaryDirectory(), 'orders.ndjson');
    const command = start(['tail', '-f', file]);
    const printed = linesOf(command).next();
    writeFileSync(file, '{"n":1}\n');
    expect(await printed).toBe('{"n":1}');
  });

  // Before: it ended with the next append only, and so never where none came.
  it.skipIf(process.platform === 'win32').each([
    ['from the end on', "tail -n 1 -f 'FILE'", '{"n":1}\n'],
    ['after a position', "tail -f --after POSITION 'FILE'", '{"n":1}\n'],
    ['of the current file', "tail -f --current 'FILE'", '{"n":0}\n'],
  ])('ends quietly with -f %s where nobody reads on, though nothing comes', async (_, command, out) => {
    const file = fileWith('{"n":0}\n{"n":1}\n');
    await using chronicle = await openChronicle(file);
    const [first] = await chronicle.toArray();
    const args = command.replace('FILE', file).replace('POSITION', first?.position as string);
    expect(await shell(`${shellCommand} ${args} | head -n 1`)).toEqual({ code: 0, out, err: '' });
  });

  it.skipIf(process.platform === 'win32').each(['| true', '> >(true)'])(
    'ends quietly with -f where nobody has ever read: %s',
    async (reader) => {
      const line = `${shellCommand} tail -f '${join(temporaryDirectory(), 'missing')}' ${reader}`;
      expect(await shell(line)).toEqual({ code: 0, out: '', err: '' });
    },
  );

  it('goes on with -f where its output is a file', async () => {
    const file = fileWith('');
    const line = `${shellCommand} tail -f '${file}' > '${file}.out' & PID=$!; while ! grep -q 2 '${file}.out'; do echo '{"n":2}' >> '${file}'; sleep 0.1; done; kill -0 $PID && kill $PID`;
    expect(await shell(line)).toMatchObject({ code: 0, err: '' });
  });
});
