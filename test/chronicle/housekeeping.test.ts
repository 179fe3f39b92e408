/**
 * C13: housekeeping never stops the log. What cannot be done is told by the statistics, the diagnostics channel
 * and one warning, and tried again later; appending goes on in the file that is there.
 */
import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type ChronicleStats, type HousekeepingProblem, openChronicle, readChronicle } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aclOf, setAcl, withoutAcls } from '../support/acl.js';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf, filesOf } from '../support/lines.js';
import { mountOver, unmountable } from '../support/mounts.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const { native } = createRequire(import.meta.url)('../../dist/lib/native/addon.js');
const isRoot = process.getuid?.() === 0;
const always = { rotate: { maxBytes: 1 } };

/** What the channel is told until the test ends. */
function problems(): HousekeepingProblem[] {
  const told: HousekeepingProblem[] = [];
  const listen = (message: unknown) => void told.push(message as HousekeepingProblem);
  subscribe('holdfast:chronicle:housekeeping', listen);
  onTestFinished(() => void unsubscribe('holdfast:chronicle:housekeeping', listen));
  return told;
}

const idsOf = (file: string) => filesOf(file).map((one) => eventsOf(one).map(({ eventId }) => eventId));

describe('C13: a rotation that cannot be made', () => {
  // Before: as soon as a rotation was due, every append failed for ever.
  it.skipIf(unmountable)('of a file that is a mount point: appending goes on, and it is told', async () => {
    const file = newFile();
    writeFileSync(file, '');
    mountOver(file);
    const told = problems();
    await using chronicle = await openChronicle(file, always);
    for (const eventId of ['a', 'b', 'c']) await chronicle.append({ eventId });
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['a', 'b', 'c']);
    expect(chronicle.stats()).toMatchObject({
      rotations: 0,
      housekeeping: {
        failedRotations: 1, // and not at each append
        last: { problem: 'rotation', file, error: { code: 'EBUSY', path: file } },
      },
    });
    expect(told).toMatchObject([{ path: file, problem: 'rotation', count: 1 }]);
    expect(readdirSync(dirname(file))).toEqual([basename(file)]);
  });

  it.runIf(isRoot).each<[string, number, string]>([
    ['a directory that may not be written to', 0o755, 'EACCES'],
    ['a file that belongs to another user', 0o777, 'EPERM'],
    ['a file of another user in a sticky directory', 0o1777, 'EPERM'],
  ])('in %s', async (_, mode, code) => {
    const file = newFile();
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    chmodSync(dirname(file), mode);
    const process = new ChronicleProcess();
    await process.ask('setuid', 3456);
    await process.ask('open', file, always);
    for (const eventId of ['a', 'b', 'c']) await process.append({ eventId });
    expect(idsOf(file)).toEqual([['a', 'b', 'c']]);
    const { housekeeping } = await process.ask<ChronicleStats>('stats');
    expect(housekeeping).toMatchObject({ failedRotations: 1, last: { error: { code } } });
    expect(readdirSync(dirname(file))).toEqual([basename(file)]);
  });

  it('of a name that is too long', async () => {
    const file = join(temporaryDirectory(), 'x'.repeat(240));
    await using chronicle = await openChronicle(file, always);
    for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
    expect(chronicle.stats().housekeeping).toMatchObject({
      failedRotations: 1,
      last: { error: { code: 'ENAMETOOLONG' } },
    });
    expect(await readChronicle(file)).toHaveLength(2);
  });

  it.skipIf(unwatchable).each([
    ['open .chronicle', 'ENOSPC'],
    ['open .chronicle', 'EROFS'],
    ['open .chronicle', 'EMFILE'],
    ['open .', 'EMFILE'],
    ['fchmod .chronicle', 'EIO'],
    ['link chronicle', 'ENOSPC'],
    ['link chronicle', 'EDQUOT'],
    ['fsync .', 'EIO'],
    ['rename .chronicle', 'EBUSY'],
    ['rename .chronicle', 'EACCES'],
  ] as const)('at %s with %s, and is made later', async (step, fail) => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const process = await ChronicleProcess.open(file, { ...always, dedupe: false }, { env: calls.env });
    await process.append({ eventId: 'a' });
    let failed = false;
    calls.answerAll(({ name, path }) => {
      if (failed || !`${name} ${path}`.startsWith(step)) return 'go';
      failed = true;
      return { fail };
    });
    for (const eventId of ['b', 'c']) await process.append({ eventId });
    expect(failed).toBe(true);
    expect(idsOf(file)).toEqual([['a', 'b', 'c']]);
    expect(await process.ask('stats')).toMatchObject({
      rotations: 0,
      housekeeping: { failedRotations: 1, last: { error: { code: fail } } },
    });
    expect(readdirSync(dirname(file))).toEqual(['chronicle']);
    await setTimeout(1100);
    await process.append({ eventId: 'd' });
    expect(idsOf(file)).toEqual([['a', 'b', 'c'], ['d']]);
  });
});

describe('C13: a second name that somebody gave the file', () => {
  const events = ['a', 'b', 'c'];

  /** Appends all of them twice, the second time to a handle that has just been opened. */
  async function appendTwice(file: string): Promise<{ written: string[]; stats: ChronicleStats }> {
    const written: string[] = [];
    for (let time = 0; ; time++) {
      await using chronicle = await openChronicle(file, { ...always, dedupe: 'all' });
      for (const eventId of events) {
        if (!(await chronicle.append({ eventId })).duplicate) written.push(eventId);
      }
      if (time === 1) return { written, stats: chronicle.stats() };
    }
  }

  // Before: the rotated file kept its second name and was not believed, so that its events were written again.
  it('elsewhere: it is not rotated, which is told, and every event is there once', async () => {
    const file = newFile();
    writeFileSync(file, '');
    linkSync(file, join(temporaryDirectory(), 'backup'));
    const told = problems();
    expect((await appendTwice(file)).written).toEqual(events);
    expect(idsOf(file)).toEqual([events]);
    expect(told).toMatchObject([{ problem: 'rotation', error: { code: 'EMLINK' } }]);
  });

  // Before: the next rotation took that name, and nobody believed the file any more; or it came before all others.
  it.each([
    ['a time that there is not', ['99999999T999999.999Z']],
    ['the year 9999', ['99991231T235959.999Z']],
    ['a time before the others', ['19700101T000000.000Z']],
    ['two times', ['20200101T000000.000Z', '20200102T000000.000Z']],
  ])(
    'called like a rotated file, with %s: it is removed, and every event is there once',
    async (_, stamps) => {
      const file = newFile();
      await using chronicle = await openChronicle(file, { ...always, dedupe: 'all' });
      for (const eventId of ['x', 'y']) await chronicle.append({ eventId });
      for (const stamp of stamps) linkSync(file, `${file}.${stamp}`);
      expect((await appendTwice(file)).written).toEqual(events);
      expect(idsOf(file)).toEqual([['x'], ['y'], ['a'], ['b'], ['c']]);
    },
  );
});

describe.skipIf(unwatchable)('C13: where the file system is not known to be local', () => {
  it('a rotation gives no second name and replaces nothing, also where somebody makes the new file', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    calls.answer('fstatfs', { fail: 'ENOSYS' }, true);
    const process = await ChronicleProcess.open(file, { ...always, dedupe: 'all' }, { env: calls.env });
    await process.append({ eventId: 'a' });
    await process.append({ eventId: 'b' });
    const renamed = calls.hold('rename chronicle');
    const appended = process.append({ eventId: 'c' });
    const held = await renamed;
    const told = new Promise((resolve) => held.answer({ tell: resolve }));
    await told;
    await using other = await openChronicle(file);
    await other.append({ eventId: 'd' });
    await appended;
    expect(calls.made.filter((call) => call.startsWith('link '))).toEqual([]);
    expect(idsOf(file).flat().sort()).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('C13: a removal that cannot be made', () => {
  // Before: `keep: 2` left all files behind an oldest one that was immutable, in silence.
  it.skipIf(unwatchable)('is told, and the next ones are removed', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const options = { rotate: { maxBytes: 1, keep: 2 } };
    const process = await ChronicleProcess.open(file, options, { env: calls.env });
    for (const eventId of ['a', 'b']) await process.append({ eventId });
    const oldest = filesOf(file)[0] as string;
    calls.answer(`unlink ${basename(oldest)}`, { fail: 'EPERM' }, true);
    for (const eventId of ['c', 'd', 'e', 'f']) await process.append({ eventId });
    expect(idsOf(file)).toEqual([['a'], ['d'], ['e'], ['f']]);
    expect(await process.ask('stats')).toMatchObject({
      housekeeping: {
        failedRemovals: 3,
        last: { problem: 'removal', file: oldest, error: { code: 'EPERM', syscall: 'unlink' } },
      },
    });
  });

  it.runIf(isRoot && process.platform === 'linux')('of a file that is immutable', async ({ skip }) => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 1 } });
    for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
    const oldest = filesOf(file)[0] as string;
    try {
      execFileSync('chattr', ['+i', oldest], { stdio: 'ignore' });
    } catch {
      skip('this file system has no immutable files');
    }
    onTestFinished(() => void execFileSync('chattr', ['-i', oldest]));
    for (const eventId of ['c', 'd', 'e']) await chronicle.append({ eventId });
    execFileSync('chattr', ['-i', oldest]);
    expect(idsOf(file)).toEqual([['a'], ['d'], ['e']]);
    expect(chronicle.stats().housekeeping.failedRemovals).toBeGreaterThan(0);
  });
});

describe('S2: what is called like a rotated file, but need not be ours', () => {
  const stamp = '20200101T000000.000Z';
  const planted = '{"eventId":"order-42"}\n';
  const plant: [string, string, (path: string) => void][] = [
    ['a directory', stamp, (path) => mkdirSync(path)],
    ['a link', stamp, (path) => symlinkSync(otherFile(path), path)],
    ['a link that leads nowhere', stamp, (path) => symlinkSync(`${path}.nowhere`, path)],
    ['a file with another name', stamp, (path) => linkSync(otherFile(path), path)],
    ['a FIFO', stamp, (path) => execFileSync('mkfifo', [path])],
    ['a month that there is not', '20200001T000000.000Z', (path) => writeFileSync(path, planted)],
    ['a day that there is not', '20210229T000000.000Z', (path) => writeFileSync(path, planted)],
    ['an hour that there is not', '20200101T240000.000Z', (path) => writeFileSync(path, planted)],
    ['the time 2090', '20900101T000000.000Z', (path) => writeFileSync(path, planted)],
    ['the year 9999', '99991231T235959.999Z', (path) => writeFileSync(path, planted)],
    ['the year 0000', '00000101T000000.000Z', (path) => writeFileSync(path, planted)],
  ];
  if (isRoot) {
    const theirs = (path: string) => {
      writeFileSync(path, planted);
      chownSync(path, 65534, 65534);
    };
    plant.push(['a file of another user', stamp, theirs]);
    plant.push([
      'a huge file of another user',
      stamp,
      (path) => {
        theirs(path);
        execFileSync('truncate', ['--size=20G', path]);
      },
    ]);
  }

  function otherFile(path: string): string {
    const other = `${path}.other`;
    writeFileSync(other, planted);
    return other;
  }

  // Before: order-42 was taken for a duplicate and never written; a directory made every append EISDIR.
  it.skipIf(process.platform === 'win32').each(plant)(
    '%s is not read, does not count, and stays',
    async (_, time, make) => {
      const file = newFile();
      writeFileSync(file, '');
      const path = `${file}.${time}`;
      make(path);
      const told = problems();
      await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 2 }, dedupe: 'all' });
      for (const eventId of ['order-42', 'b', 'c', 'd', 'e']) {
        expect(await chronicle.append({ eventId })).toMatchObject({ duplicate: false });
      }
      expect(chronicle.stats()).toMatchObject({
        rotations: 4,
        housekeeping: { failedRotations: 0, failedRemovals: 0, foreignFiles: 1, last: { file: path } },
      });
      expect(told).toMatchObject([{ path: file, problem: 'foreign', file: path }]);
      expect(readdirSync(dirname(file))).toContain(basename(path));
      const ours = filesOf(file).filter((one) => one !== path);
      expect(ours.map((one) => eventsOf(one).map(({ eventId }) => eventId))).toEqual([['c'], ['d'], ['e']]);
      await using reopened = await openChronicle(file, {
        dedupe: { window: 100 },
        rotate: { maxBytes: 1e6 },
      });
      expect(await reopened.append({ eventId: 'order-42' })).toMatchObject({ duplicate: false });
      expect(await reopened.append({ eventId: 'd' })).toMatchObject({ duplicate: true });
    },
  );

  // Before: it was told to be foreign, whenever a reader that has an older file open listed at that moment.
  it('the second name that a rotation gives a file first is not told', async () => {
    const file = newFile();
    writeFileSync(`${file}.${stamp}`, planted);
    writeFileSync(file, planted);
    const older = openSync(`${file}.${stamp}`, 'r');
    linkSync(file, `${file}.20200102T000000.000Z`); // and then it is renamed
    const told = problems();
    await readChronicle(file);
    await new Promise<void>((resolve) => {
      native.rotatedFiles(file, older, (found: object) => {
        expect(found).toMatchObject({ believed: [], foreign: [] });
        resolve();
      });
    });
    closeSync(older);
    expect(told).toEqual([]);
  });

  it('five planted files of 2090 do not have ours removed', async () => {
    const file = newFile();
    for (let n = 0; n < 5; n++) writeFileSync(`${file}.20900101T00000${n}.000Z`, '');
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 5 } });
    for (let n = 0; n < 5; n++) await chronicle.append({ eventId: `${n}` });
    const ours = filesOf(file).filter((one) => !one.includes('.2090'));
    expect(ours.map((one) => eventsOf(one).length)).toEqual([1, 1, 1, 1, 1]);
  });

  it.runIf(isRoot)('files of whom the chronicle belongs to are believed', async () => {
    const file = newFile();
    writeFileSync(file, '');
    chownSync(file, 1234, 1234);
    writeFileSync(`${file}.${stamp}`, planted);
    chownSync(`${file}.${stamp}`, 1234, 1234);
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1e6 } });
    expect(await chronicle.append({ eventId: 'order-42' })).toMatchObject({ duplicate: true });
  });

  it('no file of ids that is not ours is believed', async () => {
    const file = newFile();
    const append = async (eventId: string) => {
      await using chronicle = await openChronicle(file, { dedupe: 'all' });
      return chronicle.append({ eventId });
    };
    await append('a');
    const { size } = statSync(`${file}.ids`);
    writeFileSync(`${file}.forged`, readFileSync(`${file}.ids`));
    unlinkSync(`${file}.ids`);
    linkSync(`${file}.forged`, `${file}.ids`);
    await append('b');
    expect(statSync(`${file}.ids`).size).toBe(size);
    expect(await append('a')).toMatchObject({ duplicate: true });
  });
});

describe('C12: the new file', () => {
  const umask = (mask: number) => {
    const before = process.umask(mask);
    onTestFinished(() => void process.umask(before));
  };

  // Before: 0600 became 0644; of another owner's 0640 nothing was left; umask 077 locked the group out for ever.
  it.skipIf(process.platform === 'win32').each([
    [0o600, 0o022],
    [0o660, 0o077],
    [0o664, 0o077],
    [0o666, 0o777],
  ])('has the mode %o of the old one, with umask %o', async (mode, mask) => {
    const file = newFile();
    writeFileSync(file, '');
    chmodSync(file, mode);
    if (isRoot) chownSync(file, 1234, 2345);
    umask(mask);
    await using chronicle = await openChronicle(file, always);
    for (const eventId of ['a', 'b', 'c']) await chronicle.append({ eventId });
    for (const one of filesOf(file)) {
      expect(statSync(one).mode & 0o7777).toBe(mode);
      if (isRoot) expect(statSync(one)).toMatchObject({ uid: 1234, gid: 2345 });
    }
    expect(idsOf(file)).toEqual([['a'], ['b'], ['c']]);
  });

  it.skipIf(withoutAcls !== undefined)('has the ACL of the old one', async () => {
    const file = newFile();
    writeFileSync(file, '');
    const acl = ['u::rw', 'u:65534:rw', 'g::-', 'm::rw', 'o::-'];
    await setAcl(file, acl);
    await using chronicle = await openChronicle(file, always);
    for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
    expect(filesOf(file)).toHaveLength(2);
    for (const one of filesOf(file)) expect(await aclOf(one)).toEqual(acl);
  });

  it('is there at every moment, for whoever reads while others rotate', async () => {
    const file = newFile();
    const writer = await ChronicleProcess.open(file, {
      rotate: { maxBytes: 1, keep: 3 },
      durability: 'none',
    });
    await writer.append({ eventId: 'first' });
    const flood = writer.flood('p', 1, 300, [10]);
    let done = false;
    void flood.then(() => {
      done = true;
    });
    // Whoever opens it gets a file; it was ENOENT in a third of the cases.
    while (!done) {
      for (let n = 0; n < 100; n++) statSync(file);
      await setTimeout(0);
    }
    await flood;
  });
});

describe.skipIf(unwatchable)('maxAge goes by the clock of the file system', () => {
  /** By the name of its oldest file, which has the time of the process. */
  function hoursAhead(file: string): number {
    const time = /\.(\d{4})(\d\d)(\d\d)T(\d\d)\d{4}\.\d{3}Z$/.exec(filesOf(file)[0] as string) ?? [];
    const [year = 0, month = 0, day, hour] = time.slice(1).map(Number);
    return (Date.UTC(year, month - 1, day, hour) - Date.now()) / 3_600_000;
  }

  async function processWith(file: string, maxAge: number, seconds: number): Promise<ChronicleProcess> {
    const calls = await SystemCalls.under(dirname(file));
    const env = { ...calls.env, HOLDFAST_PROBE_CLOCK: `${seconds}` };
    return ChronicleProcess.open(file, { rotate: { maxAge } }, { env });
  }

  // Before: the clock of the process counted, and each append rotated, so that `keep` removed the history.
  it('where that of the process is a day ahead', async () => {
    const file = newFile();
    const process = await processWith(file, 3_600_000, 86_400);
    for (const eventId of ['a', 'b', 'c']) await process.append({ eventId });
    expect(idsOf(file)).toEqual([['a', 'b', 'c']]);
    // That it is: a name has its time.
    await process.ask('open', file, { rotate: { maxBytes: 1 } });
    await process.append({ eventId: 'd' });
    expect(hoursAhead(file)).toBeGreaterThan(20);
  });

  it('where that of the process is a day behind', async () => {
    const file = newFile();
    const process = await processWith(file, 100, -86_400);
    await process.append({ eventId: 'a' });
    await setTimeout(150);
    await process.append({ eventId: 'b' });
    await process.append({ eventId: 'c' });
    // On a busy machine, the next one is too old soon.
    expect(idsOf(file)[0]).toEqual(['a']);
    expect(idsOf(file).flat()).toEqual(['a', 'b', 'c']);
    expect(hoursAhead(file)).toBeLessThan(-20);
  });

  // Before: the last write counted, so that it never fired where appends came more often.
  it.each([false, true])(
    'where no time of birth is known; another process each time: %s',
    async (another) => {
      const file = newFile();
      const calls = await SystemCalls.under(dirname(file));
      calls.answer('statx chronicle', { fail: 'ENOSYS' }, true);
      await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1 } });
      for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
      const open = () => ChronicleProcess.open(file, { rotate: { maxAge: 5000 } }, { env: calls.env });
      let process = await open();
      const begun = Date.now();
      let count = 0;
      for (; Date.now() < begun + 7000; count++) {
        if (another && count % 5 === 4) {
          await process.kill();
          process = await open();
        }
        await process.append({ eventId: `${count}` });
        await setTimeout(100);
      }
      const ids = idsOf(file);
      const byAge = ids.length - 2;
      expect(byAge).toBeGreaterThan(0);
      // On a busy machine, the last step takes longer.
      expect(byAge).toBeLessThanOrEqual((Date.now() - begun) / 5000);
      expect(ids.flat()).toHaveLength(2 + count);
    },
  );
});
