/** L6: after acquiring, the path still names the file that is locked. */
import {
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lock, lockSync, tryLock, tryLockSync } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor, stateOf, until, within } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';

function openFilesUnder(directory: string): string[] {
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd') : [];
  return descriptors.filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(directory);
    } catch {
      return false; // closed meanwhile
    }
  });
}

describe('L6: the path still names the file that is locked', () => {
  it('after the file was removed while a caller waited: the new file is locked', async () => {
    const file = join(temporaryDirectory(), 'file');
    const old = await lock(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    unlinkSync(file);
    old.releaseSync();
    const held = await waiting;
    expect(existsSync(file)).toBe(true);
    expect(await tryLock(file)).toBeNull();
    const other = await locker();
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: false });
    held.releaseSync();
  });

  it('after another file was renamed over it while a caller waited', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const old = await lock(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    writeFileSync(join(directory, 'new'), '');
    renameSync(join(directory, 'new'), file);
    old.releaseSync();
    const held = await waiting;
    expect(tryLockSync(file)).toBeNull();
    held.releaseSync();
  });

  it('while the new file is locked by somebody else: the wait goes on', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const old = await lock(file);
    const waiting = lock(file);
    await someoneWaitsFor(file);
    const newer = await lock(join(directory, 'new'));
    renameSync(join(directory, 'new'), file);
    old.releaseSync();
    await someoneWaitsFor(file); // the file that the path names now
    expect(await stateOf(waiting)).toBe('pending');
    newer.releaseSync();
    (await waiting).releaseSync();
  });

  it('when it was locked a moment ago, and replaced or removed since', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const other = await locker();
    await (await lock(file)).release();
    await (await lock(file)).release(); // the file may still be open from the first time
    writeFileSync(join(directory, 'new'), '');
    renameSync(join(directory, 'new'), file);
    const held = await lock(file);
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: false });
    await held.release();
    expect(await other.ask({ command: 'tryLock', file })).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
    await other.ask({ command: 'release', file });
    unlinkSync(file);
    await expect(lock(file, { create: false })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('when it was locked a moment ago, and the old file is locked by somebody else under another name', async () => {
    const file = join(temporaryDirectory(), 'file');
    const other = await locker();
    await (await lock(file)).release(); // the file may still be open here
    await (await lock(file)).release();
    await other.ask({ command: 'lock', file });
    renameSync(file, `${file}.old`);
    const held = await tryLock(file);
    expect(held).not.toBeNull();
    await held?.release();
    // And a wait is for the file that the path names, which is free, not for the old one, which stays locked.
    const mine = await within(lock(file), 'the new file is free');
    expect(mine.held).toBe(true);
    await mine.release();
    expect(await tryLock(`${file}.old`)).toBeNull();
  });

  it('and no file stays open for long after its lock was released', async () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 100; i++) {
      await (await lock(join(directory, `${i}`))).release();
      lockSync(join(directory, `${i}`)).releaseSync();
    }
    await until(() => openFilesUnder(directory).length === 0, 'no file of a released lock is open');
    expect(openFilesUnder(directory)).toEqual([]);
  });

  it('without create, a file that was removed meanwhile is ENOENT and is not made again', async () => {
    const file = join(temporaryDirectory(), 'file');
    const old = await lock(file);
    const waiting = lock(file, { create: false });
    await someoneWaitsFor(file);
    unlinkSync(file);
    old.releaseSync();
    await expect(waiting).rejects.toMatchObject({ code: 'ENOENT', path: file });
    expect(existsSync(file)).toBe(false);
  });

  it('and taking it never changes the file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'what stands in it\n');
    const { mtimeMs, size } = statSync(file);
    (await lock(file)).releaseSync();
    expect(statSync(file)).toMatchObject({ mtimeMs, size });
  });
});
