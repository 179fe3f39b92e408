/**
 * C6: a write that fails or stays short is cut back to where the batch began. Those appends reject; the next
 * may succeed.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { mountTmpfs, unmountable } from '../support/mounts.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const page = 4096;
const large = { eventId: 'large', text: 'x'.repeat(20 * page) };
const first = { eventId: 'first' };
const torn = '{"eventId":"torn';

/** A chronicle on a file system that has one free page, and a function that makes more room. */
function almostFull(): { file: string; free: () => void } {
  const directory = mountTmpfs(64 * page);
  const filler = join(directory, 'filler');
  writeFileSync(filler, Buffer.alloc(60 * page));
  return { file: join(directory, 'chronicle'), free: () => rmSync(filler) };
}

describe.skipIf(unmountable)('C6: the file system is full', () => {
  const full = { code: 'EIO', outcomeUnknown: false, cause: { code: 'ENOSPC', syscall: 'write' } };

  it('the append rejects, the file is as before, and the same handle goes on when there is room', async () => {
    const { file, free } = almostFull();
    const chronicle = await openChronicle(file);
    await chronicle.append(first);
    const before = readFileSync(file, 'utf8');
    await expect(chronicle.append(large)).rejects.toMatchObject({ ...full, path: file });
    expect(readFileSync(file, 'utf8')).toBe(before);

    // What still fits is taken.
    expect(await chronicle.append({ eventId: 'small' })).toMatchObject({ offset: before.length });
    free();
    expect(await chronicle.append(large)).toMatchObject({ duplicate: false });
    expect(eventsOf(file)).toMatchObject([first, { eventId: 'small' }, large]);
    await chronicle.close();
  });

  it('a torn tail is left as it was', async () => {
    const { file, free } = almostFull();
    writeFileSync(file, `{"eventId":"first"}\n${torn}`);
    const chronicle = await openChronicle(file);
    await expect(chronicle.append(large)).rejects.toMatchObject(full);
    expect(readFileSync(file, 'utf8')).toBe(`{"eventId":"first"}\n${torn}`);
    free();
    await chronicle.append({ eventId: 'next' });
    expect(readFileSync(file, 'utf8')).toBe(`{"eventId":"first"}\n${torn}\n{"eventId":"next"}\n`);
    await chronicle.close();
  });

  it('no event of a batch is in the file when the batch was rejected', async () => {
    const { file, free } = almostFull();
    const chronicle = await openChronicle(file);
    await chronicle.append(first);
    // So many callers at once that some batches fit and one does not.
    const events = Array.from({ length: 200 }, (_, n) => ({ eventId: `${n}`, text: 'x'.repeat(page) }));
    const results = await Promise.allSettled(events.map((event) => chronicle.append(event)));
    const acknowledged = events.filter((_, index) => results[index]?.status === 'fulfilled');
    expect(acknowledged.length).toBeLessThan(events.length);
    expect(eventsOf(file)).toMatchObject([first, ...acknowledged]);
    free();
    await chronicle.append({ eventId: 'next' });
    expect(eventsOf(file)).toMatchObject([first, ...acknowledged, { eventId: 'next' }]);
    await chronicle.close();
  });

  it('an event that was refused is no duplicate when it is sent again', async () => {
    const { file, free } = almostFull();
    const processes = await Promise.all([ChronicleProcess.open(file), ChronicleProcess.open(file)]);
    for (const process of processes)
      await expect(process.append(large)).rejects.toMatchObject({ code: 'EIO' });
    free();
    const results = await Promise.all(processes.map((process) => process.append(large)));
    expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(eventsOf(file)).toMatchObject([large]);
  });
});

describe.skipIf(process.platform === 'win32')('C6: the file may not grow any more (RLIMIT_FSIZE)', () => {
  // The unit of `ulimit -f` is 1024 bytes. Without the trap the signal would end the process.
  const prelude = "trap '' XFSZ; ulimit -f 64";

  it('the append rejects, the file is as before, and the same handle takes what fits', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const limited = await ChronicleProcess.open(file, {}, { prelude });
    await limited.append(first);
    const before = readFileSync(file, 'utf8');
    await expect(limited.append(large)).rejects.toMatchObject({
      code: 'EIO',
      path: file,
      outcomeUnknown: false,
      cause: { code: 'EFBIG', syscall: 'write', path: file },
    });
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(await limited.append({ eventId: 'small' })).toMatchObject({ offset: before.length });
    expect(eventsOf(file)).toMatchObject([first, { eventId: 'small' }]);
  });

  it('others who may write more are not held up', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [limited, free] = await Promise.all([
      ChronicleProcess.open(file, {}, { prelude }),
      ChronicleProcess.open(file),
    ]);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => [
        limited.append({ ...large, eventId: `limited ${n}` }),
        free.append({ ...large, eventId: `free ${n}` }),
      ]).flat(),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(40);
    const ids = eventsOf(file).map(({ eventId }) => eventId);
    expect(new Set(ids)).toEqual(new Set(Array.from({ length: 40 }, (_, n) => `free ${n}`)));
    expect(ids).toHaveLength(40);
  });
});

describe.skipIf(unwatchable)('C6: a write that fails behind its beginning', () => {
  it.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'] as const)('%s: what was written is cut off', async (code) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    writeFileSync(file, `{"eventId":"first"}\n${torn}`);
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    calls.answer('writev chronicle', { short: 10 });
    calls.answer('writev chronicle', { fail: code });
    const rejected = await process.append({ eventId: 'next' }).catch((error) => error);
    expect(rejected).toMatchObject({ code: 'EIO', outcomeUnknown: false, cause: { code } });
    expect(readFileSync(file, 'utf8')).toBe(`{"eventId":"first"}\n${torn}`);
    expect(await process.append({ eventId: 'next' })).toMatchObject({ duplicate: false });
    expect(readFileSync(file, 'utf8')).toBe(`{"eventId":"first"}\n${torn}\n{"eventId":"next"}\n`);
  });

  it('a short write that can go on goes on', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    writeFileSync(file, torn);
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    // The newline for the torn tail alone; then byte by byte.
    for (let times = 0; times < 10; times++) calls.answer('writev chronicle', { short: 1 });
    const events = [{ eventId: '1' }, { eventId: '2' }];
    await process.appendMany(events);
    expect(readFileSync(file, 'utf8')).toBe(`${torn}\n{"eventId":"1"}\n{"eventId":"2"}\n`);
  });

  it('where it cannot be cut off, nobody is told that it is not there', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    writeFileSync(file, '{"eventId":"first"}\n');
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    calls.answer('writev chronicle', { short: 18 });
    calls.answer('writev chronicle', { fail: 'ENOSPC' });
    calls.answer('ftruncate chronicle', { fail: 'EIO' });
    const events = [{ eventId: 'a' }, { eventId: 'b' }];
    await expect(process.appendMany(events)).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: true,
      cause: { code: 'ENOSPC' },
    });
    expect(readFileSync(file, 'utf8')).toBe('{"eventId":"first"}\n{"eventId":"a"}\n{"');

    const reopened = await ChronicleProcess.open(file);
    const results = await reopened.appendMany(events);
    expect(results.map(({ duplicate }) => duplicate)).toEqual([true, false]);
    expect(readFileSync(file, 'utf8')).toBe('{"eventId":"first"}\n{"eventId":"a"}\n{"\n{"eventId":"b"}\n');
  });
});
