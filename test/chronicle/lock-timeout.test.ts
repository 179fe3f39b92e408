/**
 * The lock of a chronicle is the flock of its file, the one that lock() takes. An append waits for it as long
 * as lockTimeout says.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendEvent, appendEventWithId, openChronicle, readChronicle, tryLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { fileWith } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { holderOf } from '../support/holder.js';
import { eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

/** A file with one event, locked by another process. */
async function lockedFile() {
  const file = fileWith('{"eventId":"before"}\n');
  const holder = await holderOf(file);
  return { file, holder, release: () => holder.ask({ command: 'release', file }) };
}

describe('ELOCK_TIMEOUT: another process holds the lock', () => {
  it('of every way to append; nothing is written, and the handle goes on when the lock is free', async () => {
    const { file, release } = await lockedFile();
    const timeout = { name: 'HoldfastError', code: 'ELOCK_TIMEOUT', path: file };
    const chronicle = await openChronicle(file, { lockTimeout: 20 });
    await expect(chronicle.append({ eventId: 'a' })).rejects.toMatchObject(timeout);
    await expect(chronicle.appendMany([{ eventId: 'a' }])).rejects.toMatchObject(timeout);
    await expect(appendEvent(file, { eventId: 'a' }, { lockTimeout: 20 })).rejects.toMatchObject(timeout);
    await expect(appendEvent(file, { eventId: 'a' }, 20)).rejects.toMatchObject(timeout);
    await expect(appendEventWithId(file, { eventId: 'a' }, 20)).rejects.toMatchObject(timeout);
    await expect(appendEventWithId(file, {}, { lockTimeout: 20 })).rejects.toMatchObject(timeout);
    expect(readFileSync(file, 'utf8')).toBe('{"eventId":"before"}\n');
    await release();
    expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: false });
    expect(await appendEvent(file, { eventId: 'b' }, 20)).toMatchObject({ duplicate: false });
    await chronicle.close();
    expect(eventsOf(file)).toHaveLength(3);
  });

  it('0 means one try', async () => {
    const { file, release } = await lockedFile();
    const chronicle = await openChronicle(file, { lockTimeout: 0 });
    await expect(chronicle.append({ eventId: 'a' })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await expect(appendEvent(file, { eventId: 'a' }, 0)).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await release();
    expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: false });
    expect(await appendEvent(file, { eventId: 'b' }, 0)).toMatchObject({ duplicate: false });
    await chronicle.close();
  });

  it('it says for how long it waited, for what, and who held it', async () => {
    const { file, holder } = await lockedFile();
    const error = await appendEvent(file, {}, 20).catch((caught) => caught);
    expect(error.message).toMatch(/^ELOCK_TIMEOUT: waited \d+ ms for the exclusive lock on '.*chronicle'/);
    // Nobody is named where the system cannot say.
    for (const { pid } of error.holders) expect(pid).toBe(holder.pid);
  });

  it('a duplicate needs the lock too, for it may have been replaced', async () => {
    const { file } = await lockedFile();
    await expect(appendEvent(file, { eventId: 'before' }, 20)).rejects.toMatchObject({
      code: 'ELOCK_TIMEOUT',
    });
  });

  it('readers need no lock', async () => {
    const { file } = await lockedFile();
    expect(await readChronicle(file)).toEqual([{ eventId: 'before' }]);
  });
});

describe('An append that waits for the lock', () => {
  it.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, 600_000])(
    'for %d ms gets it when it is free',
    async (lockTimeout) => {
      const { file, release } = await lockedFile();
      const appends = [
        appendEvent(file, { eventId: 'a' }, { lockTimeout }),
        appendEvent(file, { eventId: 'b' }, { lockTimeout }),
      ];
      await release();
      expect(await Promise.all(appends)).toMatchObject([{ duplicate: false }, { duplicate: false }]);
      expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['before', 'a', 'b']);
    },
  );

  it('gets it when its holder is killed', async () => {
    const { file, holder } = await lockedFile();
    const append = appendEvent(file, { eventId: 'a' }, 600_000);
    await holder.kill();
    expect(await append).toMatchObject({ duplicate: false });
  });

  it('stands behind what was appended under the lock', async () => {
    const { file, release } = await lockedFile();
    const append = appendEvent(file, { eventId: 'a' }, 600_000);
    writeFileSync(file, '{"eventId":"under the lock"}\n', { flag: 'a' });
    await release();
    await append;
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['before', 'under the lock', 'a']);
  });
});

describe.skipIf(unwatchable)('The lock of a chronicle', () => {
  it('keeps lock() out while it writes, and only then', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    const reached = [calls.hold('writev chronicle'), calls.hold('fdatasync chronicle')];
    const append = process.append({ eventId: 'a' });
    const write = await reached[0];
    expect(await tryLock(file)).toBeNull();
    write?.answer('go');
    const sync = await reached[1];
    const taken = await tryLock(file);
    expect(taken).not.toBeNull();
    await taken?.release();
    sync?.answer('go');
    await append;
  });
});
