/** L9: a holder can learn that its lock is worth nothing any more. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileLock, lock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { until } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { locker } from '../support/holder.js';

async function lostBy(held: FileLock): Promise<unknown> {
  const { lost } = held;
  await until(() => lost.aborted, 'the lock is lost');
  return lost.reason;
}

/** Longer than what is watched needs to be told. */
function toldByNow(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1200));
}

/** How many paths this process has the kernel watch. */
function watches(): number {
  const texts = readdirSync('/proc/self/fdinfo').map((descriptor) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
    } catch {
      return ''; // the one that readdir itself had open
    }
  });
  return texts.join('').split('inotify wd:').length;
}

describe('L9: lost aborts', () => {
  const changes: [string, (file: string, directory: string) => void][] = [
    ['the file is removed', (file) => unlinkSync(file)],
    ['the file is renamed', (file) => renameSync(file, `${file}.old`)],
    [
      'another file takes its place',
      (file) => {
        writeFileSync(`${file}.new`, '');
        renameSync(`${file}.new`, file);
      },
    ],
    [
      'it is removed, and made anew',
      (file) => {
        const old = openSync(file, 'r'); // or the new file might get the inode of the old one
        unlinkSync(file);
        writeFileSync(file, '');
        closeSync(old);
      },
    ],
    ['its directory is renamed', (_, directory) => renameSync(directory, `${directory}.old`)],
    ['its directory is removed', (_, directory) => rmSync(directory, { recursive: true })],
  ];
  it.each(changes)('when %s', async (_, change) => {
    const directory = join(temporaryDirectory(), 'directory');
    mkdirSync(directory);
    const file = join(directory, 'file');
    const held = await lock(file);
    expect(held.lost.aborted).toBe(false);
    change(file, directory);
    expect(await lostBy(held)).toMatchObject({ code: 'ELOST', path: file });
    expect(held.held).toBe(true);
    await held.release();
  });

  it('also when it is asked for after that, and for a lock that was upgraded', async () => {
    const file = join(temporaryDirectory(), 'file');
    const held = await lock(file, { mode: 'shared' });
    expect(held.lost).toBe(held.lost);
    await held.upgrade();
    unlinkSync(file);
    expect(await lostBy(held)).toMatchObject({ code: 'ELOST' });
    const next = await lock(file);
    unlinkSync(file); // and only then `lost` is asked for
    expect(await lostBy(next)).toMatchObject({ code: 'ELOST' });
  });

  it('not after the release, nor for what changes nothing', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const released = await lock(file);
    const { lost } = released;
    await released.release({ remove: true });
    const late = released.lost;
    const held = await lock(file);
    const { lost: none } = held;
    writeFileSync(file, 'what is written to it');
    writeFileSync(join(directory, 'other'), '');
    await toldByNow(); // no look is under way that could come between the two
    renameSync(directory, `${directory}.aside`);
    renameSync(`${directory}.aside`, directory);
    await toldByNow();
    expect([lost.aborted, late.aborted, none.aborted]).toEqual([false, false, false]);
    held.releaseSync();
    unlinkSync(file);
    await toldByNow();
    expect(none.aborted).toBe(false);
  });

  it('never for a lock on a descriptor', async () => {
    const file = join(temporaryDirectory(), 'file');
    const descriptor = openSync(file, 'w+');
    const held = await lock(descriptor);
    const { lost } = held;
    unlinkSync(file);
    await toldByNow();
    expect(lost.aborted).toBe(false);
    held.releaseSync();
    closeSync(descriptor);
  });

  it.runIf(process.platform === 'linux')(
    'and nothing is watched before it is asked for, or after',
    async () => {
      const file = join(temporaryDirectory(), 'file');
      const before = watches();
      const held = await lock(file);
      expect(watches()).toBe(before);
      held.lost;
      expect(watches()).toBe(before + 1);
      await held.release();
      expect(watches()).toBe(before);
    },
  );

  it('and it keeps no process alive', async () => {
    const file = join(temporaryDirectory(), 'file');
    const holder = await locker();
    expect(await holder.ask({ command: 'watched', file })).toEqual({ held: true });
    holder.send({ command: 'leave' });
    expect(await holder.exited).toBe(0);
  });
});
