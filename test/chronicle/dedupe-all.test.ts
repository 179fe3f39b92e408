/**
 * `dedupe: 'all'`, and the file of ids beside the chronicle that lets it open a large file without reading
 * it. That file is only a cache: whatever stands in it, the chronicle decides.
 */
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, lock, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile as newFileIn } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const newFile = () => newFileIn(memory);
const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({ eventId: `event ${from + n}`, fill: 'x'.repeat(20) }));

/** Opens the file, appends the events, and says which were duplicates. */
async function append(file: string, appended: readonly JsonObject[]): Promise<boolean[]> {
  await using chronicle = await openChronicle(file, { dedupe: 'all' });
  const results = await chronicle.appendMany(appended);
  return results.map(({ duplicate }) => duplicate);
}

describe("dedupe: 'all'", () => {
  it('remembers every id, however long ago, and where the first copy stands', async () => {
    const file = newFile();
    await using chronicle = await openChronicle(file, { dedupe: 'all' });
    for (let n = 0; n < 30_000; n += 1000) await chronicle.appendMany(events(n, n + 1000));
    const [first, second] = eventsOf(file).slice(5);
    expect(await chronicle.append({ eventId: 'event 5' })).toEqual({
      offset: first?.offset,
      next: second?.offset,
      eventId: 'event 5',
      duplicate: true,
    });
    expect(eventsOf(file)).toHaveLength(30_000);
  });

  it('takes at most 24 bytes of memory for each, also while it grows', async () => {
    await using chronicle = await openChronicle(newFile(), { dedupe: 'all', durability: 'none' });
    await chronicle.append({ eventId: 'first' });
    const { bytes } = chronicle.stats().known;
    for (let n = 0; n < 150_000; n += 2500) {
      await chronicle.appendMany(Array.from({ length: 2500 }, (_, i) => ({ eventId: `${n + i}` })));
      const { known } = chronicle.stats();
      expect(known.ids).toBe(n + 2500 + 1);
      // Small parts of the table grow by more than a quarter; what they take at the most is part of the
      // constant.
      expect(known.bytes - bytes).toBeLessThanOrEqual(24 * known.ids + 16_384);
    }
  });

  it('C5: holds between processes, each of which sends everything', async () => {
    const file = newFile();
    const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file, { dedupe: 'all' })));
    const all = events(0, 3000);
    for (let n = 0; n < all.length; n += 500) {
      await Promise.all(processes.map((process) => process.appendMany(all.slice(n, n + 500))));
    }
    const counts = countIds(eventsOf(file));
    expect(counts.size).toBe(3000);
    expect(Math.max(...counts.values())).toBe(1);
  });

  it('after opening again too, with the file of ids and without it', async () => {
    const file = newFile();
    expect(await append(file, events(0, 100))).not.toContain(true);
    expect(await append(file, events(50, 150))).toEqual([...Array(50).fill(true), ...Array(50).fill(false)]);
    rmSync(`${file}.ids`);
    expect(await append(file, events(0, 151)).then((found) => found.indexOf(false))).toBe(150);
  });

  it.skipIf(unwatchable)('opens without reading the file, where the file of ids is current', async () => {
    const file = newFile();
    await append(file, events(0, 20_000));
    const calls = await SystemCalls.under(join(file, '..'));
    const process = await ChronicleProcess.open(file, { dedupe: 'all' }, { env: calls.env });
    expect(await process.append({ eventId: 'event 17' })).toMatchObject({ duplicate: true });
    // The marks that are compared, the last byte and the line with the same id; the file has a megabyte.
    const reads = calls.made.filter((call) => call === 'pread chronicle');
    expect(statSync(file).size).toBeGreaterThan(1_000_000);
    expect(reads.length).toBeLessThan(20);
  });
});

describe('The file of ids', () => {
  /** A chronicle with 200 events and a file of ids for all of them. */
  async function chronicleWithIds(): Promise<string> {
    const file = newFile();
    await append(file, events(0, 100));
    await append(file, events(100, 200));
    return file;
  }

  /** All 200 are known, and one that was never sent is not. */
  async function expectKnown(file: string): Promise<void> {
    const lines = eventsOf(file).length;
    const found = await append(file, [...events(0, 200), { eventId: `new ${lines}` }]);
    expect(found.indexOf(false)).toBe(200);
    expect(eventsOf(file)).toHaveLength(lines + 1);
  }

  it.each<[string, (ids: string) => void]>([
    ['empty', (ids) => truncateSync(ids, 0)],
    ['cut within its header', (ids) => truncateSync(ids, 17)],
    ['cut within a chunk', (ids) => truncateSync(ids, statSync(ids).size - 100)],
    ['cut behind a chunk', (ids) => truncateSync(ids, 40 + 48 + 1600)],
    ['followed by rubbish', (ids) => appendFileSync(ids, 'rubbish '.repeat(100))],
    ['filled with zeros', (ids) => writeFileSync(ids, Buffer.alloc(statSync(ids).size))],
    ["somebody else's", (ids) => writeFileSync(ids, 'not a file of ids '.repeat(50))],
  ])('is made again where it is %s', async (_, damage) => {
    const file = await chronicleWithIds();
    damage(`${file}.ids`);
    await expectKnown(file);
    await expectKnown(file);
  });

  it('is not believed with any single byte changed', async () => {
    const file = await chronicleWithIds();
    const good = readFileSync(`${file}.ids`);
    for (let at = 0; at < good.length; at += 97) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      writeFileSync(`${file}.ids`, bad);
      await expectKnown(file);
    }
  });

  it('is not believed where the chronicle was cut and has grown again since', async () => {
    const file = await chronicleWithIds();
    const lines = eventsOf(file);
    truncateSync(file, lines[150]?.offset);
    appendFileSync(file, `{"eventId":"other","fill":"${'y'.repeat(5000)}"}\n`);
    const found = await append(file, [...events(0, 200), { eventId: 'other' }]);
    expect(found.indexOf(false)).toBe(150);
    expect(found.lastIndexOf(false)).toBe(199);
    expect(found.at(-1)).toBe(true);
  });

  it('is not written by a handle whose chronicle was truncated since', async () => {
    const file = newFile();
    const first = await openChronicle(file, { dedupe: 'all' });
    await first.appendMany(events(0, 5));
    truncateSync(file, 0);
    await append(file, events(10, 20));
    await first.close();
    expect(await append(file, events(10, 20))).not.toContain(false);
  });

  it('is no reason to ask for more memory than the chronicle can need, however large it is', async () => {
    const file = await chronicleWithIds();
    truncateSync(`${file}.ids`, 2 ** 40);
    await using chronicle = await openChronicle(file, { dedupe: 'all' });
    expect(await chronicle.append({ eventId: 'event 7' })).toMatchObject({ duplicate: true });
    expect(chronicle.stats().known.bytes).toBeLessThan(1_000_000);
  });

  it.skipIf(unwatchable)('leaves out no id where a write to it has failed', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(join(file, '..'));
    const process = await ChronicleProcess.open(file, { dedupe: 'all' }, { env: calls.env });
    // Two writes: the header, and the first chunk, which fails.
    let writes = 0;
    calls.answerAll(({ name, path }) =>
      name === 'writev' && path === 'chronicle.ids' && ++writes === 2 ? { fail: 'ENOSPC' } : 'go',
    );
    for (let n = 0; n < 70_000; n += 10_000) await process.appendMany(events(n, n + 10_000));
    await process.ask('close');
    const found = await append(file, [...events(0, 70_000)]);
    expect(found).not.toContain(false);
    expect(writes).toBeGreaterThan(2);
  });

  it('is not believed where it is that of another chronicle', async () => {
    const [file, other] = [await chronicleWithIds(), newFile()];
    await append(other, events(500, 510));
    copyFileSync(`${file}.ids`, `${other}.ids`);
    const found = await append(other, events(0, 200));
    expect(found).not.toContain(true);
    await expectKnown(file);
  });

  it('knows nothing of events under another key', async () => {
    const file = await chronicleWithIds();
    await using chronicle = await openChronicle(file, { dedupe: 'all', idKey: 'id' });
    expect(await chronicle.append({ id: 'event 1' })).toMatchObject({ duplicate: false });
    expect(await chronicle.append({ id: 'event 1' })).toMatchObject({ duplicate: true });
  });

  it('is left alone while another process writes to it', async () => {
    const file = await chronicleWithIds();
    const held = await lock(`${file}.ids`);
    await expectKnown(file);
    await held.release();
    await expectKnown(file);
  });

  it('is never written through a link, nor where it is no regular file, nor under a second name', async () => {
    const file = newFile();
    const target = join(temporaryDirectory(memory), 'target');
    writeFileSync(target, 'precious');
    for (const plant of [() => symlinkSync(target, `${file}.ids`), () => linkSync(target, `${file}.ids`)]) {
      plant();
      await append(file, events(0, 200));
      await append(file, events(0, 200));
      expect(readFileSync(target, 'utf8')).toBe('precious');
      rmSync(`${file}.ids`);
    }
    expect(eventsOf(file)).toHaveLength(200);
  });

  it('is written when close() resolves, and nothing is written after that', async () => {
    const file = newFile();
    await append(file, events(0, 10));
    expect(statSync(`${file}.ids`).size).toBe(56 + 48 + 10 * 16);
  });

  it('has the permissions of the chronicle', async () => {
    const file = newFile();
    writeFileSync(file, '');
    chmodSync(file, 0o600);
    await append(file, events(0, 10));
    expect(statSync(`${file}.ids`).mode & 0o777).toBe(0o600);
  });
});
