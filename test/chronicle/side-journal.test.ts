/**
 * `durability: 'journal'`: an append is synced in a side journal. C1: what the file lost in a crash is put back before
 * anybody reads or appends. What cannot be journaled is synced in the file, and no other durability sees a difference.
 */
import {
  chmodSync,
  constants,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  type ChronicleOptions,
  openChronicle,
  readChronicle,
  repairChronicle,
  tailChronicle,
  verifyChronicle,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { run } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const journaled: ChronicleOptions = { durability: 'journal' };
const ids = Array.from({ length: 20 }, (_, number) => `event ${number}`);
const events = ids.map((eventId, number) => ({ eventId, number }));

/** A chronicle with these events, as its file was, and as a crash leaves it. */
async function crashed(options = journaled): Promise<{ file: string; whole: Buffer }> {
  const file = join(temporaryDirectory(), 'chronicle');
  const process = await ChronicleProcess.open(file, options);
  for (const event of events) await process.append(event);
  await process.kill();
  const whole = readFileSync(file);
  // The last lines were not written, and what is before them was, but for a hole.
  const left = Buffer.from(whole.subarray(0, whole.length - 200));
  left.fill(0, 300, 350);
  writeFileSync(file, left);
  return { file, whole };
}

async function watched(options = journaled) {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const calls = await SystemCalls.under(directory);
  const process = await ChronicleProcess.open(file, options, { env: calls.env });
  const since = () => {
    const from = calls.made.length;
    return () => calls.made.slice(from);
  };
  return { directory, file, calls, process, since };
}

describe("durability: 'journal'", () => {
  it.each<[string, (file: string) => Promise<unknown>]>([
    ['readChronicle', (file) => readChronicle(file)],
    ['tailChronicle', (file) => tailChronicle(file, 3)],
    ['verifyChronicle', (file) => verifyChronicle(file)],
    ['repairChronicle', (file) => repairChronicle(file)],
    [
      'an append without a journal',
      async (file) => {
        const chronicle = await openChronicle(file);
        await chronicle.append({ eventId: ids[19] as string, number: 19 });
        await chronicle.close();
      },
    ],
    [
      'appendSync',
      async (file) => {
        const chronicle = await openChronicle(file, { dedupe: false });
        chronicle.appendSync({ eventId: 'behind it' });
        await chronicle.close();
      },
    ],
    [
      'follow',
      async (file) => {
        const chronicle = await openChronicle(file);
        for await (const { event } of chronicle.follow()) if (event.eventId === ids[19]) break;
        await chronicle.close();
      },
    ],
    ['holdfast cat', (file) => run(['cat', file])],
    ['holdfast stat', (file) => run(['stat', file])],
  ])('C1: %s puts back what a crash has taken from the file', async (_, use) => {
    const { file, whole } = await crashed();
    await use(file);
    expect(readFileSync(file).subarray(0, whole.length).equals(whole)).toBe(true);
    const read = await readChronicle(file);
    expect(read.slice(0, ids.length).map(({ eventId }) => eventId)).toEqual(ids);
  });

  it.each<ChronicleOptions>([
    { dedupe: { window: 100 } },
    { dedupe: 'all' },
    { dedupe: 'all', durability: 'journal' },
  ])('C5: an event that was put back is known: %o', async (options) => {
    const { file } = await crashed({ ...journaled, dedupe: options.dedupe });
    const chronicle = await openChronicle(file, options);
    const results = await chronicle.appendMany(events);
    expect(results.every(({ duplicate }) => duplicate)).toBe(true);
    await chronicle.close();
    expect(countIds(eventsOf(file))).toEqual(new Map(ids.map((id) => [id, 1])));
  });

  it('leaves nothing to the journal when it is closed', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, journaled);
    for (const event of events) await chronicle.append(event);
    await chronicle.close();
    // So what somebody cuts off then does not come again.
    truncateSync(file, 100);
    await readChronicle(file, { onCorrupt: 'skip' });
    expect(statSync(file).size).toBe(100);
  });

  it('goes on in the journal of others, and leaves out nothing that they have written without one', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const kinds: ChronicleOptions[] = [journaled, {}, journaled, { durability: 'none' }];
    const processes = await Promise.all(kinds.map((options) => ChronicleProcess.open(file, options)));
    await Promise.all(
      processes.map((process, index) => process.flood(`process ${index}`, 4, 50, [10, 300, 5000])),
    );
    await Promise.all(processes.map((process) => process.kill()));
    const whole = readFileSync(file);
    expect(new Set(countIds(eventsOf(file)).values())).toEqual(new Set([1]));
    expect(countIds(eventsOf(file)).size).toBe(800);
    // What only the journal has of them.
    writeFileSync(file, whole.subarray(0, whole.length - 2000));
    await readChronicle(file, { onCorrupt: 'skip' });
    expect(readFileSync(file).equals(whole.subarray(0, readFileSync(file).length))).toBe(true);
  });

  it('has the rights of the chronicle', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    const chronicle = await openChronicle(file, journaled);
    await chronicle.append({});
    await chronicle.close();
    expect((statSync(`${file}.journal`).mode & 0o777).toString(8)).toBe('640');
  });

  it.each<[string, (journal: string, other: string) => void]>([
    ['a link', (journal, other) => symlinkSync(other, journal)],
    ['a file with another name', (journal, other) => linkSync(other, journal)],
  ])('S2: neither follows nor changes %s that somebody has put there', async (_, plant) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    const other = join(directory, 'other');
    writeFileSync(other, Buffer.alloc(65_536));
    plant(`${file}.journal`, other);
    const chronicle = await openChronicle(file, journaled);
    for (const event of events) await chronicle.append(event);
    await chronicle.close();
    expect(readFileSync(other).equals(Buffer.alloc(65_536))).toBe(true);
    expect(await readChronicle(file)).toHaveLength(ids.length);
  });

  it.skipIf(process.getuid?.() !== 0)('C1: a reader who may not put it back is told', async () => {
    const { file, whole } = await crashed();
    chmodSync(join(file, '..'), 0o755);
    chmodSync(file, 0o644);
    chmodSync(`${file}.journal`, 0o644);
    const reader = new ChronicleProcess();
    await reader.ask('ping');
    await reader.ask('setuid', 3456);
    await expect(reader.ask('readChronicle', file)).rejects.toMatchObject({
      code: 'EIO',
      cause: { code: 'EACCES' },
    });
    expect(await readChronicle(file)).toHaveLength(ids.length);
    expect(readFileSync(file).equals(whole)).toBe(true);
    expect(await reader.ask('readChronicle', file)).toHaveLength(ids.length);
    await reader.kill();
  });
});

describe.skipIf(unwatchable)("durability: 'journal', by its system calls", () => {
  it('syncs the journal in place of the file', async () => {
    const { process, since } = await watched();
    await process.append({ eventId: 'first' });
    const made = since();
    for (const eventId of ['a', 'b', 'c']) await process.append({ eventId });
    const syncs = made().filter((call) => call.startsWith('fdatasync'));
    expect(syncs).toEqual(Array(3).fill('fdatasync chronicle.journal'));
  });

  it('C10: releases the lock before it syncs', async () => {
    const { calls, process } = await watched();
    await process.append({ eventId: 'first' });
    const sync = calls.hold('fdatasync chronicle.journal');
    const appended = process.append({ eventId: 'second' });
    const held = await sync;
    expect(calls.made.lastIndexOf('unlock chronicle')).toBeGreaterThan(
      calls.made.lastIndexOf('writev chronicle'),
    );
    held.answer('go');
    await appended;
  });

  it('C9: a journal that is made is durable, and so is its name, before it is relied on', async () => {
    const { calls, process } = await watched();
    await process.append({ eventId: 'first' });
    await process.append({ eventId: 'second' });
    const at = (call: string) => calls.made.indexOf(call);
    expect(at('fsync chronicle.journal')).toBeGreaterThan(0);
    expect(calls.made.indexOf('fsync .', at('fsync chronicle.journal'))).toBeLessThan(
      at('fdatasync chronicle.journal'),
    );
  });

  it('C7: a failed sync of the journal poisons the handle, and the file is synced', async () => {
    const { file, calls, process, since } = await watched();
    await process.append({ eventId: 'first' });
    await process.append({ eventId: 'second' });
    calls.answer('fdatasync chronicle.journal', { fail: 'EIO' });
    const made = since();
    await expect(process.append({ eventId: 'third' })).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: true,
      cause: { code: 'EIO', syscall: 'fdatasync', path: `${file}.journal` },
    });
    expect(made()).toContain('fdatasync chronicle');
    await expect(process.append({ eventId: 'fourth' })).rejects.toMatchObject({ outcomeUnknown: false });
    // Whoever comes next writes the lines anew before he relies on a sync.
    const chronicle = await openChronicle(file, journaled);
    await chronicle.appendMany([{ eventId: 'second' }, { eventId: 'fifth' }]);
    await chronicle.append({ eventId: 'sixth' });
    await chronicle.close();
    expect([...countIds(eventsOf(file)).keys()]).toEqual(['first', 'second', 'third', 'fifth', 'sixth']);
  });

  it.each([
    ['made', 'open', 'ENOSPC'],
    ['filled', 'pwrite', 'ENOSPC'],
    ['synced when it is made', 'fsync', 'EIO'],
  ] as const)('a journal that cannot be %s has the file synced', async (_, name, fail) => {
    const { directory, calls, process, since } = await watched();
    calls.answerAll((call) => {
      const isMeant = call.name === name && call.path === 'chronicle.journal';
      return isMeant && (name !== 'open' || call.argument & constants.O_CREAT) ? { fail } : 'go';
    });
    const made = since();
    for (const eventId of ['a', 'b', 'c']) await process.append({ eventId });
    expect(made().filter((one) => one === 'fdatasync chronicle')).toHaveLength(3);
    expect(made()).not.toContain('fdatasync chronicle.journal');
    calls.letGo();
    expect(await readChronicle(join(directory, 'chronicle'))).toHaveLength(3);
  });

  it('a record that cannot be written has the file synced, once', async () => {
    const { calls, process, since } = await watched();
    await process.append({ eventId: 'first' });
    await process.append({ eventId: 'second' });
    calls.answer('pwrite chronicle.journal', { fail: 'EIO' });
    const made = since();
    await process.append({ eventId: 'third' });
    await process.append({ eventId: 'fourth' });
    expect(made().filter((call) => call.startsWith('fdatasync'))).toEqual([
      'fdatasync chronicle',
      'fdatasync chronicle.journal',
    ]);
  });

  it('C1: whoever rotates the file syncs it first, whatever durability he asks for', async () => {
    const { file, calls, process } = await watched();
    for (const event of events) await process.append(event);
    const other = await ChronicleProcess.open(
      file,
      { durability: 'none', rotate: { maxBytes: 100 } },
      { env: calls.env },
    );
    const from = calls.made.length;
    await other.append({ eventId: 'in the next file' });
    const made = calls.made.slice(from);
    expect(made).toContain('fdatasync chronicle');
    expect(made.indexOf('fdatasync chronicle')).toBeLessThan(
      made.findIndex((call) => call.startsWith('link ')),
    );
  });

  it('nobody else looks at it but when he opens the file', async () => {
    const { directory, process, since } = await watched({});
    await process.append({ eventId: 'first' });
    const made = since();
    for (const event of events) await process.append(event);
    expect(made().filter((call) => call.includes('journal'))).toEqual([]);
    expect(readdirSync(directory)).toEqual(['chronicle']);
    expect(existsSync(join(directory, 'chronicle.journal'))).toBe(false);
  });
});
