/**
 * Rotation by the writers themselves: agreed under the lock, so that no line is lost or split, whoever
 * writes.
 */
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type JsonObject, lock, openChronicle, readChronicle, repairChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile as newFileIn } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf, filesOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const newFile = () => newFileIn(memory);

/** The rotated files of a chronicle, the oldest first: their names sort in order of time. */
const rotatedOf = (file: string): string[] => filesOf(file).filter((one) => one !== file);

const allEventsOf = (file: string): JsonObject[] => [...rotatedOf(file), file].flatMap(eventsOf);

/** The ids in each of the files, the oldest first. */
const idsOf = (file: string) =>
  [...rotatedOf(file), file].map((one) => eventsOf(one).map(({ eventId }) => eventId));

describe('rotate', () => {
  it('{ maxBytes } begins a new file before the old one would become larger', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1000 } });
    for (let n = 0; n < 50; n++) await chronicle.append({ eventId: `${n}`, fill: 'x'.repeat(80) });
    const files = [...rotatedOf(file), file];
    expect(files.length).toBeGreaterThan(4);
    for (const one of files) expect(statSync(one).size).toBeLessThanOrEqual(1000);
    expect(allEventsOf(file).map(({ eventId }) => eventId)).toEqual(
      Array.from({ length: 50 }, (_, n) => `${n}`),
    );
    expect(chronicle.stats()).toMatchObject({ events: 50, rotations: files.length - 1 });
  });

  it('keeps events together that are appended together, even where they are more than maxBytes', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 100 } });
    await chronicle.append({ eventId: 'first' });
    const many = Array.from({ length: 20 }, (_, n) => ({ eventId: `together ${n}` }));
    await chronicle.appendMany(many);
    await chronicle.append({ eventId: 'last' });
    expect([...rotatedOf(file), file].map((one) => eventsOf(one).length)).toEqual([1, 20, 1]);
  });

  it('{ maxAge } begins a new file when the old one is too old, and not before', async () => {
    const file = newFile();
    await using patient = await openChronicle(file, { rotate: { maxAge: 3_600_000 } });
    await patient.append({ eventId: 'a' });
    await patient.append({ eventId: 'b' });
    expect(rotatedOf(file)).toEqual([]);
    await using hasty = await openChronicle(file, { rotate: { maxAge: 1 } });
    // The clock of a file system ticks every ten milliseconds or less.
    await setTimeout(30);
    await hasty.append({ eventId: 'c' });
    expect(rotatedOf(file).map((one) => eventsOf(one).map(({ eventId }) => eventId))).toEqual([['a', 'b']]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['c']);
  });

  it('{ keep } removes the oldest files, and what belongs to them', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 2 }, dedupe: 'all' });
    for (let n = 0; n < 6; n++) await chronicle.append({ eventId: `${n}` });
    expect(allEventsOf(file).map(({ eventId }) => eventId)).toEqual(['3', '4', '5']);
    const ids = readdirSync(dirname(file)).filter((name) => name.endsWith('.ids'));
    for (const name of ids) expect(existsSync(join(dirname(file), name.slice(0, -4)))).toBe(true);
  });

  it('C5: knows the ids of the rotated files too, and says in which of them the first copy is', async () => {
    const file = newFile();
    for (const dedupe of [{ window: 100 }, 'all'] as const) {
      await using chronicle = await openChronicle(file, { rotate: { maxBytes: 60 }, dedupe });
      const name = JSON.stringify(dedupe);
      for (let n = 0; n < 10; n++) await chronicle.append({ eventId: `${name} ${n}` });
      await using reopened = await openChronicle(file, { rotate: { maxBytes: 60 }, dedupe });
      for (const handle of [chronicle, reopened]) {
        const result = await handle.append({ eventId: `${name} 3` });
        expect(result).toMatchObject({ duplicate: true, rotated: expect.stringContaining(`${file}.`) });
        const line = readFileSync(result.rotated as string, 'utf8').slice(result.offset);
        expect(JSON.parse(line.slice(0, line.indexOf('\n')))).toEqual({ eventId: `${name} 3` });
      }
    }
    expect(Math.max(...countIds(allEventsOf(file)).values())).toBe(1);
  });

  it('C5: writes an event again whose file was removed, and knows it from then on', async () => {
    const file = newFile();
    const old = `${file}.20200101T000000.000Z`;
    writeFileSync(old, '{"eventId":"a"}\n');
    const options = { rotate: { maxBytes: 1_000_000 }, dedupe: 'all' } as const;
    {
      await using chronicle = await openChronicle(file, options);
      expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: true, rotated: old });
      rmSync(old);
      expect(await chronicle.append({ eventId: 'a' })).toEqual({
        offset: 0,
        next: 16,
        eventId: 'a',
        duplicate: false,
      });
      expect(await chronicle.append({ eventId: 'a' })).toEqual({
        offset: 0,
        next: 16,
        eventId: 'a',
        duplicate: true,
      });
    }
    await using reopened = await openChronicle(file, options);
    expect(await reopened.append({ eventId: 'a' })).toMatchObject({ offset: 0, duplicate: true });
  });

  it('C5: knows an event of the file itself, though a damaged line of a rotated file has its id', async () => {
    for (const dedupe of [{ window: 100 }, 'all'] as const) {
      const file = newFile();
      writeFileSync(`${file}.20200101T000000.000Z`, '{"eventId":"a",damaged}\n{"eventId":"b"}\n');
      writeFileSync(file, '{"eventId":"a"}\n');
      await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1_000_000 }, dedupe });
      expect(await chronicle.append({ eventId: 'a' })).toEqual({
        offset: 0,
        next: 16,
        eventId: 'a',
        duplicate: true,
      });
    }
  });

  it('splits what many callers append at once, and lets duplicates alone begin no new file', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1000 } });
    const appendAll = () =>
      Promise.all(
        Array.from({ length: 200 }, (_, n) => chronicle.append({ eventId: `${n}`, text: 'ü'.repeat(20) })),
      );
    await appendAll();
    for (const one of [...rotatedOf(file), file]) expect(statSync(one).size).toBeLessThanOrEqual(1000);
    const before = rotatedOf(file);
    expect((await appendAll()).every(({ duplicate }) => duplicate)).toBe(true);
    expect(rotatedOf(file)).toEqual(before);
  });

  it('of a file with a backslash in its name', async () => {
    const file = join(temporaryDirectory(memory), 'back\\slash');
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1 } });
    for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
    expect(rotatedOf(file)).toHaveLength(1);
  });

  it('EVALIDATION: refuses ifEnd, for an offset does not tell one file from the next', async () => {
    await using chronicle = await openChronicle(newFile(), { rotate: { maxBytes: 1 } });
    const refusal = { code: 'EVALIDATION', field: 'ifEnd' };
    await expect(chronicle.append({}, { ifEnd: 0 })).rejects.toMatchObject(refusal);
  });

  it('C2: of many processes, none of which loses, splits or repeats an event', async () => {
    const file = newFile();
    const options = { rotate: { maxBytes: 5000 } };
    const processes = await Promise.all([1, 2, 3, 4].map(() => ChronicleProcess.open(file, options)));
    await Promise.all(processes.map((process, n) => process.flood(`p${n}`, 4, 50, [10, 100, 400])));
    const events = allEventsOf(file);
    expect(rotatedOf(file).length).toBeGreaterThan(10);
    const counts = countIds(events);
    expect(counts.size).toBe(4 * 4 * 50);
    expect(Math.max(...counts.values())).toBe(1);
    for (const { acknowledged } of processes) {
      for (const { eventId } of acknowledged) expect(counts.get(eventId)).toBe(1);
    }
    // Each caller's events are in the order in which it appended them, from file to file.
    const last = new Map<string, number>();
    for (const { name, caller, number } of events as { name: string; caller: number; number: number }[]) {
      expect(number).toBe((last.get(`${name} ${caller}`) ?? -1) + 1);
      last.set(`${name} ${caller}`, number);
    }
  });

  // Before: with 'none', a power loss could leave the new file in place and the old one, which others had synced, without a
  // name.
  it.skipIf(unwatchable).each(['none', 'data'] as const)(
    'C1: the old file has its new name durably before its place is taken (durability %s)',
    async (durability) => {
      const file = newFile();
      const calls = await SystemCalls.under(dirname(file));
      const process = await ChronicleProcess.open(
        file,
        { rotate: { maxBytes: 1 }, durability },
        { env: calls.env },
      );
      await process.append({ eventId: 'a' });
      const before = calls.made.length;
      await process.append({ eventId: 'b' });
      const steps = calls.made.slice(before).map((call) => call.replace(/^(rename|link) .*/, '$1'));
      expect(steps.filter((step) => ['link', 'fsync .', 'rename'].includes(step)).slice(0, 3)).toEqual([
        'link',
        'fsync .',
        'rename',
      ]);
    },
  );

  // Before: there was no file at all between two steps, which 30 of 100 readers saw where the rotation was constant.
  it
    .skipIf(unwatchable)
    .each([
      'open .chronicle',
      'fchmod .chronicle',
      'link chronicle',
      'fsync .',
      'rename .chronicle',
      'rename chronicle.ids',
      'writev chronicle',
    ])('C12: the path names a file at %s, and a death there harms nothing', async (step) => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const options = { rotate: { maxBytes: 50 }, dedupe: 'all' } as const;
    const doomed = await ChronicleProcess.open(file, options, { env: calls.env });
    await doomed.append({ eventId: 'a', fill: 'x'.repeat(40) });
    const reached = new Promise<void>((resolve) => {
      calls.answerAll(({ name, path }) => {
        const isStep = `${name} ${path}`.startsWith(step);
        if (isStep) resolve();
        return isStep ? new Promise(() => {}) : 'go';
      });
    });
    const lost = doomed.append({ eventId: 'b' }).catch(() => 'killed');
    await reached;
    expect(existsSync(file)).toBe(true);
    // Readers beside it see each event once.
    const read: JsonObject[] = await readChronicle(file);
    expect(read.map(({ eventId }) => eventId)).toEqual(['a']);
    await doomed.kill();
    expect(await lost).toBe('killed');
    await using other = await openChronicle(file, options);
    expect(await other.append({ eventId: 'a' })).toMatchObject({ duplicate: true });
    expect(await other.append({ eventId: 'b', fill: 'x'.repeat(40) })).toMatchObject({ duplicate: false });
    expect(await other.append({ eventId: 'c' })).toMatchObject({ duplicate: false });
    expect(idsOf(file)).toEqual([['a'], ['b'], ['c']]);
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    for (const one of filesOf(file)) expect(statSync(one).nlink).toBe(1);
  });

  it.skipIf(unwatchable)('C12: a repair after such a death makes no second copy of the events', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const options = { rotate: { maxBytes: 50 } };
    const doomed = await ChronicleProcess.open(file, options, { env: calls.env });
    await doomed.append({ eventId: 'a', fill: 'x'.repeat(40) });
    const renaming = new Promise<void>((resolve) => {
      calls.answerAll(({ name, path }) => {
        if (name !== 'rename' || !path.endsWith('.tmp')) return 'go';
        resolve();
        return new Promise(() => {});
      });
    });
    doomed.append({ eventId: 'b' }).catch(() => {});
    await renaming;
    await doomed.kill();
    appendFileSync(file, 'not json\n');
    await repairChronicle(file);
    expect(idsOf(file)).toEqual([['a']]);
    await using other = await openChronicle(file, options);
    await other.append({ eventId: 'b' });
    expect(idsOf(file)).toEqual([['a'], ['b']]);
  });

  it.skipIf(unwatchable).each(['EPERM', 'ENOTSUP', 'EMLINK'] as const)(
    'renames the file where it can have no second name: %s',
    async (refusal) => {
      const file = newFile();
      const calls = await SystemCalls.under(dirname(file));
      calls.answer('link chronicle', { fail: refusal }, true);
      const process = await ChronicleProcess.open(file, { rotate: { maxBytes: 1 } }, { env: calls.env });
      for (const eventId of ['a', 'b', 'c']) await process.append({ eventId });
      expect(idsOf(file)).toEqual([['a'], ['b'], ['c']]);
    },
  );

  it('C12: nobody writes to the old file after the rotation, also who does not rotate', async () => {
    const file = newFile();
    const rotating = { rotate: { maxBytes: 2000 }, lockTimeout: 60_000 };
    const processes = await Promise.all([
      ChronicleProcess.open(file, rotating),
      ChronicleProcess.open(file, { lockTimeout: 60_000 }),
      ChronicleProcess.open(file, { lockTimeout: 60_000, dedupe: false }),
    ]);
    const sizes = new Map<string, number>();
    const look = () => {
      for (const one of rotatedOf(file)) {
        const { size } = statSync(one);
        expect(sizes.get(one) ?? size).toBe(size);
        sizes.set(one, size);
      }
    };
    let done = false;
    const floods = Promise.all(processes.map((process, n) => process.flood(`p${n}`, 2, 60, [10, 100])));
    void floods.finally(() => {
      done = true;
    });
    while (!done) {
      look();
      await setTimeout(1);
    }
    await floods;
    look();
    expect(sizes.size).toBeGreaterThan(5);
    const counts = countIds(allEventsOf(file));
    for (const { acknowledged } of processes) {
      for (const { eventId } of acknowledged) expect(counts.get(eventId)).toBe(1);
    }
    expect(counts.size).toBe(3 * 2 * 60);
  });

  it.skipIf(unwatchable)('C12: removes old files when the lock is free', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const options = { rotate: { maxBytes: 1, keep: 1 } };
    const process = await ChronicleProcess.open(file, options, { env: calls.env });
    for (const eventId of ['a', 'b']) await process.append({ eventId });
    const removing = new Promise<void>((resolve) => {
      calls.answerAll(({ name }) => {
        if (name === 'unlink') resolve();
        return name === 'unlink' ? new Promise(() => {}) : 'go';
      });
    });
    process.append({ eventId: 'c' }).catch(() => {});
    await removing;
    await using other = await openChronicle(file, { lockTimeout: 0 });
    await other.append({ eventId: 'd' });
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['c', 'd']);
  });

  it.skipIf(unwatchable).each(['opendir', 'readdir'])(
    'C13: appending goes on in the file where %s fails, and a later append rotates',
    async (call) => {
      const file = newFile();
      const calls = await SystemCalls.under(dirname(file));
      const process = await ChronicleProcess.open(file, { rotate: { maxBytes: 1 } }, { env: calls.env });
      await process.append({ eventId: 'a' });
      calls.answer(`${call} .`, { fail: 'EIO' });
      await process.append({ eventId: 'b' });
      expect(idsOf(file)).toEqual([['a', 'b']]);
      expect(await process.ask('stats')).toMatchObject({ housekeeping: { failedRotations: 1 } });
      await setTimeout(1100);
      await process.append({ eventId: 'c' });
      expect(idsOf(file)).toEqual([['a', 'b'], ['c']]);
      expect(calls.made.filter((made) => made === 'closedir .').length).toBe(
        calls.made.filter((made) => made === 'opendir .').length - (call === 'opendir' ? 1 : 0),
      );
    },
  );

  it.skipIf(unwatchable)(
    '{ maxAge } counts from the last write where no time of birth is known',
    async () => {
      const file = newFile();
      const calls = await SystemCalls.under(dirname(file));
      calls.answer('statx chronicle', { fail: 'ENOSYS' }, true);
      const process = await ChronicleProcess.open(
        file,
        { rotate: { maxAge: 3_600_000 } },
        { env: calls.env },
      );
      await process.append({ eventId: 'a' });
      const longAgo = new Date(Date.now() - 7_200_000);
      utimesSync(file, longAgo, longAgo);
      await process.append({ eventId: 'b' });
      expect(calls.made).toContain('statx chronicle');
      expect(idsOf(file)).toEqual([['a'], ['b']]);
    },
  );

  it('waits for the lock like every append: ELOCK_TIMEOUT, and nothing is renamed', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1 }, lockTimeout: 0 });
    await chronicle.append({ eventId: 'a' });
    const held = await lock(file);
    await expect(chronicle.append({ eventId: 'b' })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(rotatedOf(file)).toEqual([]);
    await held.release();
  });

  it('leaves files alone whose names are not those of rotated files', async () => {
    const file = newFile();
    const bystanders = ['.bak', '.20261124T215247.123', '.20261124T215247.123Z.gz', '.1'].map(
      (end) => file + end,
    );
    for (const one of bystanders) writeFileSync(one, 'x');
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 0 } });
    for (let n = 0; n < 3; n++) await chronicle.append({ eventId: `${n}` });
    for (const one of bystanders) expect(readFileSync(one, 'utf8')).toBe('x');
    expect(rotatedOf(file)).toEqual([]);
  });

  it('gives names that sort, also where the last one is of the future', async () => {
    const file = newFile();
    const stampOf = (time: number) => `.${new Date(time).toISOString().replace(/[-:]/g, '')}`;
    const soon = Date.now() + 3_600_000;
    writeFileSync(file + stampOf(soon), '{"eventId":"old"}\n');
    await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1 } });
    for (const eventId of ['a', 'b', 'c']) await chronicle.append({ eventId });
    expect(rotatedOf(file).map((one) => one.slice(file.length))).toEqual([
      stampOf(soon),
      stampOf(soon + 1),
      stampOf(soon + 2),
    ]);
    expect(allEventsOf(file).map(({ eventId }) => eventId)).toEqual(['old', 'a', 'b', 'c']);
  });

  it('rotates the file that a symbolic link leads to, and leaves the link', async () => {
    const file = newFile();
    const link = join(temporaryDirectory(memory), 'link');
    writeFileSync(file, '');
    symlinkSync(file, link);
    await using chronicle = await openChronicle(link, { rotate: { maxBytes: 1 } });
    for (const eventId of ['a', 'b']) await chronicle.append({ eventId });
    expect(rotatedOf(file)).toHaveLength(1);
    expect(rotatedOf(link)).toEqual([]);
    expect(eventsOf(link).map(({ eventId }) => eventId)).toEqual(['b']);
    expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: true });
  });

  it.each<[unknown, string]>([
    [true, 'rotate'],
    [{}, 'rotate'],
    [{ maxBytes: 0 }, 'rotate.maxBytes'],
    [{ maxBytes: '1' }, 'rotate.maxBytes'],
    [{ maxAge: 1.5 }, 'rotate.maxAge'],
    [{ maxBytes: 1, keep: -1 }, 'rotate.keep'],
  ])('EVALIDATION: refuses %j', async (rotate, field) => {
    const call = openChronicle(newFile(), { rotate: rotate as object });
    await expect(call).rejects.toMatchObject({ code: 'EVALIDATION', field });
  });
});
