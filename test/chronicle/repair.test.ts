/**
 * `repair()`: the corrupt lines are put aside, every other line stays byte for byte, whoever appends
 * meanwhile and whatever fails.
 */
import { randomInt } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { lockSync, openChronicle, type Repair, repairChronicle, verifyChronicle, withLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { damagedFile, type ExpectedLine, expectedLines } from '../support/damaged-files.js';
import { temporaryDirectory } from '../support/files.js';
import { seeded } from '../support/fuzz.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const isRoot = process.getuid?.() === 0;
const kept = '\ufeff{"a":1}\r\n\n{ "b": [2] }\n{"eventId":"é"}\n';
const damage = ['not json\n', '\0\0\0\0\n', '{"torn":'];
const damaged = `${damage[0]}\ufeff{"a":1}\r\n\n${damage[1]}{ "b": [2] }\n{"eventId":"é"}\n${damage[2]}`;
/** What is left of it. The byte order mark is one only at the beginning of the file. */
const repaired = '\n{ "b": [2] }\n{"eventId":"é"}\n';

/** More than is copied under the lock. */
const large = kept.slice(1).repeat(40_000);

function fileWith(content: string): { directory: string; file: string } {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  writeFileSync(file, content);
  return { directory, file };
}

describe('repair', () => {
  it('puts the corrupt lines aside and keeps the others byte for byte', async () => {
    const { directory, file } = fileWith(damaged);
    const bom = '\ufeff{"a":1}\r\n';
    expect(await repairChronicle(file)).toEqual({
      path: file,
      damagedPath: `${file}.damaged`,
      removed: {
        lines: 4,
        bytes: Buffer.byteLength([...damage, bom].join('')),
        reasons: { json: 2, nul: 1, torn: 1 },
        first: [
          { path: file, offset: 0, length: 9, reason: 'json' },
          { path: file, offset: 9, length: 12, reason: 'json' },
          { path: file, offset: 22, length: 5, reason: 'nul' },
          { path: file, offset: Buffer.byteLength(damaged) - 8, length: 8, reason: 'torn' },
        ],
      },
    });
    expect(readFileSync(file, 'utf8')).toBe(repaired);
    // Each line with a newline, so that what a later repair adds begins a line of its own.
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(`${damage[0]}${bom}${damage[1]}${damage[2]}\n`);
    expect(readdirSync(directory).sort()).toEqual(['chronicle', 'chronicle.damaged']);
    expect(await verifyChronicle(file)).toMatchObject({ intact: true });
  });

  it('adds what a later repair finds to what is aside', async () => {
    const { file } = fileWith(`${kept}first\n`);
    await repairChronicle(file);
    appendFileSync(`${file}.damaged`, 'a part, of a repair that was killed');
    appendFileSync(file, 'second\n{"n":1}\nthird');
    await repairChronicle(file);
    expect(readFileSync(file, 'utf8')).toBe(`${kept}{"n":1}\n`);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(
      'first\na part, of a repair that was killed\nsecond\nthird\n',
    );
  });

  it('writes nothing where nothing is damaged, and keeps a last line without newline that is whole', async () => {
    const { directory, file } = fileWith(`${kept}{"whole":true}`);
    const before = statSync(file, { bigint: true });
    expect(await repairChronicle(file)).toMatchObject({ removed: { lines: 0 }, damagedPath: undefined });
    const after = statSync(file, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    expect(readdirSync(directory)).toEqual(['chronicle']);
  });

  it('passes the mode on, to what is aside as well', async () => {
    const { file } = fileWith(damaged);
    chmodSync(file, 0o640);
    await repairChronicle(file);
    for (const path of [file, `${file}.damaged`]) expect(statSync(path).mode & 0o7777).toBe(0o640);
  });

  it.runIf(isRoot)('passes the owner on, to what is aside as well', async () => {
    const { file } = fileWith(damaged);
    chownSync(file, 1234, 2345);
    await repairChronicle(file);
    for (const path of [file, `${file}.damaged`])
      expect(statSync(path)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  it('leaves a symbolic link a link', async () => {
    const { directory, file } = fileWith(damaged);
    const link = join(temporaryDirectory(), 'link');
    symlinkSync(file, link);
    expect(await repairChronicle(link)).toMatchObject({ path: link, damagedPath: `${file}.damaged` });
    expect(readdirSync(directory).sort()).toEqual(['chronicle', 'chronicle.damaged']);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(repaired);
  });

  it('does not write through a link, or into a file of somebody else, that was planted beside it', async () => {
    const { directory, file } = fileWith(damaged);
    const victim = join(directory, 'victim');
    writeFileSync(victim, '');
    symlinkSync(victim, `${file}.damaged`);
    await expect(repairChronicle(file)).rejects.toMatchObject({ code: 'EIO', cause: { code: 'ELOOP' } });
    expect(readFileSync(victim, 'utf8')).toBe('');
    if (isRoot) {
      const other = fileWith(damaged).file;
      writeFileSync(`${other}.damaged`, '');
      chownSync(`${other}.damaged`, 3456, 3456);
      await expect(repairChronicle(other)).rejects.toMatchObject({ cause: { code: 'EPERM' } });
      expect(readFileSync(other, 'utf8')).toBe(damaged);
    }
  });

  it('goes on with an open chronicle, which finds the new file by itself', async () => {
    const { file } = fileWith(damaged);
    const chronicle = await openChronicle(file);
    await chronicle.append({ eventId: 'before' });
    expect(await chronicle.repair()).toMatchObject({ removed: { lines: 4 } });
    expect(await chronicle.append({ eventId: 'before' })).toMatchObject({ duplicate: true });
    await chronicle.append({ eventId: 'after' });
    expect(readFileSync(file, 'utf8')).toBe(`${repaired}{"eventId":"before"}\n{"eventId":"after"}\n`);
    await chronicle.close();
  });

  it("is noticed by chronicles that remember every id (dedupe: 'all'), and by the file in which they remember", async () => {
    const { file } = fileWith('junk\n');
    const open = await openChronicle(file, { dedupe: 'all' });
    const [before] = await open.appendMany([{ eventId: 'a' }, { eventId: 'b' }]);
    expect(before?.offset).toBe(5);
    const closed = await openChronicle(file, { dedupe: 'all' });
    await closed.close();
    await open.repair();
    const again = await openChronicle(file, { dedupe: 'all' });
    for (const chronicle of [open, again]) {
      expect(await chronicle.append({ eventId: 'a' })).toMatchObject({ duplicate: true, offset: 0 });
      expect(await chronicle.append({ eventId: 'b' })).toMatchObject({ duplicate: true, offset: 16 });
      await chronicle.close();
    }
    expect(readFileSync(file, 'utf8')).toBe('{"eventId":"a"}\n{"eventId":"b"}\n');
  });

  it('waits no longer than lockTimeout for the writers, and leaves nothing behind', async () => {
    const { directory, file } = fileWith(damaged);
    const held = lockSync(file);
    await expect(repairChronicle(file, { lockTimeout: 10 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    held.releaseSync();
    expect(readFileSync(file, 'utf8')).toBe(damaged);
    expect(readdirSync(directory)).toEqual(['chronicle']);
  });

  it.each(['look', 'copy'])('ends on abort in phase %s, and leaves nothing behind', async (wanted) => {
    const { directory, file } = fileWith(`${large}${damage[0]}${large}`);
    const before = readFileSync(file);
    const controller = new AbortController();
    const reason = new Error('enough');
    const failing = repairChronicle(file, {
      signal: controller.signal,
      onProgress({ phase, done }) {
        if (phase === wanted && done > before.length / 3) controller.abort(reason);
      },
    });
    await expect(failing).rejects.toBe(reason);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(directory)).toEqual(['chronicle']);
  });

  it.each([
    ['path', 1, {}],
    ['onProgress', 'file', { onProgress: 1 }],
    ['signal', 'file', { signal: 1 }],
    ['lockTimeout', 'file', { lockTimeout: -1 }],
    ['options', 'file', 1],
  ])('refuses a bad %s', async (field, path, options) => {
    const error = { code: 'EVALIDATION', field };
    await expect(repairChronicle(path as never, options as never)).rejects.toMatchObject(error);
  });

  it('rejects with EIO where there is no file', async () => {
    const missing = join(temporaryDirectory(), 'missing');
    await expect(repairChronicle(missing)).rejects.toMatchObject({ code: 'EIO', cause: { code: 'ENOENT' } });
    expect(existsSync(`${missing}.damaged`)).toBe(false);
  });
});

describe('repair while other processes append', () => {
  it('loses no line and doubles none, also where several processes repair at once', async () => {
    const { file } = fileWith('');
    const writers = await Promise.all(
      Array.from({ length: 3 }, () => ChronicleProcess.open(file, { lockTimeout: 60_000 })),
    );
    const repairers = [new ChronicleProcess(), new ChronicleProcess()];
    const rounds = 6;
    let removed = 0;
    const repair = async (repairer: ChronicleProcess) => {
      const result = await repairer.ask<Repair>('repairChronicle', file, { lockTimeout: 60_000 });
      removed += result.removed.lines;
    };
    for (let round = 0; round < rounds; round++) {
      const floods = writers.map((writer, number) =>
        writer.flood(`${round}.${number}`, 4, 15, [100, 20_000]),
      );
      await withLock(file, () => appendFileSync(file, `garbage ${round}\n`));
      await Promise.all([...floods, ...repairers.map(repair)]);
    }

    const events = eventsOf(file);
    const acknowledged = writers.flatMap((writer) => writer.acknowledged);
    expect(acknowledged).toHaveLength(rounds * 3 * 4 * 15);
    const counts = countIds(events);
    expect(acknowledged.filter(({ eventId }) => counts.get(eventId) !== 1)).toEqual([]);
    expect(events).toHaveLength(acknowledged.length);
    expect(removed).toBe(rounds);
    const aside = readFileSync(`${file}.damaged`, 'utf8').trimEnd().split('\n');
    expect(aside).toEqual(Array.from({ length: rounds }, (_, number) => `garbage ${number}`));
  });
});

describe('repair that is killed at random moments while others append', () => {
  it('loses no line, doubles none, and the last repair ends the work', async () => {
    const { file } = fileWith('');
    const writers = await Promise.all(
      Array.from({ length: 2 }, () => ChronicleProcess.open(file, { lockTimeout: 60_000 })),
    );
    const rounds = 10;
    for (let round = 0; round < rounds; round++) {
      const floods = writers.map((writer, number) =>
        writer.flood(`${round}.${number}`, 4, 10, [100, 30_000]),
      );
      await withLock(file, () => appendFileSync(file, `garbage ${round}\n`));
      const repairer = new ChronicleProcess();
      await repairer.ping();
      const repairing = repairer.ask('repairChronicle', file, { lockTimeout: 60_000 }).catch(() => {});
      await Promise.race([repairing, setTimeout(randomInt(60))]);
      await repairer.kill();
      await Promise.all(floods);
    }
    await repairChronicle(file);
    const events = eventsOf(file);
    const acknowledged = writers.flatMap((writer) => writer.acknowledged);
    expect(acknowledged).toHaveLength(rounds * 2 * 4 * 10);
    const counts = countIds(events);
    expect(acknowledged.filter(({ eventId }) => counts.get(eventId) !== 1)).toEqual([]);
    expect(events).toHaveLength(acknowledged.length);
    const aside = readFileSync(`${file}.damaged`, 'utf8');
    for (let round = 0; round < rounds; round++) expect(aside).toContain(`garbage ${round}\n`);
  });
});

describe('repair, whatever is in a file', () => {
  it('keeps every event and every blank line, and loses no byte', async () => {
    const { file } = fileWith('');
    const aside = `${file}.damaged`;
    const parameters = seeded<[Buffer]>('repair', 200);
    await fc.assert(
      fc.asyncProperty(damagedFile, async (bytes) => {
        rmSync(aside, { force: true });
        writeFileSync(file, bytes);
        const lines = expectedLines(bytes, 60);
        const stay = lines.filter(({ kind }) => kind === 'event' || kind === 'blank');
        const go = lines.filter((line) => !stay.includes(line));
        const { removed, damagedPath } = await repairChronicle(file, {
          maxLineBytes: 60,
          durability: 'none',
          force: true, // also where it is hardly a chronicle
        });
        const cut = (lines: ExpectedLine[]) =>
          Buffer.concat(lines.map(({ offset, length }) => bytes.subarray(offset, offset + length)));
        expect(readFileSync(file)).toEqual(cut(stay));
        expect(removed.first.map(({ offset, reason }) => [offset, reason])).toEqual(
          go.slice(0, 100).map(({ offset, kind }) => [offset, kind]),
        );
        expect(damagedPath).toBe(go.length > 0 ? aside : undefined);
        if (!damagedPath) return;
        const put = cut(go);
        expect(readFileSync(aside)).toEqual(
          put.at(-1) === 0x0a ? put : Buffer.concat([put, Buffer.from('\n')]),
        );
        expect(await verifyChronicle(file, { maxLineBytes: 60 })).toMatchObject({ corrupt: { lines: 0 } });
      }),
      parameters,
    );
  });
});

describe.skipIf(unwatchable)('the system calls of a repair', () => {
  async function watched(content: string) {
    const { directory, file } = fileWith(content);
    const calls = await SystemCalls.under(directory);
    return { directory, file, calls, program: new ChronicleProcess({ env: calls.env }) };
  }

  function repair({ file, program }: { file: string; program: ChronicleProcess }): Promise<Repair> {
    return program.ask('repairChronicle', file);
  }

  const temporary = /\.chronicle\.[0-9a-f]{24}\.tmp/;

  it('sync what is put aside before the file is replaced, and the directory behind that', async () => {
    const setting = await watched(damaged);
    await repair(setting);
    const made = setting.calls.made
      .filter((call) => /^(fsync|fdatasync|rename|unlock) /.test(call))
      .map((call) => call.replace(temporary, 'temporary'));
    const renamed = made.indexOf('rename temporary');
    for (const before of ['fdatasync chronicle.damaged', 'fdatasync temporary', 'fsync .']) {
      expect(made.slice(0, renamed)).toContain(before);
    }
    // The lock is held until the replacement will last.
    const after = ['rename temporary', 'fsync .', 'unlock chronicle (deleted)', 'unlock chronicle.damaged'];
    expect(made.slice(renamed)).toEqual(after);
  });

  it('let others append while most of the file is copied', async () => {
    const setting = await watched(`${large}garbage\n${large}`);
    const writer = await ChronicleProcess.open(setting.file, { lockTimeout: 0 });
    const copying = setting.calls.hold('fdatasync');
    const repairing = repair(setting);
    const sync = await copying;
    await writer.append({ eventId: 'meanwhile' });
    sync.answer('go');
    expect(await repairing).toMatchObject({ removed: { lines: 1 } });
    expect(readFileSync(setting.file, 'utf8')).toBe(`${large}${large}{"eventId":"meanwhile"}\n`);
  });

  it.each(['replaced', 'truncated and written anew'])(
    'begin again where the file is %s meanwhile',
    async (way) => {
      const setting = await watched(`garbage\n${large}`);
      const copying = setting.calls.hold('fdatasync');
      const repairing = repair(setting);
      const sync = await copying;
      const { file, directory } = setting;
      const content = `{"new":1}\nother garbage\n${large}`;
      if (way === 'replaced') {
        writeFileSync(join(directory, 'other'), content);
        renameSync(join(directory, 'other'), file);
      } else {
        writeFileSync(file, content);
      }
      sync.answer('go');
      expect(await repairing).toMatchObject({ removed: { lines: 1, first: [{ offset: 10, length: 14 }] } });
      expect(readFileSync(file, 'utf8')).toBe(`{"new":1}\n${large}`);
      expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('other garbage\n');
      expect(readdirSync(directory).sort()).toEqual(['chronicle', 'chronicle.damaged']);
    },
  );

  /** The calls at which it is stopped: each nth of its kind. */
  const places: [string, number][] = [
    ['open', 1],
    ['write', 0],
    ['writev', 0],
    ['fdatasync', 0],
    ['fdatasync', 1],
    ['fsync', 0],
    ['rename', 0],
  ];

  it.each(places)('leave the old file, and no rest, where %s number %i fails', async (name, number) => {
    const setting = await watched(damaged);
    const { file, directory, calls } = setting;
    let count = 0;
    calls.answerAll((call) => {
      if (call.name !== name || count++ !== number) return 'go';
      return { fail: 'EIO' };
    });
    await expect(repair(setting)).rejects.toMatchObject({ code: 'EIO', outcomeUnknown: false });
    expect(readFileSync(file, 'utf8')).toBe(damaged);
    expect(readdirSync(directory)).toEqual(['chronicle']);
    calls.letGo();
    expect(await repair(setting)).toMatchObject({ removed: { lines: 4 } });
    expect(readFileSync(file, 'utf8')).toBe(repaired);
  });

  it('are reported as "outcome unknown" where the directory cannot be synced at the end', async () => {
    const setting = await watched(damaged);
    let renamed = false;
    setting.calls.answerAll((call) => {
      renamed ||= call.name === 'rename';
      return renamed && call.name === 'fsync' ? { fail: 'EIO' } : 'go';
    });
    await expect(repair(setting)).rejects.toMatchObject({ code: 'EIO', outcomeUnknown: true });
    expect(readFileSync(setting.file, 'utf8')).toBe(repaired);
    expect(readFileSync(`${setting.file}.damaged`, 'utf8')).toContain(damage[0]);
  });

  it.each([...places, ['fsync', 1]] as [string, number][])(
    'leave the old file or the new one to a SIGKILL at %s number %i, and a second repair ends the work',
    async (name, number) => {
      const setting = await watched(damaged);
      const { file, calls, program } = setting;
      for (let passed = 0; passed < number; passed++) {
        const held = calls.hold(name);
        if (passed === 0) repair(setting).catch(() => {});
        const call = await held;
        // Before it goes on, so that the next one is not missed.
        queueMicrotask(() => call.answer('go'));
      }
      const held = calls.hold(name);
      if (number === 0) repair(setting).catch(() => {});
      await held;
      await program.kill();
      const replaced = name === 'fsync' && number === 1;
      expect(readFileSync(file, 'utf8')).toBe(replaced ? repaired : damaged);
      await repairChronicle(file);
      expect(readFileSync(file, 'utf8')).toBe(repaired);
      const aside = readFileSync(`${file}.damaged`, 'utf8');
      for (const line of damage) expect(aside).toContain(line);
    },
  );
});
