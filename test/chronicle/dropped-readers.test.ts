/**
 * Whoever reads leaks nothing when he stops in the middle, and goes on after a failure that passes; and reports are
 * bounded, whatever the damage.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { followChronicle, openChronicle, readChronicle, tailChronicle } from 'holdfast';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OpenFile } from '../../dist/lib/engines/file/lines/open-file.js';
import { fileWith, newFile, writeLongAgo } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { run } from '../support/command.js';
import { descriptorsOf } from '../support/files.js';
import { type ErrorName, SystemCalls, unwatchable } from '../support/system-calls.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}\n`).join('');

async function node(code: string, ...args: string[]) {
  const holdfast = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
  const program = spawn(process.execPath, ['--expose-gc', '-e', code, holdfast, ...args], { stdio: 'pipe' });
  const [[status], out, err] = await Promise.all([
    once(program, 'close'),
    text(program.stdout),
    text(program.stderr),
  ]);
  return { status, out, err };
}

const start = `const { openChronicle } = require(process.argv[1]);
const { readdirSync, readlinkSync } = require('node:fs');
const file = process.argv[2];
const pause = () => new Promise((resolve) => setTimeout(resolve, 2));
const open = () => readdirSync('/proc/self/fd').filter((fd) => {
  try { return readlinkSync('/proc/self/fd/' + fd) === file; } catch { return false; }
}).length;
`;

describe('A reader that is dropped in the middle', () => {
  it.skipIf(process.platform !== 'linux').each([
    ['read', 'chronicle.read().next()'],
    ['readBatches', 'chronicle.readBatches().next()'],
    ['follow', 'chronicle.follow().next()'],
    ['read backwards', 'chronicle.read({ reverse: true }).next()'],
  ])('leaks no descriptor, and ends no process: %s', async (_, call) => {
    const code = `${start} (async () => {
      const chronicle = await openChronicle(file);
      for (let i = 0; i < 200; i++) {
        await ${call};
        if (i % 20 === 0) gc();
        await pause();
      }
      for (let i = 0; i < 100 && open() > 3; i++) { gc(); await pause(); }
      console.log(open() <= 3);
    })();`;
    expect(await node(code, fileWith(lines(0, 300)))).toEqual({ status: 0, out: 'true\n', err: '' });
  });

  it('keeps no process alive, and close() ends who follows', async () => {
    const code = `${start} (async () => {
      const chronicle = await openChronicle(file);
      const one = chronicle.follow();
      await one.next();
      const other = chronicle.follow({ from: 'end' });
      const next = other.next();
      await pause();
      await chronicle.close();
      console.log((await next).done, (await one.next()).done, (await chronicle.follow().next()).done);
    })();`;
    expect(await node(code, fileWith(lines(0, 1)))).toEqual({ status: 0, out: 'true true true\n', err: '' });
  });
});

describe('A failure that passes does not end who follows', () => {
  it.each(['EMFILE', 'ENFILE', 'EIO', 'ENOMEM'])('%s while somebody rotates', async (code) => {
    const file = fileWith(lines(0, 3));
    const warnings: string[] = [];
    vi.spyOn(process, 'emitWarning').mockImplementation((message) => void warnings.push(String(message)));
    const following = followChronicle<{ n: number }>(file);
    for (let n = 0; n < 3; n++) expect((await following.next()).value?.event.n).toBe(n);
    const failure = Object.assign(new Error(`${code}: of the test`), { code, syscall: 'open' });
    const opening = vi.spyOn(OpenFile, 'open');
    for (let times = 0; times < 3; times++) opening.mockRejectedValueOnce(failure);
    const reading = vi.spyOn(OpenFile.prototype, 'read').mockRejectedValueOnce(failure);
    renameSync(file, `${file}.20261124T215247.123Z`);
    writeFileSync(file, lines(3, 5));
    for (let n = 3; n < 5; n++) expect((await following.next()).value?.event.n).toBe(n);
    expect(opening.mock.calls.length).toBeGreaterThan(3);
    expect(reading).toHaveBeenCalled();
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.length).toBeLessThan(4);
    expect(warnings[0]).toContain(code);
    await following.return(undefined);
    if (process.platform === 'linux') expect(descriptorsOf(file)).toBe(0);
  });

  // As above, whatever the call is and however the code is built.
  it.skipIf(unwatchable).each<[call: string, code: ErrorName, times: number]>([
    ['open chronicle', 'EMFILE', 3],
    ['open chronicle', 'ENFILE', 1],
    ['open chronicle', 'ENOMEM', 2],
    ['opendir .', 'EMFILE', 1],
    ['dup chronicle', 'EMFILE', 3],
    ['dup chronicle.20261124T215247.123Z', 'EMFILE', 1],
    ['pread chronicle', 'EIO', 1],
  ])('%s fails with %s in a process that follows', async (call, code, times) => {
    const file = fileWith(lines(0, 3));
    const calls = await SystemCalls.under(dirname(file));
    const reader = await ChronicleProcess.open(file, {}, { env: calls.env });
    for (let n = 0; n < 3; n++) expect(await reader.ask('followNext')).toEqual({ n });
    const failing = () => calls.made.filter((made) => made === call).length;
    const before = failing();
    for (let n = 0; n < times; n++) calls.answer(call, { fail: code });
    const next = reader.ask('followNext');
    renameSync(file, `${file}.20261124T215247.123Z`);
    writeFileSync(file, lines(3, 5));
    expect(await next).toEqual({ n: 3 });
    expect(await reader.ask('followNext')).toEqual({ n: 4 });
    expect(failing()).toBeGreaterThanOrEqual(before + times);
  });

  it('but one for good does', async () => {
    const file = fileWith(lines(0, 1));
    const following = followChronicle<{ n: number }>(file);
    await following.next();
    const failure = Object.assign(new Error('EACCES: of the test'), { code: 'EACCES', syscall: 'open' });
    vi.spyOn(OpenFile, 'open').mockRejectedValueOnce(failure);
    renameSync(file, `${file}.20261124T215247.123Z`);
    writeFileSync(file, lines(1, 2));
    await expect(following.next()).rejects.toMatchObject({ code: 'EIO', cause: failure });
  });
});

describe('Reports are bounded', () => {
  it('of many damaged lines the first ten are named, and then that there are more', async () => {
    const file = fileWith('damage\n'.repeat(5000));
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    expect(await readChronicle(file)).toEqual([]);
    expect(emit).toHaveBeenCalledTimes(11);
    appendFileSync(file, 'damage\n'.repeat(5000));
    expect(await readChronicle(file)).toEqual([]);
    expect(emit).toHaveBeenCalledTimes(11);
  });

  it('a torn line is named once, however often the file is read', async () => {
    const file = newFile();
    writeLongAgo(file, '{"n":1}\n{"torn');
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (let times = 0; times < 100; times++) expect(await tailChronicle(file, 1)).toEqual([{ n: 1 }]);
    const chronicle = await openChronicle(file);
    await chronicle.tail(1);
    await chronicle.close();
    expect(emit).toHaveBeenCalledTimes(1);
  });

  it('of the command too', async () => {
    const { code, out, err } = await run(['cat', fileWith(`${'damage\n'.repeat(20_000)}{"n":1}\n`)]);
    expect({ code, out }).toEqual({ code: 1, out: '{"n":1}\n' });
    expect(err.split('\n')).toHaveLength(13);
    expect(err).toContain('20000 corrupt lines');
  });
});
