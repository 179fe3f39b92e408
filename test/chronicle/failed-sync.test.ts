/**
 * C7: a failed sync rejects its whole batch as "outcome unknown" and poisons the handle. Reopen, then send
 * the events again with the same ids.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const unknown = {
  name: 'HoldfastError',
  code: 'EIO',
  outcomeUnknown: true,
  cause: { code: 'EIO', syscall: 'fdatasync' },
};

/** How appends that come too late are rejected: they are certainly not in the file. */
const notWritten = { code: 'EIO', outcomeUnknown: false, cause: { code: 'EIO', syscall: 'fdatasync' } };

async function watched(options = {}) {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const calls = await SystemCalls.under(directory);
  const process = await ChronicleProcess.open(file, options, { env: calls.env });
  await process.append({ eventId: 'first' });
  return { file, calls, process };
}

describe.skipIf(unwatchable)('C7: a failed sync', () => {
  it('rejects every append of the batch as "outcome unknown"', async () => {
    const { file, calls, process } = await watched();
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    const outcomes = await process.appendAtOnce(['a', 'b', 'c'].map((eventId) => ({ eventId })));
    const rejected = { status: 'rejected', reason: { ...unknown, path: file } };
    expect(outcomes).toMatchObject([rejected, rejected, rejected]);
    expect(calls.made.filter((call) => call.startsWith('writev'))).toHaveLength(2);
  });

  it('poisons the handle: all later appends reject and write nothing, though syncs would succeed', async () => {
    const { file, calls, process } = await watched();
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    await expect(process.append({ eventId: 'a' })).rejects.toMatchObject(unknown);
    const before = readFileSync(file, 'utf8');
    const made = calls.made.length;
    for (const eventId of ['first', 'a', 'new', 'another']) {
      await expect(process.append({ eventId })).rejects.toMatchObject(notWritten);
    }
    await expect(process.appendMany([{}, {}])).rejects.toMatchObject(notWritten);
    expect(calls.made.slice(made)).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(before);
    await process.ask('close');
    await expect(process.append({})).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('is thrown by appendSync, poisons the handle, and is not told as success to anybody', async () => {
    const { file, calls, process } = await watched();
    await process.ask('appendSync', [{ eventId: 'second' }]);
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    await expect(process.ask('appendSync', [{ eventId: 'a' }])).rejects.toMatchObject(unknown);
    const before = readFileSync(file, 'utf8');
    await expect(process.ask('appendSync', [{ eventId: 'second' }])).rejects.toMatchObject(notWritten);
    await expect(process.append({ eventId: 'b' })).rejects.toMatchObject(notWritten);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('is no lost line where appendSync could not write', async () => {
    const { file, calls, process } = await watched();
    calls.answer('writev chronicle', { fail: 'ENOSPC' });
    await expect(process.ask('appendSync', [{ eventId: 'a' }])).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: false,
      cause: { code: 'ENOSPC' },
    });
    calls.answer('writev chronicle', { short: 5 });
    expect(await process.ask('appendSync', [{ eventId: 'a' }])).toMatchObject([{ duplicate: false }]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['first', 'a']);
  });

  it('rejects the appends that waited behind the batch, and they are not in the file', async () => {
    const { file, calls, process } = await watched();
    const reached = calls.hold('fdatasync chronicle');
    const batch = process.append({ eventId: 'a' });
    const sync = await reached;
    const behind = [process.append({ eventId: 'b' }), process.append({ eventId: 'c' })];
    await process.ping();
    sync.answer({ fail: 'EIO' });
    await expect(batch).rejects.toMatchObject(unknown);
    for (const append of behind) await expect(append).rejects.toMatchObject(notWritten);
    expect(eventsOf(file).map(({ eventId }) => eventId)).not.toContain('b');
  });

  it.each([
    ['in the same process', true],
    ['in another process', false],
  ])('each event is there once after reopening and sending all again, %s', async (_, same) => {
    const { file, calls, process } = await watched();
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    const events = ['first', 'a', 'b', 'c'].map((eventId) => ({ eventId }));
    await expect(process.appendMany(events)).rejects.toMatchObject(unknown);
    const reopened = same ? process : await ChronicleProcess.open(file);
    if (same) await process.ask('open', file, {});
    await reopened.appendMany(events);
    expect([...countIds(eventsOf(file))]).toEqual(events.map(({ eventId }) => [eventId, 1]));
  });

  it('appendEvent reopens by itself the next time', async () => {
    const { file, calls, process } = await watched();
    calls.answer('fdatasync chronicle', { fail: 'EIO' });
    await expect(process.ask('appendEvent', file, { eventId: 'a' })).rejects.toMatchObject(unknown);
    await process.ask('appendEvent', file, { eventId: 'a' });
    expect([...countIds(eventsOf(file))]).toEqual([
      ['first', 1],
      ['a', 1],
    ]);
  });

  it("durability 'full' is fsync, and fails likewise", async () => {
    const { calls, process } = await watched({ durability: 'full' });
    calls.answer('fsync chronicle', { fail: 'EIO' });
    await expect(process.append({ eventId: 'a' })).rejects.toMatchObject({
      ...unknown,
      cause: { code: 'EIO', syscall: 'fsync' },
    });
  });

  it("durability 'none' syncs nothing", async () => {
    const { calls, process } = await watched({ durability: 'none' });
    await process.appendMany([{ eventId: 'a' }, { eventId: 'first' }]);
    expect(calls.made.filter((call) => call.includes('sync'))).toEqual([]);
  });
});
