/** L1: exclusion holds between processes, between worker threads, and between two calls in one thread. */
import { join } from 'node:path';
import { lock, tryLock, tryLockSync } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

describe('L1: exclusion', () => {
  it('holds between processes', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = new Program('locker');
    await other.next();
    expect(await other.ask({ command: 'lock', file })).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
    expect(tryLockSync(file)).toBeNull();
    const waiting = lock(file);
    await other.ask({ command: 'release', file });
    const held = await waiting;
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: false });
    await held.release();
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: true });
  });
});
