/** holdfast/sage-chronicle: repairs. */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { appendEvent as append, openChronicle } from 'holdfast';
import {
  acquireLock,
  deduplicateConsecutiveEvents,
  readChronicle,
  repairChronicle,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor } from '../../support/blocking.js';
import { sageFile, sagePath, wrong } from '../../support/sage-events.js';

const at = (day: number, n: number, fields: object = {}) => ({ timestamp: `2024-01-0${day}`, n, ...fields });
const line = (event: object) => `${JSON.stringify(event)}\n`;
const nothing = { repaired: false, changesApplied: [], warnings: [] };

describe('removeDuplicates', () => {
  const lines = [
    line({ eventId: 'a', n: 1 }),
    'damaged\n',
    line({ n: 2 }),
    line({ eventId: 'b', n: 3 }),
    line({ eventId: 'a', n: 4 }),
    '\n',
    line({ n: 2 }),
    '{"eventId" : "b"}\r\n',
    line({ eventId: '', n: 5 }),
    line({ eventId: '', n: 5 }),
    line({ eventId: 'A' }),
    '{"eventId":"a","n":6}',
  ];

  it('leaves the first event with each id, and every other line byte for byte', async () => {
    const file = sageFile(...lines);
    expect(await repairChronicle(file, { removeDuplicates: true })).toEqual({
      repaired: true,
      changesApplied: ['Removed 3 duplicate events'],
      warnings: [],
    });
    expect(readFileSync(file, 'utf8')).toBe(lines.filter((_, i) => ![4, 7, 11].includes(i)).join(''));
    expect(await repairChronicle(file, { removeDuplicates: true })).toEqual(nothing);
  });

  it('keeps ids apart that differ in lone surrogates only', async () => {
    const file = sageFile('{"eventId":"\\ud800"}\n', '{"eventId":"\\ud801"}\n', '{"eventId":"\\ufffd"}\n');
    expect(await repairChronicle(file, { removeDuplicates: true })).toEqual(nothing);
  });

  it('loses nothing that others append meanwhile', async () => {
    const file = sageFile();
    const doubling = await openChronicle(file, { dedupe: false });
    await doubling.appendMany(Array.from({ length: 4000 }, (_, i) => ({ eventId: `${i % 2000}` })));
    let appended = 0;
    let stop = false;
    const appending = (async () => {
      for (; !stop; appended++) await append(file, { eventId: `new ${appended}` });
    })();
    const { changesApplied } = await repairChronicle(file, { removeDuplicates: true });
    stop = true;
    await appending;
    await doubling.close();
    expect(changesApplied).toEqual(['Removed 2000 duplicate events']);
    const ids = (await readChronicle(file)).map(({ eventId }) => eventId);
    expect(ids).toEqual([
      ...Array.from({ length: 2000 }, (_, i) => `${i}`),
      ...Array.from({ length: appended }, (_, i) => `new ${i}`),
    ]);
  });
});

describe('fixTimestampOrder', () => {
  it('puts events in order, and keeps those of one time as they are', async () => {
    const file = sageFile(...[at(3, 1), at(1, 2), at(2, 3), at(1, 4), at(3, 5), at(1, 6)]);
    expect(await repairChronicle(file, { fixTimestampOrder: true })).toEqual({
      repaired: true,
      changesApplied: ['Reordered events by timestamp'],
      warnings: [],
    });
    const ordered = [at(1, 2), at(1, 4), at(1, 6), at(2, 3), at(3, 1), at(3, 5)];
    expect(readFileSync(file, 'utf8')).toBe(ordered.map(line).join(''));
    expect(await repairChronicle(file, { fixTimestampOrder: true })).toEqual(nothing);
  });

  it('moves along what follows an event, and gives the last line its newline', async () => {
    const file = sageFile(
      '\ufeff',
      'damaged at the beginning\n',
      at(2, 1),
      'damaged\n',
      line({ timestamp: 7 }),
      at(3, 2),
      '\n',
      '{"timestamp" : "2024-01-01"}\r\n',
      '{"torn',
    );
    await repairChronicle(file, { fixTimestampOrder: true });
    expect(readFileSync(file, 'utf8')).toBe(
      [
        '\ufeffdamaged at the beginning\n',
        '{"timestamp" : "2024-01-01"}\r\n',
        '{"torn\n',
        line(at(2, 1)),
        'damaged\n',
        line({ timestamp: 7 }),
        line(at(3, 2)),
        '\n',
      ].join(''),
    );
  });

  it('leaves a byte order mark at the beginning', async () => {
    const file = sageFile('\ufeff', at(2, 1), at(1, 2));
    await repairChronicle(file, { fixTimestampOrder: true });
    expect(readFileSync(file, 'utf8')).toBe(`\ufeff${line(at(1, 2))}${line(at(2, 1))}`);
    expect(await readChronicle(file)).toEqual([at(1, 2), at(2, 1)]);
  });

  it('sorts many lines that are all in the wrong place', async () => {
    const events = Array.from({ length: 3000 }, (_, i) => ({
      timestamp: String(100_000 + ((i * 7919) % 3000)),
      i,
    }));
    const file = sageFile(...events);
    await repairChronicle(file, { fixTimestampOrder: true });
    const sorted = events.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
    expect(readFileSync(file, 'utf8')).toBe(sorted.map(line).join(''));
  });

  it('waits for the lock that writers take, and so do they', async () => {
    const file = sageFile(at(2, 1), at(1, 2));
    const held = await acquireLock(file);
    const repairing = repairChronicle(file, { fixTimestampOrder: true });
    await someoneWaitsFor(file);
    writeFileSync(file, line(at(0, 3)), { flag: 'a' });
    await held.release();
    const appending = append(file, at(9, 4, { eventId: 'x' }));
    await Promise.all([repairing, appending]);
    expect(await readChronicle(file)).toEqual([at(0, 3), at(1, 2), at(2, 1), at(9, 4, { eventId: 'x' })]);
  });

  it('does not touch a file that is in order, whose lock is held', async () => {
    const file = sageFile(at(1, 1), at(1, 2), at(2, 3));
    const held = await acquireLock(file);
    expect(await repairChronicle(file, { fixTimestampOrder: true })).toEqual(nothing);
    await held.release();
  });
});

describe('createBackup', () => {
  it('copies the file with its rights, and then repairs', async () => {
    const file = sageFile({ eventId: 'a' }, { eventId: 'a' });
    chmodSync(file, 0o640);
    const before = readFileSync(file, 'utf8');
    const result = await repairChronicle(file, { createBackup: true, removeDuplicates: true });
    const { backupPath = '' } = result;
    expect(result).toMatchObject({ repaired: true, warnings: [] });
    expect(backupPath).toMatch(/test\.sage\.backup\.\d{13}$/);
    expect(readFileSync(backupPath, 'utf8')).toBe(before);
    if (process.platform !== 'win32') expect(statSync(backupPath).mode & 0o777).toBe(0o640);
    expect(readFileSync(file, 'utf8')).toBe(line({ eventId: 'a' }));
  });

  it('is made where nothing is to repair, too', async () => {
    const file = sageFile(at(1, 1));
    const { backupPath = '', repaired } = await repairChronicle(file, { createBackup: true });
    expect([repaired, readFileSync(backupPath, 'utf8')]).toEqual([false, line(at(1, 1))]);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'that cannot be made stops the repair',
    async () => {
      const file = sageFile({ eventId: 'a' }, { eventId: 'a' });
      const before = readFileSync(file, 'utf8');
      chmodSync(dirname(file), 0o500);
      try {
        const call = repairChronicle(file, { createBackup: true, removeDuplicates: true });
        await expect(call).rejects.toMatchObject({ code: 'EIO' });
      } finally {
        chmodSync(dirname(file), 0o700);
      }
      expect(readFileSync(file, 'utf8')).toBe(before);
      expect(readdirSync(dirname(file))).toEqual(['test.sage']);
    },
  );
});

it.each([
  ['removeDuplicates', { removeDuplicates: true }],
  ['fixTimestampOrder', { fixTimestampOrder: true }],
  ['deduplicateConsecutiveEvents', undefined],
])('%s does not break a chain of links', async (_, options) => {
  const file = sagePath();
  const chained = await openChronicle<object>(file, { chain: true, dedupe: false });
  const event = { eventId: 'a', timestamp: '2' };
  await chained.appendMany([event, event, { timestamp: '1' }]);
  await chained.close();
  const before = readFileSync(file, 'utf8');
  const call = options ? repairChronicle(file, options) : deduplicateConsecutiveEvents(file);
  await expect(call).rejects.toMatchObject({ code: 'EVALIDATION', field: 'path' });
  expect(readFileSync(file, 'utf8')).toBe(before);
  const backedUp = { removeDuplicates: true, createBackup: true };
  await expect(repairChronicle(file, backedUp)).rejects.toMatchObject({ field: 'path' });
  expect(readdirSync(dirname(file))).toHaveLength(1);
});

it('fixTimestampOrder says which causal links it has broken', async () => {
  const file = sageFile(
    { eventId: 'a', timestamp: '2024-01-02' },
    { eventId: 'b', prevEventId: 'a', timestamp: '2024-01-01' },
  );
  const { changesApplied, warnings } = await repairChronicle(file, { fixTimestampOrder: true });
  expect(changesApplied).toEqual(['Reordered events by timestamp']);
  expect(warnings).toEqual([expect.stringContaining('broken causal links')]);
});

it('repairCausalChain says what is broken, and changes nothing', async () => {
  const file = sageFile({ eventId: 'a', prevEventId: 'gone' }, { eventId: 'b', prevEventId: 'a' });
  const before = readFileSync(file, 'utf8');
  const result = await repairChronicle(file, { repairCausalChain: true });
  expect(result).toEqual({ ...nothing, warnings: ['1 broken causal links stay as they are'] });
  expect(readFileSync(file, 'utf8')).toBe(before);
});

it('both repairs are made together', async () => {
  const file = sageFile(at(2, 1, { eventId: 'a' }), at(1, 2, { eventId: 'b' }), at(1, 3, { eventId: 'a' }));
  expect(await repairChronicle(file, { removeDuplicates: true, fixTimestampOrder: true })).toMatchObject({
    changesApplied: ['Removed 1 duplicate events', 'Reordered events by timestamp'],
  });
  expect(await readChronicle(file)).toEqual([at(1, 2, { eventId: 'b' }), at(2, 1, { eventId: 'a' })]);
});

it('a file that does not exist is not made', async () => {
  const file = sagePath();
  const all = {
    removeDuplicates: true,
    fixTimestampOrder: true,
    repairCausalChain: true,
    createBackup: true,
  };
  expect(await repairChronicle(file, all)).toEqual({
    ...nothing,
    warnings: ['Failed to create backup: the file does not exist'],
  });
  expect(existsSync(file)).toBe(false);
});

it('without options, nothing is done', async () => {
  const file = sageFile({ eventId: 'a' }, { eventId: 'a' });
  const { ino } = statSync(file);
  expect(await repairChronicle(file)).toEqual(nothing);
  expect(statSync(file).ino).toBe(ino);
});

it.each<[unknown, string]>([
  [null, 'options'],
  ['x', 'options'],
  [{ removeDuplicates: 1 }, 'removeDuplicates'],
  [{ fixTimestampOrder: 'yes' }, 'fixTimestampOrder'],
  [{ createBackup: null }, 'createBackup'],
  [{ repairCausalChain: {} }, 'repairCausalChain'],
  [{ removeDuplicate: true }, 'removeDuplicate'],
])('the options %j are refused, by name', async (options, field) => {
  await expect(repairChronicle(sageFile({}), wrong(options))).rejects.toMatchObject({
    code: 'EVALIDATION',
    field,
  });
});
