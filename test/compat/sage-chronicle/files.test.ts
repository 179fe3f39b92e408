/** holdfast/sage-chronicle: files, lines and tails. */
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  analyzeChronicle,
  appendWithCausalChain,
  atomicAppendEvent,
  buildCausalChain,
  ensureChronicleDirectory,
  fileExists,
  getChainTail,
  getCompleteChain,
  isDuplicateUsingIndex,
  maintainEventIndex,
  readChronicleFile,
  repairChronicle,
  serializeEvent,
  tailChronicle,
  tailChronicleFile,
  validateCausalChain,
  validateChroniclePath,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/files.js';
import { sageEvent as event, sageFile, sagePath, wrong } from '../../support/sage-events.js';

describe('the path', () => {
  it.each([
    ['test.txt', 'Chronicle path must end with .sage'],
    ['../test.sage', 'Chronicle path cannot contain ..'],
    ['test/../other.sage', 'Chronicle path cannot contain ..'],
  ])('%j is refused in the words of the original', (path, message) => {
    expect(() => validateChroniclePath(path)).toThrow(message);
  });

  it.each(['test.txt', '', 'a..sage', 'a\0.sage', 7, undefined, Buffer.from('a.sage')])(
    '%j is refused by every function, by name',
    async (path) => {
      const calls = [
        readChronicleFile(wrong(path)),
        tailChronicleFile(wrong(path), 1),
        ensureChronicleDirectory(wrong(path)),
        atomicAppendEvent(wrong(path), event()),
        appendWithCausalChain(wrong(path), event()),
        buildCausalChain(wrong(path)),
        validateCausalChain(wrong(path)),
        getCompleteChain(wrong(path), 'x'),
        getChainTail(wrong(path)),
        isDuplicateUsingIndex(wrong(path), 'x'),
        maintainEventIndex(wrong(path)),
        analyzeChronicle(wrong(path)),
        repairChronicle(wrong(path)),
      ];
      for (const call of calls)
        await expect(call).rejects.toMatchObject({ code: 'EVALIDATION', field: 'path' });
    },
  );

  it('that is a directory is EIO', async () => {
    const directory = join(temporaryDirectory(), 'directory.sage');
    mkdirSync(directory);
    const calls = [
      readChronicleFile(directory),
      tailChronicleFile(directory, 1),
      atomicAppendEvent(directory, event()),
      appendWithCausalChain(directory, event()),
      buildCausalChain(directory),
      validateCausalChain(directory),
      getCompleteChain(directory, 'x'),
      getChainTail(directory),
      isDuplicateUsingIndex(directory, 'x'),
      analyzeChronicle(directory),
      repairChronicle(directory, { removeDuplicates: true }),
      repairChronicle(directory, { fixTimestampOrder: true }),
      repairChronicle(directory, { createBackup: true }),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ reason: { code: 'EIO' } });
    }
  });
});

describe('readChronicleFile() and tailChronicleFile()', () => {
  const numbers = (events: object[]) => events.map((read) => (read as { i: number }).i);

  it('give all events, and the last of them', async () => {
    const file = sageFile(...Array.from({ length: 15 }, (_, i) => event({ i })));
    expect(numbers(await readChronicleFile(file))).toHaveLength(15);
    expect(numbers(await tailChronicleFile(file, 2))).toEqual([13, 14]);
    expect(await tailChronicleFile(file, 100)).toHaveLength(15);
    expect(await tailChronicleFile(file, Number.POSITIVE_INFINITY)).toHaveLength(15);
    expect(await tailChronicleFile(file, 0)).toEqual([]);
  });

  it('are empty for a file that does not exist', async () => {
    const file = sagePath();
    expect(await readChronicleFile(file)).toEqual([]);
    expect(await tailChronicleFile(file, 3)).toEqual([]);
  });

  it.each([-1, -0.5, Number.NEGATIVE_INFINITY])('refuse n = %j in the words of the original', async (n) => {
    const refused = { code: 'EVALIDATION', field: 'n' };
    for (const tail of [tailChronicle, tailChronicleFile]) {
      await expect(tail(sagePath(), n)).rejects.toMatchObject(refused);
      await expect(tail(sagePath(), n)).rejects.toThrow(`Tail count must be non-negative: ${n}`);
    }
  });

  it.each([0.5, Number.NaN, '1', null])('refuse n = %j', async (n) => {
    await expect(tailChronicleFile(sagePath(), wrong(n))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'n',
    });
  });
});

describe('ensureChronicleDirectory()', () => {
  it('makes all directories above the file, but not the file', async () => {
    const file = join(temporaryDirectory(), 'a', 'b', 'test.sage');
    for (let i = 0; i < 2; i++) await ensureChronicleDirectory(file);
    expect(existsSync(join(file, '..'))).toBe(true);
    expect(existsSync(file)).toBe(false);
  });

  it('is EIO where a file is in the way', async () => {
    const inTheWay = sageFile(event());
    await expect(ensureChronicleDirectory(join(inTheWay, 'test.sage'))).rejects.toMatchObject({
      code: 'EIO',
    });
  });
});

describe('fileExists()', () => {
  it('tells files and directories from nothing', async () => {
    const file = sageFile(event());
    expect(await fileExists(file)).toBe(true);
    expect(await fileExists(join(file, '..'))).toBe(true);
    expect(await fileExists(`${file}.not`)).toBe(false);
    expect(await fileExists(join(file, 'below'))).toBe(false);
    const link = join(temporaryDirectory(), 'link');
    symlinkSync('nowhere', link);
    expect(await fileExists(link)).toBe(false);
  });

  it.skipIf(process.getuid?.() === 0)('does not say no where it cannot know', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'test.sage'), '');
    chmodSync(directory, 0);
    try {
      await expect(fileExists(join(directory, 'test.sage'))).rejects.toMatchObject({ code: 'EIO' });
    } finally {
      chmodSync(directory, 0o700);
    }
  });

  it('is EIO for a name that no file can have', async () => {
    const name = join(temporaryDirectory(), 'x'.repeat(5000));
    await expect(fileExists(name)).rejects.toMatchObject({ code: 'EIO', cause: { code: 'ENAMETOOLONG' } });
  });

  it.each([undefined, 7, '', 'a\0b'])('refuses %j', async (path) => {
    await expect(fileExists(wrong(path))).rejects.toMatchObject({ code: 'EVALIDATION', field: 'path' });
  });
});

describe('serializeEvent()', () => {
  it('gives the line of an event', () => {
    const given = { ...event(), at: new Date(0), gone: undefined };
    expect(serializeEvent(given)).toBe(`${JSON.stringify(given)}\n`);
  });

  const cyclic: { self?: object } = {};
  cyclic.self = cyclic;
  it.each([undefined, null, 7, 'x', [], cyclic, { n: 1n }, { toJSON: () => 7 }])('refuses %s', (given) => {
    expect(() => serializeEvent(wrong(given))).toThrow(
      expect.objectContaining({ code: 'EVALIDATION', field: 'event' }),
    );
  });
});

describe('atomicAppendEvent()', () => {
  it('writes any object as it is, and one with an id once', async () => {
    const file = join(temporaryDirectory(), 'a', 'test.sage');
    expect(await atomicAppendEvent(file, { n: 1 })).toMatchObject({ offset: 0, eventId: undefined });
    await atomicAppendEvent(file, { n: 1 });
    await atomicAppendEvent(file, { eventId: 'x', n: 2 }, 5000);
    expect(await atomicAppendEvent(file, { eventId: 'x', n: 2 })).toMatchObject({ duplicate: true });
    expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n{"n":1}\n{"eventId":"x","n":2}\n');
  });

  it('refuses what is no event, and no timeout', async () => {
    const file = sagePath();
    const refused = (field: string) => ({ code: 'EVALIDATION', field });
    await expect(atomicAppendEvent(file, wrong(7))).rejects.toMatchObject(refused('event'));
    await expect(atomicAppendEvent(file, { eventId: 7 })).rejects.toMatchObject(refused('event.eventId'));
    await expect(atomicAppendEvent(file, {}, -1)).rejects.toMatchObject(refused('lockTimeoutMs'));
    await expect(atomicAppendEvent(file, {}, wrong('x'))).rejects.toMatchObject(refused('lockTimeoutMs'));
    expect(existsSync(file)).toBe(false);
  });
});
