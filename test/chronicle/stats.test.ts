/**
 * stats() and the diagnostics channel of commits; C11: appends wait when too much is pending.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { type Commit, lock, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { until } from '../support/blocking.js';
import { newFile } from '../support/chronicle-file.js';
import { memory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';

describe('stats', () => {
  it('counts commits, events, bytes, duplicates and heals, and says how waits and syncs are spread', async () => {
    const file = newFile();
    const began = performance.now();
    await using chronicle = await openChronicle(file);
    expect(chronicle.stats()).toMatchObject({ commits: 0, events: 0, lockWait: { max: 0 } });
    await chronicle.appendMany([{ eventId: 'a' }, { eventId: 'b' }, { eventId: 'a' }]);
    appendFileSync(file, 'torn');
    await chronicle.append({ eventId: 'c' });
    const { bytes, eventsPerCommit, syncTime, lockWait, known, ...counts } = chronicle.stats();
    expect(counts).toEqual({
      commits: 2,
      events: 3,
      duplicates: 1,
      heals: 1,
      rotations: 0,
      housekeeping: { failedRotations: 0, failedRemovals: 0, foreignFiles: 0, last: undefined },
      pending: { events: 0, bytes: 0 },
    });
    expect(known.ids).toBe(3);
    expect(bytes).toBe('{"eventId":"a"}\n'.length * 3);
    expect(eventsPerCommit).toMatchObject({ min: 1, mean: 1.5, max: 2 });
    // Milliseconds of this test: neither of nothing nor longer than all of it.
    const took = performance.now() - began;
    for (const { min, mean, max } of [syncTime, lockWait]) {
      expect(min).toBeGreaterThan(0);
      expect(mean).toBeGreaterThanOrEqual(min);
      expect(max).toBeGreaterThanOrEqual(mean);
      expect(max).toBeLessThan(took);
    }
  });

  it('tells of each commit on holdfast:chronicle:commit', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file);
    const commits: unknown[] = [];
    const note = (commit: unknown) => commits.push(commit);
    subscribe('holdfast:chronicle:commit', note);
    try {
      await chronicle.appendMany([{ eventId: 'a' }, { eventId: 'a' }]);
    } finally {
      unsubscribe('holdfast:chronicle:commit', note);
    }
    await chronicle.append({ eventId: 'b' });
    const commit: Partial<Commit> = {
      path: file,
      events: 1,
      duplicates: 1,
      bytes: 16,
      healed: false,
      rotated: false,
    };
    expect(commits).toEqual([expect.objectContaining(commit)]);
  });
});

describe('C11: ready', () => {
  it('waits while more than 16 MiB are pending, and bounds what a fast source piles up', async () => {
    const file = newFile(memory);
    await using chronicle = await openChronicle(file, { lockTimeout: 600_000, durability: 'none' });
    const held = await lock(file);
    const text = 'x'.repeat(1024 * 1024);
    let made = 0;
    const source = (async () => {
      for (; made < 40; made++) {
        await chronicle.ready();
        void chronicle.append({ eventId: `${made}`, text });
      }
    })();
    // Nothing is acknowledged while the file is locked: the source stands still, whatever time passes.
    await until(() => chronicle.stats().pending.bytes > 16 * 1024 * 1024, 'more than 16 MiB are pending');
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBe(16);
    await held.release();
    await source;
    await chronicle.flush();
    expect(chronicle.stats().pending).toEqual({ events: 0, bytes: 0 });
    expect(eventsOf(file)).toHaveLength(40);
  });
});
