/** `holdfast append`, as a real command. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockSync, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { finished, linesOf, run, shell, shellCommand, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { heldBy } from '../support/messages.js';
import { mountTmpfs, unmountable } from '../support/mounts.js';

function newFile(): string {
  return join(temporaryDirectory(), 'new', 'orders.ndjson');
}

function parse(output: string): unknown[] {
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

describe('holdfast append', () => {
  it('appends the events of standard input in their order, and says nothing', async () => {
    const file = newFile();
    const input = Array.from({ length: 5000 }, (_, n) => JSON.stringify({ n, text: 'é'.repeat(n % 100) }));
    expect(await run(['append', file], input.join('\r\n'))).toEqual({ code: 0, out: '', err: '' });
    expect(eventsOf(file).map(({ n }) => n)).toEqual(input.map((_, n) => n));
  });

  it('acknowledges each event with --json as soon as it is there, in order', async () => {
    const file = newFile();
    const command = start(['append', '--json', file]);
    const lines = linesOf(command);
    for (const n of [1, 2]) {
      command.stdin?.write(`{"eventId":"${n}"}\n`);
      const acknowledged = JSON.parse(await lines.next());
      expect(acknowledged).toEqual({
        line: n,
        offset: (n - 1) * 16,
        next: n * 16,
        eventId: `${n}`,
        duplicate: false,
      });
      expect(eventsOf(file)).toHaveLength(n);
    }
    command.stdin?.end('\n{"eventId":"1"}');
    expect(JSON.parse(await lines.next())).toEqual({
      line: 4,
      offset: 0,
      next: 16,
      eventId: '1',
      duplicate: true,
    });
    expect((await finished(command)).code).toBe(0);
  });

  it('leaves out what is no event, names it, appends the rest, and exits with 1', async () => {
    const file = newFile();
    const input = ['{"n":1}', 'not json', '', '[2]', '{"eventId":3}', '{"n":4}', ''].join('\n');
    const { code, out, err } = await run(['append', '--json', '--verbose', file], input);
    expect(code).toBe(1);
    expect(eventsOf(file)).toMatchObject([{ n: 1 }, { n: 4 }]);
    expect(parse(out)).toMatchObject([
      { line: 1, offset: 0 },
      { line: 2, error: expect.stringContaining('JSON') },
      { line: 4, error: 'no JSON object' },
      { line: 5, error: expect.stringContaining('event.eventId') },
      { line: 6, duplicate: false },
    ]);
    expect(err).toContain('holdfast: line 4: no JSON object\n');
    expect(err).toContain('holdfast: 2 events appended, 0 duplicates, 3 lines refused\n');
  });

  it.each([
    ['50000000014435121', '50000000014435122'],
    ['0.1000000000000000055511151231257828', '0.1000000000000000055511151231257829'],
    ['1e400', '1E+401'],
    ['1.0', '-0'],
  ])('keeps the digits of %s and %s, whether they carry an id or get none', async (...numbers) => {
    const lines = numbers.map((number) => `{"n":${number},"eventId":"${number}"}\n`).join('');
    const withId = newFile();
    expect(await run(['append', withId], lines)).toMatchObject({ code: 0 });
    expect(readFileSync(withId, 'utf8')).toBe(lines);
    const without = newFile();
    const bare = numbers.map((number) => `{"n":${number}}\n`).join('');
    expect(await run(['append', '--no-id', without], bare)).toMatchObject({ code: 0 });
    expect(readFileSync(without, 'utf8')).toBe(bare);
  });

  it('refuses numbers that an id could not tell apart, says which lines, and takes them with --dedupe off', async () => {
    const lines = '{"n":50000000014435121}\n{"n":1}\n{"n":50000000014435122}\n';
    const file = newFile();
    const { code, err } = await run(['append', file], lines);
    expect([code, err.match(/line \d+/g)]).toEqual([1, ['line 1', 'line 3']]);
    expect(eventsOf(file)).toHaveLength(1);
    const free = newFile();
    expect(await run(['append', '--dedupe', 'off', free], lines)).toMatchObject({ code: 0 });
    expect(readFileSync(free, 'utf8').match(/"n":\d+/g)).toEqual([
      '"n":50000000014435121',
      '"n":1',
      '"n":50000000014435122',
    ]);
  });

  it('names lines that are not UTF-8 or longer than a reader takes, and keeps no more of them', async () => {
    const file = newFile();
    const command = start(['append', file]);
    command.stdin?.write(Buffer.from([0xff, 0x0a]));
    command.stdin?.write(`{"long":"${'x'.repeat(9 * 1024 * 1024)}"}\n`);
    command.stdin?.end('{"n":3}\n');
    const { code, err } = await finished(command);
    expect(code).toBe(1);
    expect(err).toBe(
      'holdfast: line 1: not UTF-8\nholdfast: line 2: longer than 8388608 bytes (--max-line-bytes)\n',
    );
    expect(eventsOf(file)).toMatchObject([{ n: 3 }]);
  });

  it('takes --id-key, --no-id, --dedupe and --durability', async () => {
    const file = newFile();
    await run(['append', '--id-key', 'id', file], '{"id":"a"}\n{"id":"a"}\n{"n":1}\n');
    expect(eventsOf(file)).toMatchObject([
      { id: 'a' },
      { n: 1, id: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    const plain = newFile();
    await run(['append', '--no-id', '--dedupe', 'off', '--durability', 'none', plain], '{"n":1}\n{"n":1}\n');
    expect(readFileSync(plain, 'utf8')).toBe('{"n":1}\n{"n":1}\n');
    const few = newFile();
    await run(
      ['append', '--dedupe', '2', few],
      ['a', 'b', 'a', 'c', 'd', 'a'].map((id) => `{"eventId":"${id}"}\n`).join(''),
    );
    expect(eventsOf(few).map(({ eventId }) => eventId)).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  it('exits with 75 where the lock is not free in time, and says what was not appended', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    const held = lockSync(file);
    const { code, err } = await run(['append', '--timeout', '10ms', file], '{"n":1}\n{"n":2}\n');
    expect(code).toBe(75);
    expect(err).toContain('not appended: line 1 to 2, and what stands behind');
    expect(err).toMatch(heldBy('lock on', process.pid));
    held.releaseSync();
    expect(eventsOf(file)).toEqual([]);
    await chronicle.close();
  });

  it.skipIf(unmountable)('exits with 1 where the disk is full; what it acknowledged is there', async () => {
    const file = join(mountTmpfs(64 * 4096), 'orders.ndjson');
    const command = start(['append', '--json', file]);
    const lines = linesOf(command);
    command.stdin?.write('{"n":1}\n');
    expect(JSON.parse(await lines.next())).toMatchObject({ line: 1 });
    command.stdin?.write(`{"n":2,"large":"${'x'.repeat(1_000_000)}"}\n`);
    const { code, err } = await finished(command);
    expect(code).toBe(1);
    expect(err).toContain('not appended: line 2, and what stands behind');
    expect(err).toContain('ENOSPC');
    expect(eventsOf(file)).toMatchObject([{ n: 1 }]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('keeps what was acknowledged on %s, and exits with %i', async (signal, code) => {
    const file = newFile();
    const command = start(['append', '--json', file]);
    const lines = linesOf(command);
    command.stdin?.write('{"n":1}\n{"n":2}\n');
    await lines.next();
    await lines.next();
    command.kill(signal);
    expect(await finished(command)).toMatchObject({ code, err: '' });
    expect(eventsOf(file)).toMatchObject([{ n: 1 }, { n: 2 }]);
  });

  it('appends everything, although nobody reads its acknowledgements any more', async () => {
    const file = newFile();
    const line = `for n in $(seq 20000); do echo "{\\"n\\":$n}"; done | ${shellCommand} append --json '${file}' | head -n 1`;
    expect(await shell(line)).toMatchObject({ code: 0, err: '' });
    expect(eventsOf(file)).toHaveLength(20_000);
  });

  it('exits with 2 for wrong usage, and makes no file', async () => {
    const file = newFile();
    const usages = [
      ['append'],
      ['append', '--durability', 'high', file],
      ['append', '--dedupe', 'sometimes', file],
      ['append', '--dedupe', '0', file],
      ['append', '--timeout', 'soon', file],
      ['append', '--id-key', '', file],
      ['append', file, 'another'],
    ];
    for (const usage of usages) expect(await run(usage), usage.join(' ')).toMatchObject({ code: 2, out: '' });
    expect(existsSync(file)).toBe(false);
  });
});
