/** `holdfast verify`, `holdfast repair` and `holdfast stat`, as real commands. */
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockSync, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { finished, run, shell, shellCommand, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const good = '{"eventId":"1"}\n';
const damaged = `${good}junk\n\n${good}{"torn`;
const wrongId = '0'.repeat(64);

function fileWith(content: string): { directory: string; file: string } {
  const directory = join(realpathSync(temporaryDirectory()), 'data');
  mkdirSync(directory);
  const file = join(directory, 'orders.ndjson');
  writeFileSync(file, content);
  return { directory, file };
}

describe('holdfast verify', () => {
  it('reports an intact file with 0, and a damaged one, with its places, with 1', async () => {
    const { file } = fileWith(good);
    const intact = await run(['verify', file]);
    expect(intact).toMatchObject({ code: 0, err: '' });
    expect(intact.out).toMatch(/: intact\nsize +16 bytes\nlines +1\nevents +1\nblank +0\ndamaged +0 lines\n/);
    const { file: other } = fileWith(`${damaged}\n{"eventId":"${wrongId}"}\n`);
    const { code, out } = await run(['verify', other]);
    expect(code).toBe(1);
    expect(out).toContain(`${other}: damaged\n`);
    expect(out).toMatch(/damaged +2 lines, 12 bytes: 2 not JSON\n/);
    expect(out).toMatch(/duplicate ids +1\nwrong ids +1\n/);
    expect(out).toContain('  offset 16: 5 bytes, not JSON\n');
    expect(out).toContain(`  offset 45: wrong id ${wrongId}\n`);
    expect(out).toContain('  offset 22: id 1, as at offset 0\n');
  });

  it('names the first ten only, and says how many more there are', async () => {
    const { file } = fileWith('x\n'.repeat(5000));
    const { out } = await run(['verify', file]);
    expect(out).toMatch(/damaged +5,000 lines, 10,000 bytes: 5,000 not JSON\n/);
    expect(out.match(/^ {2}offset/gm)).toHaveLength(10);
    expect(out).toContain('  and 4,990 more\n');
  });

  it('prints the report as JSON with --json', async () => {
    const { file } = fileWith(damaged);
    const { code, out } = await run(['verify', '--json', file]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      path: file,
      intact: false,
      bytes: damaged.length,
      corrupt: { lines: 2, first: [{ offset: 16, reason: 'json' }, { reason: 'torn' }] },
      duplicates: { count: 1 },
    });
  });

  it('looks at no ids with --no-ids, and at others with --id-key', async () => {
    const { file } = fileWith(`{"eventId":"${wrongId}","id":"1"}\n`.repeat(2));
    expect((await run(['verify', file])).code).toBe(1);
    const lines = await run(['verify', '--no-ids', file]);
    expect(lines).toMatchObject({ code: 0, out: expect.not.stringContaining('ids') });
    const other = await run(['verify', '--id-key', 'id', '--json', file]);
    expect(other.code).toBe(0);
    expect(JSON.parse(other.out)).toMatchObject({ duplicates: { count: 1 }, wrongIds: { count: 0 } });
  });

  it('exits with 1 where there is no file, and with 2 for wrong usage', async () => {
    const missing = await run(['verify', join(temporaryDirectory(), 'missing')]);
    expect(missing).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ENOENT') });
    expect((await run(['verify', '--unknown', 'file'])).code).toBe(2);
  });
});

describe('holdfast repair', () => {
  it('moves the damaged lines, says which, and exits with 0', async () => {
    const { directory, file } = fileWith(damaged);
    const { code, out, err } = await run(['repair', file]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      `${file}: repaired, moved to ${file}.damaged: 2 lines, 11 bytes: 1 not JSON, 1 torn\n` +
        '  offset 16: 5 bytes, not JSON\n  offset 38: 6 bytes, torn\n',
    );
    expect(readFileSync(file, 'utf8')).toBe(`${good}\n${good}`);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('junk\n{"torn\n');
    expect(readdirSync(directory).sort()).toEqual(['orders.ndjson', 'orders.ndjson.damaged']);
    expect(await run(['repair', file])).toMatchObject({ code: 0, out: `${file}: nothing to repair\n` });
  });

  it('prints the report as JSON with --json', async () => {
    const { file } = fileWith(damaged);
    const report = JSON.parse((await run(['repair', '--json', file])).out);
    expect(report).toMatchObject({
      path: file,
      damagedPath: `${file}.damaged`,
      removed: { lines: 2, bytes: 11 },
    });
  });

  it('exits with 75 where the lock is not free in time, and leaves everything as it was', async () => {
    const { directory, file } = fileWith(damaged);
    const held = lockSync(file);
    expect((await run(['repair', '--timeout', '10ms', file])).code).toBe(75);
    held.releaseSync();
    expect(readFileSync(file, 'utf8')).toBe(damaged);
    expect(readdirSync(directory)).toEqual(['orders.ndjson']);
  });

  it.skipIf(unwatchable)('leaves everything as it was on Ctrl-C, and exits with 130', async () => {
    const { directory, file } = fileWith(damaged);
    const calls = await SystemCalls.under(directory);
    const held = calls.hold('fdatasync');
    const command = start(['repair', file], calls.env);
    const sync = await held;
    command.kill('SIGINT');
    sync.answer('go');
    expect(await finished(command)).toMatchObject({ code: 130, out: '', err: '' });
    expect(readFileSync(file, 'utf8')).toBe(damaged);
    expect(readdirSync(directory)).toEqual(['orders.ndjson']);
  });
});

describe('holdfast stat', () => {
  it('shows what is known without reading the file', async () => {
    const { file } = fileWith(damaged);
    writeFileSync(`${file}.20261124T215247.123Z`, good);
    writeFileSync(`${file}.damaged`, 'junk\n');
    const { code, out, err } = await run(['stat', file]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`${file}\nsize `);
    expect(out).toMatch(/last event +offset 22, 16 bytes, id 1\n/);
    expect(out).toMatch(/last line +not finished: being written, or torn\n/);
    expect(out).toMatch(/rotated +1 file, 16 bytes\n/);
    expect(out).toMatch(/put aside +5 bytes in .*\.damaged\n/);
  });

  it('prints it as JSON with --json, with who holds the lock', async () => {
    const { file } = fileWith('');
    const chronicle = await openChronicle(file);
    const { offset, eventId } = await chronicle.append({ n: 1 });
    await chronicle.close();
    const held = lockSync(file);
    const facts = JSON.parse((await run(['stat', '--json', file])).out);
    held.releaseSync();
    expect(facts).toMatchObject({
      path: file,
      bytes: readFileSync(file).length,
      finished: true,
      lastEvent: { offset, eventId },
      rotated: { files: 0, bytes: 0 },
      damagedBytes: 0,
      ...(process.platform === 'linux' && { holders: [{ pid: process.pid, mode: 'exclusive' }] }),
    });
  });

  it('shows an empty file, and exits with 1 where there is none', async () => {
    const { file } = fileWith('');
    expect((await run(['stat', file])).out).toMatch(/last event +none\n/);
    expect((await run(['stat', `${file}.missing`])).code).toBe(1);
    expect(existsSync(`${file}.missing`)).toBe(false);
  });
});

describe('the command on a terminal', () => {
  /** Runs it with a terminal for its output, by script(1), and returns what that shows. */
  async function onTerminal(command: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const variables = { TERM: 'xterm', NO_COLOR: '', ...env };
    return (await shell(`script --quiet --return --command "${command}" /dev/null`, variables)).out;
  }
  const unavailable = process.platform === 'linux' ? undefined : 'script(1) has other options there';
  const escapeSequence = '\u001b[';

  it.skipIf(unavailable)('has colours, and has none with NO_COLOR or without a terminal', async () => {
    const { file } = fileWith(good);
    const verify = `${shellCommand} verify '${file}'`;
    expect(await onTerminal(verify)).toContain(`${escapeSequence}32mintact`);
    expect(await onTerminal(verify, { NO_COLOR: '1' })).not.toContain(escapeSequence);
    expect((await run(['verify', file])).out).not.toContain(escapeSequence);
  });

  it.skipIf(unavailable)('shows progress, rate and time left while it works on a large file', async () => {
    const { file } = fileWith(`{"text":"${'x'.repeat(5000)}"}\n`.repeat(4000));
    const shown = await onTerminal(`${shellCommand} verify '${file}'`);
    expect(shown).toMatch(/verify [█░]+ \d+% \d+ MB\/s \d+ s left/);
    const { out, err } = await run(['verify', '--no-ids', file]);
    expect(err).toBe('');
    expect(out).not.toContain('MB/s');
  });
});

describe('the help', () => {
  it.each(['append', 'cat', 'tail', 'verify', 'repair', 'stat', 'lock', 'holders'])(
    'of holdfast %s has an example and the exit codes',
    async (name) => {
      const { code, out } = await run([name, '--help']);
      expect(code).toBe(0);
      expect(out).toContain('Usage: holdfast');
      expect(out).toMatch(/Exit code/);
      expect(out).toMatch(/Example: .*holdfast/);
      expect((await run(['--help'])).out).toContain(name);
    },
  );
});
