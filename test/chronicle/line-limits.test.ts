/**
 * C15: what a writer accepts is an event to every reader, verify and repair, whatever its length; and it counts for the
 * writers after it, whatever their own limits are. A limit is one only where somebody asks for it.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendEvent,
  type ChronicleOptions,
  followChronicle,
  openChronicle,
  readChronicle,
  repairChronicle,
  tailChronicle,
  verifyChronicle,
} from 'holdfast';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { run } from '../support/command.js';
import { memory } from '../support/files.js';

const megabyte = 2 ** 20;
const maxLineBytes = 64 * megabyte;

/** Longer than the default limit of writers, than what is read at once, and than what is kept of a gzip file. */
const lengths = [9 * megabyte, 33 * megabyte];

function long(length: number) {
  return { eventId: 'long', text: 'x'.repeat(length) };
}

async function writeLongEvent(file: string, length: number, options: ChronicleOptions = {}): Promise<void> {
  await using chronicle = await openChronicle(file, { ...options, maxLineBytes });
  await chronicle.append({ eventId: 'before' });
  await chronicle.append(long(length));
  await chronicle.append({ eventId: 'after' });
}

const ids = (events: readonly { eventId?: unknown }[]) => events.map(({ eventId }) => eventId);

describe.each(lengths)('C15: an event of %d bytes that a writer with a higher limit wrote', (length) => {
  // Written once; each test has a copy.
  const directory = mkdtempSync(join(memory, 'holdfast-'));
  const written = join(directory, 'chronicle');
  beforeAll(() => writeLongEvent(written, length));
  afterAll(() => rmSync(directory, { recursive: true }));

  function fileWithLongEvent(): string {
    const file = newFile(memory);
    copyFileSync(written, file);
    return file;
  }

  it('is one to all readers, and to verify and repair', async () => {
    const file = fileWithLongEvent();
    const onCorrupt = 'throw';
    expect(ids(await readChronicle(file, { onCorrupt }))).toEqual(['before', 'long', 'after']);
    expect(ids(await tailChronicle(file, 2, { onCorrupt }))).toEqual(['long', 'after']);
    for await (const { event } of followChronicle(file, { onCorrupt })) if (event.eventId === 'after') break;
    await using chronicle = await openChronicle(file, { onCorrupt });
    const found = await chronicle.find('long');
    const [next] = await chronicle.toArray({ after: found?.position ?? '' });
    expect([found?.length, next?.event]).toEqual([length + 29, { eventId: 'after' }]);
    expect(await verifyChronicle(file)).toMatchObject({ intact: true, events: 3 });
    expect(await repairChronicle(file)).toMatchObject({ removed: { lines: 0 } });
  });

  it('is one in a rotated file, compressed or not', async () => {
    const file = fileWithLongEvent();
    const rotated = `${file}.20260101T000000.000Z`;
    renameSync(file, rotated);
    await appendEvent(file, { eventId: 'current' });
    const all = ['before', 'long', 'after', 'current'];
    expect(ids(await readChronicle(file, { onCorrupt: 'throw' }))).toEqual(all);
    execFileSync('gzip', ['-1', rotated]);
    expect(ids(await readChronicle(file, { onCorrupt: 'throw' }))).toEqual(all);
    expect(ids(await tailChronicle(file, 3, { onCorrupt: 'throw' }))).toEqual(all.slice(1));
  });

  it.each<[string, ChronicleOptions]>([
    ['the default window', {}],
    ["dedupe: 'all'", { dedupe: 'all' }],
    ['a low limit', { maxLineBytes: 100 }],
  ])('C5: its id is known to a writer with %s', async (_, options) => {
    const file = fileWithLongEvent();
    const { size } = statSync(file);
    expect(await appendEvent(file, { eventId: 'long' }, options)).toMatchObject({ duplicate: true });
    expect(statSync(file).size).toBe(size);
  });

  it('is a part of its chain', async () => {
    const file = newFile(memory);
    await writeLongEvent(file, length, { chain: true });
    await appendEvent(file, { eventId: 'linked' }, { chain: true });
    expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({ intact: true, events: 4 });
  });

  it('is one to the command', async () => {
    const file = fileWithLongEvent();
    for (const [command, out] of [
      ['verify', expect.stringContaining('intact')],
      ['stat', expect.stringContaining('id after')],
      ['repair', expect.stringContaining('nothing to repair')],
    ] as const)
      expect(await run([command, file])).toEqual({ code: 0, out, err: '' });
    for (const command of ['cat', 'tail']) {
      const { code, out, err } = await run([command, file]);
      expect([code, err, out.length]).toEqual([0, '', statSync(file).size]);
    }
  });

  it('is damage only to whoever asks for a limit', async () => {
    const file = fileWithLongEvent();
    const given = { maxLineBytes: length, onCorrupt: 'skip' } as const;
    expect(ids(await readChronicle(file, given))).toEqual(['before', 'after']);
    expect((await verifyChronicle(file, { maxLineBytes: length })).corrupt.reasons).toEqual({ long: 1 });
    const limit = ['--max-line-bytes', String(length)];
    expect(await run(['cat', ...limit, file])).toMatchObject({
      code: 1,
      out: expect.not.stringContaining('long'),
    });
    expect((await run(['verify', ...limit, file])).code).toBe(1);
  });
});

it('C15: an event that is longer than the limit of its writer is refused, and the limit named', async () => {
  const file = newFile();
  await expect(appendEvent(file, long(9 * megabyte))).rejects.toThrow('maxLineBytes (8388608)');
  await expect(appendEvent(file, long(100), { maxLineBytes: 100 })).rejects.toThrow('maxLineBytes (100)');
  await appendEvent(file, long(9 * megabyte), { maxLineBytes });
});
