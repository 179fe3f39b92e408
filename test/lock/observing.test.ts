/** lockHolders() and the diagnostics channels. */
import { execFileSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { lock, lockHolders, lockSync } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';

describe.runIf(process.platform === 'linux')('lockHolders()', () => {
  it.each(['flock', 'fcntl'] as const)('names the processes that hold the lock (%s)', async (kind) => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    const held = await lock(file, { mode: 'shared', kind });
    await other.ask({ command: 'lock', file, options: { mode: 'shared', kind } });
    const holders = await lockHolders(file);
    expect(holders.toSorted((a, b) => Number(a.pid === process.pid) - Number(b.pid === process.pid))).toEqual(
      [
        { pid: other.pid, mode: 'shared', command: expect.stringContaining('locker.mjs') },
        { pid: process.pid, mode: 'shared', command: expect.any(String) },
      ],
    );
    held.releaseSync();
    await other.kill();
    expect(await lockHolders(file)).toEqual([]);
  });

  it('does not name those that wait', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    expect(await lockHolders(file)).toEqual([
      expect.objectContaining({ pid: process.pid, mode: 'exclusive' }),
    ]);
    held.releaseSync();
    (await waiting).releaseSync();
  });

  it('of a missing file is ENOENT', async () => {
    await expect(lockHolders(join(temporaryDirectory(), 'file'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is told in the message of ELOCK_TIMEOUT, also when the holder is this very process', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = lockSync(file);
    await expect(lock(file, { timeout: 0 })).rejects.toMatchObject({
      message: expect.stringContaining(`held by this very process (${process.pid}, exclusive)`),
      holders: [{ pid: process.pid, mode: 'exclusive' }],
    });
    held.releaseSync();
  });
});

describe.runIf(process.platform === 'linux')(
  'the search for the holders of a lock that was not free in time',
  () => {
    it('lets the event loop turn, also if every process is to be looked at', async () => {
      const file = join(temporaryDirectory(), 'file');
      const held = lockSync(file, { kind: 'fcntl' });
      let turns = 0;
      let searching = true;
      const turn = () => {
        turns++;
        if (searching) setImmediate(turn);
      };
      const begin = () => setImmediate(turn);
      channel('holdfast:lock:timeout').subscribe(begin);
      onTestFinished(() => {
        channel('holdfast:lock:timeout').unsubscribe(begin);
      });
      const error = await lock(file, { kind: 'fcntl', timeout: 1 }).catch((caught) => caught);
      searching = false;
      expect(error).toMatchObject({
        code: 'ELOCK_TIMEOUT',
        holders: [{ pid: process.pid, mode: 'exclusive' }],
      });
      expect(turns).toBeGreaterThan(1);
      held.releaseSync();
    });

    it("ends, also if no thread of libuv's pool is free for it", async () => {
      const directory = temporaryDirectory();
      const [file, fifo] = [join(directory, 'file'), join(directory, 'fifo')];
      execFileSync('mkfifo', [fifo]);
      const held = lockSync(file);
      const other = await locker();
      await other.ask({ command: 'blockPool', file: fifo });
      expect(await other.ask({ command: 'lock', file, options: { timeout: 1 } })).toMatchObject({
        error: { code: 'ELOCK_TIMEOUT' },
      });
      held.releaseSync();
    });
  },
);

describe('diagnostics channels', () => {
  it('publish waits, acquisitions, timeouts and releases, with durations in milliseconds', async () => {
    const file = join(temporaryDirectory(), 'file');
    const published: [string, unknown][] = [];
    for (const event of ['wait', 'acquire', 'timeout', 'release']) {
      const listener = (message: unknown) => published.push([event, message]);
      channel(`holdfast:lock:${event}`).subscribe(listener);
      onTestFinished(() => {
        channel(`holdfast:lock:${event}`).unsubscribe(listener);
      });
    }
    const first = await lock(file);
    await lock(file, { timeout: 1 }).catch(() => {});
    const waiting = lock(file, { mode: 'shared' });
    first.releaseSync();
    (await waiting).releaseSync();
    const number = expect.any(Number);
    const exclusive = { path: file, mode: 'exclusive' };
    const shared = { path: file, mode: 'shared' };
    expect(published).toEqual([
      ['wait', exclusive], // the first look at a directory is taken on another thread
      ['acquire', { ...exclusive, waited: number }],
      ['wait', exclusive],
      ['timeout', { ...exclusive, waited: number }],
      ['wait', shared],
      ['release', { ...exclusive, held: number }],
      ['acquire', { ...shared, waited: number }],
      ['release', { ...shared, held: number }],
    ]);
  });
});
