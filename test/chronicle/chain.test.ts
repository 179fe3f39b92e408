/**
 * The chain (`chain: true`): a reader sees which event was changed, taken out, put in or moved, and with a head
 * that was kept elsewhere, also that the end is missing.
 */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import {
  type Chronicle,
  type ChronicleOptions,
  openChronicle,
  readChronicle,
  repairChronicle,
  type Verification,
  verifyChronicle,
} from 'holdfast';
import { beforeEach, describe, expect, it } from 'vitest';
import { linkAfter, linkInBytes, noLink } from '../../lib/event/chain-link.js';
import { fileWith, newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { run } from '../support/command.js';
import { memory } from '../support/files.js';

const chained = { chain: true };

async function withChronicle<T>(
  file: string,
  use: (chronicle: Chronicle) => Promise<T>,
  options?: ChronicleOptions,
): Promise<T> {
  await using chronicle = await openChronicle(file, { ...chained, ...options });
  return await use(chronicle);
}

/** A file with a chain of so many events, and its head. */
async function chainOf(
  count: number,
  file = newFile(),
): Promise<{ file: string; link: string; lines: Buffer[] }> {
  const link = await withChronicle(file, async (chronicle) => {
    for (let n = 0; n < count; n++) await chronicle.append({ n, text: 'é\u001f"\\' });
    return (await chronicle.head())?.link as string;
  });
  return { file, link, lines: linesOf(readFileSync(file)) };
}

/** With their newlines. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at) + 1 || bytes.length;
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return lines;
}

async function verifyBytes(
  file: string,
  lines: readonly Uint8Array[] | Uint8Array,
  expected?: string,
): Promise<Verification> {
  writeFileSync(file, lines instanceof Uint8Array ? lines : Buffer.concat(lines));
  return verifyChronicle(file, { chain: true, ...(expected !== undefined && { expect: expected }) });
}

/** Which event the first finding of a chain is at, counted among the lines that are there; -1: none. */
function firstBreak(verification: Verification, lines: readonly Uint8Array[]): number {
  const offset = verification.chain?.breaks.first[0]?.offset;
  if (offset === undefined) return -1;
  let at = 0;
  return lines.findIndex((line) => {
    const found = at === offset;
    at += line.length;
    return found;
  });
}

describe('chain', () => {
  it('gives every event a link over the one before and its own line, and the id that it has without', async () => {
    const { file, lines } = await chainOf(5);
    let before = noLink;
    for (const line of lines) {
      const text = line.subarray(0, -1);
      expect(linkInBytes(text)).toBe(linkAfter(before, text));
      before = linkInBytes(text) as string;
    }
    const plain = newFile();
    await withChronicle(plain, (chronicle) => chronicle.append({ n: 0, text: 'é\u001f"\\' }), {
      chain: false,
    });
    const firstId = async (path: string) => (await readChronicle(path))[0]?.eventId;
    expect(await firstId(file)).toBe(await firstId(plain));
  });

  it('has the same links in C++ as in TypeScript, whatever the events are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1, maxLength: 8 }),
        async (events) => {
          const writable = events.filter(
            (event) => !Object.hasOwn(event, 'chainLink') && !Object.hasOwn(event, 'eventId'),
          );
          const file = newFile();
          await withChronicle(file, (chronicle) => chronicle.appendMany(writable));
          expect(await verifyChronicle(file, { chain: true })).toMatchObject({
            intact: true,
            wrongIds: { count: 0 },
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('C5 holds as without: a duplicate is acknowledged, and gets no second link', async () => {
    const { file, lines } = await chainOf(3);
    const again = await withChronicle(file, (chronicle) => chronicle.append({ n: 1, text: 'é\u001f"\\' }));
    expect(again).toMatchObject({ duplicate: true, offset: lines[0]?.length });
    expect(linesOf(readFileSync(file))).toEqual(lines);
  });

  describe('finds by machine', () => {
    /** One file after the other, in memory: the subject is what is in them. */
    let attacked: string;
    beforeEach(() => {
      attacked = newFile(memory);
    });

    it('every byte that is flipped', async () => {
      const { file, link } = await chainOf(4);
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at++) {
        for (const bit of [0x01, 0x20, 0x80]) {
          const flipped = Buffer.from(whole);
          flipped[at] = (flipped[at] as number) ^ bit;
          const found = await verifyBytes(attacked, flipped, link);
          expect(found.intact, `byte ${at}, bit ${bit}`).toBe(false);
        }
      }
    });

    it('every byte that is flipped in an event which stays one, at that event or the next', async () => {
      const { lines } = await chainOf(4);
      for (const [index, line] of lines.entries()) {
        for (let at = 0; at < line.length - 1; at++) {
          const changed = Buffer.from(line);
          changed[at] = (changed[at] as number) ^ 0x01;
          const all = lines.with(index, changed);
          const found = await verifyBytes(attacked, all);
          if (found.corrupt.lines > 0) continue;
          expect([index, index + 1], `line ${index}, byte ${at}`).toContain(firstBreak(found, all));
        }
      }
    });

    it('every line that is removed, at the event after it; the last one by the head', async () => {
      const { lines, link } = await chainOf(6);
      for (let removed = 0; removed < lines.length; removed++) {
        const rest = lines.toSpliced(removed, 1);
        const found = await verifyBytes(attacked, rest, link);
        expect(found.intact).toBe(false);
        expect(firstBreak(found, rest)).toBe(removed === lines.length - 1 ? -1 : removed);
        expect(found.chain?.expected).toEqual(removed === lines.length - 1 ? 'missing' : expect.anything());
      }
    });

    it('every line that is doubled, at the copy', async () => {
      const { lines, link } = await chainOf(6);
      for (const [index, line] of lines.entries()) {
        const more = lines.toSpliced(index, 0, line);
        const found = await verifyBytes(attacked, more, link);
        expect(found.intact).toBe(false);
        expect(firstBreak(found, more)).toBe(index + 1);
      }
    });

    it('every two lines that are swapped, at the first of them', async () => {
      const { lines, link } = await chainOf(6);
      for (let one = 0; one < lines.length; one++) {
        for (let other = one + 1; other < lines.length; other++) {
          const swapped = lines.with(one, lines[other] as Buffer).with(other, lines[one] as Buffer);
          const found = await verifyBytes(attacked, swapped, link);
          expect(found.intact).toBe(false);
          expect(firstBreak(found, swapped)).toBe(one);
        }
      }
    });

    it('an end that is cut off at any line, by the head alone', async () => {
      const { lines, link } = await chainOf(6);
      for (let kept = 0; kept < lines.length; kept++) {
        const found = await verifyBytes(attacked, lines.slice(0, kept), link);
        expect(found).toMatchObject({ intact: false, chain: { expected: 'missing', breaks: { count: 0 } } });
        expect(await verifyBytes(attacked, lines.slice(0, kept))).toMatchObject({ intact: true });
      }
    });

    it('two chains that were joined, where the second begins', async () => {
      const [one, other] = await Promise.all([chainOf(3), chainOf(4)]);
      const joined = [...one.lines, ...other.lines];
      expect(firstBreak(await verifyBytes(attacked, joined), joined)).toBe(3);
    });

    it('a line that somebody put in without a link', async () => {
      const { lines } = await chainOf(4);
      for (let at = 0; at <= lines.length; at++) {
        const more = lines.toSpliced(at, 0, Buffer.from('{"eventId":"foreign"}\n'));
        const found = await verifyBytes(attacked, more);
        expect(found.chain?.breaks).toMatchObject({
          count: 1,
          first: [{ reason: 'unlinked', eventId: 'foreign' }],
        });
        expect(firstBreak(found, more)).toBe(at);
      }
    });
  });

  describe('finds nothing', () => {
    it('where nothing was done, and tells which event has the head that was kept', async () => {
      const { file, link, lines } = await chainOf(3);
      await withChronicle(file, (chronicle) => chronicle.append({ more: true }));
      expect(await verifyChronicle(file, { expect: link })).toMatchObject({
        intact: true,
        chain: {
          intact: true,
          complete: true,
          events: 4,
          restarts: [],
          expected: { path: file, offset: (lines[0] as Buffer).length + (lines[1] as Buffer).length },
        },
      });
    });

    it('where several processes appended at once', async () => {
      const file = newFile();
      const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file, chained)));
      await Promise.all(processes.map((process, n) => process.flood(`process${n}`, 4, 50, [20, 300])));
      expect(await verifyChronicle(file, { chain: true })).toMatchObject({ intact: true, events: 600 });
    });

    it('where writers were killed and others went on, but the lines that were torn', async () => {
      const file = newFile();
      for (let round = 0; round < 4; round++) {
        const processes = await Promise.all([1, 2].map(() => ChronicleProcess.open(file, chained)));
        await Promise.all(
          processes.map(async (process, n) => {
            const flood = process.flood(`round${round}.${n}`, 8, 200, [20, 40_000]).catch(() => {});
            await process.acknowledgements(5 + round * 7);
            await process.kill();
            await flood;
          }),
        );
      }
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({
        intact: true,
        breaks: { count: 0 },
      });
    });

    it('where the tail was torn, for every length that is left of the last line', async () => {
      const { file, lines } = await chainOf(2);
      const whole = readFileSync(file);
      const last = (lines[1] as Buffer).length;
      for (let cut = 1; cut < last; cut += 7) {
        writeFileSync(file, whole);
        truncateSync(file, whole.length - cut);
        await withChronicle(file, (chronicle) => chronicle.append({ after: cut }));
        expect((await verifyChronicle(file, { chain: true })).chain, `cut ${cut}`).toMatchObject({
          intact: true,
        });
      }
    });

    it('across rotation and restarts, and says if older files are gone', async () => {
      const file = newFile();
      const rotate = { maxBytes: 2000 };
      for (let n = 0; n < 6; n++) {
        await withChronicle(
          file,
          async (chronicle) => {
            for (let m = 0; m < 10; m++) await chronicle.append({ n, m });
          },
          { rotate },
        );
      }
      const found = await verifyChronicle(file, { chain: true });
      expect(found.chain).toMatchObject({ intact: true, complete: true, events: 60 });
      const link = await withChronicle(file, async (chronicle) => (await chronicle.head())?.link, {
        rotate: { ...rotate, keep: 2 },
      });
      await withChronicle(
        file,
        async (chronicle) => {
          for (let m = 0; m < 20; m++) await chronicle.append({ late: m });
        },
        { rotate: { ...rotate, keep: 2 } },
      );
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({
        intact: true,
        complete: false,
      });
      expect(link).toMatch(/^[0-9a-f]{64}$/);
    });

    it('where the file that is written is empty after a rotation by hand', async () => {
      const { file, link } = await chainOf(3);
      renameSync(file, `${file}.20200101T000000.000Z`);
      await withChronicle(file, async (chronicle) => {
        expect(await chronicle.head()).toEqual({ position: 0, link });
        await chronicle.append({ n: 'next' });
      });
      expect((await verifyChronicle(file, { expect: link })).chain).toMatchObject({
        intact: true,
        events: 4,
      });
    });
  });

  describe('goes on', () => {
    it('where each file has one event, and the one before it was removed as too old', async () => {
      const file = newFile();
      const rotate = { maxBytes: 300, keep: 1 };
      for (let n = 0; n < 5; n++) {
        await withChronicle(file, (chronicle) => chronicle.append({ n, fill: 'x'.repeat(100) }), { rotate });
      }
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({ intact: true, events: 2 });
    });

    it('through a link to the file, beside what was rotated there', async () => {
      const { file, link } = await chainOf(2);
      const name = newFile();
      symlinkSync(file, name);
      renameSync(file, `${file}.20200101T000000.000Z`);
      await withChronicle(name, (chronicle) => chronicle.append({ n: 'next' }));
      expect((await verifyChronicle(file, { expect: link })).chain).toMatchObject({
        intact: true,
        events: 3,
      });
    });

    it('after a line that is longer than this writer would take', async () => {
      const file = newFile();
      await withChronicle(file, (chronicle) => chronicle.append({ fill: 'x'.repeat(5000) }));
      await withChronicle(file, (chronicle) => chronicle.append({ n: 1 }), { maxLineBytes: 1000 });
      await withChronicle(file, (chronicle) => chronicle.append({ n: 2 }));
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({ intact: true, events: 3 });
    });

    it('after damage that looks like an event', async () => {
      const { file } = await chainOf(2);
      appendFileSync(file, '{oops}\n');
      await withChronicle(file, (chronicle) => chronicle.append({ n: 'next' }));
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({ intact: true, events: 3 });
    });

    it('beside directories with the names of rotated files', async () => {
      const { file } = await chainOf(2);
      mkdirSync(`${file}.20990101T000000.000Z`);
      truncateSync(file, 0);
      await withChronicle(file, (chronicle) => chronicle.append({ n: 'next' }));
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({ events: 1 });
      expect(await repairChronicle(fileWith('{"eventId":"a"}\n'))).not.toHaveProperty('chainRestart');
      truncateSync(file, 0);
      expect(await repairChronicle(file)).not.toHaveProperty('chainRestart');
    });
  });

  it('finds a rotated file that was taken out of the middle', async () => {
    const file = newFile();
    await withChronicle(
      file,
      async (chronicle) => {
        for (let n = 0; n < 40; n++) await chronicle.append({ n });
      },
      { rotate: { maxBytes: 2000 } },
    );
    const rotated = readdirSync(dirname(file))
      .filter((name) => name.endsWith('Z'))
      .sort();
    expect(rotated.length).toBeGreaterThan(2);
    renameSync(join(dirname(file), rotated[1] as string), join(dirname(file), 'away'));
    const next = join(dirname(file), rotated[2] as string);
    expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({
      intact: false,
      breaks: { count: 1, first: [{ path: next, offset: 0, reason: 'link' }] },
    });
  });

  describe('refuses, and says what to do', () => {
    const refused = (file: string, options: ChronicleOptions, error: object) =>
      expect(openChronicle(file, options)).rejects.toMatchObject(error);

    it('a writer without the option on a chained file, also one that had it open when it was empty', async () => {
      const file = newFile();
      await using early = await openChronicle(file);
      await chainOf(2, file);
      const error = {
        code: 'EVALIDATION',
        field: 'chain',
        message: expect.stringContaining('{ chain: true }'),
      };
      await refused(file, {}, error);
      await refused(file, { dedupe: false }, error);
      const before = readFileSync(file);
      await expect(early.append({ n: 'plain' })).rejects.toMatchObject(error);
      expect(readFileSync(file)).toEqual(before);
    });

    it('the same after a torn tail, and on a new file after a rotated one', async () => {
      const { file } = await chainOf(2);
      appendFileSync(file, '{"torn":{"a":1}');
      await refused(file, {}, { code: 'EVALIDATION', field: 'chain' });
      renameSync(file, `${file}.20200101T000000.000Z`);
      await refused(file, { rotate: { maxBytes: 1000 } }, { code: 'EVALIDATION', field: 'chain' });
    });

    it.each([
      ['that rotates', { rotate: { maxBytes: 1000 } }],
      ['that does not rotate', {}],
      ['that does not look for duplicates', { dedupe: false as const }],
    ])('the empty file after a rotation by somebody else, by a writer %s', async (_, options) => {
      const { file } = await chainOf(2);
      renameSync(file, `${file}.20200101T000000.000Z`);
      for (const content of ['', '\n', '{"torn']) {
        writeFileSync(file, content);
        await refused(file, options, { code: 'EVALIDATION', field: 'chain' });
        expect(readFileSync(file, 'utf8')).toBe(content);
      }
    });

    it('by a writer without the option whose file was rotated by others since it was opened', async () => {
      const file = newFile();
      await using early = await openChronicle(file);
      await chainOf(2, file);
      renameSync(file, `${file}.20200101T000000.000Z`);
      writeFileSync(file, '');
      await expect(early.append({ n: 'plain' })).rejects.toMatchObject({ field: 'chain' });
      expect(readFileSync(file, 'utf8')).toBe('');
    });

    it('a writer without the option that would rotate a chained file, before it does', async () => {
      const file = newFile();
      await using early = await openChronicle(file, { rotate: { maxBytes: 300, keep: 1 } });
      await chainOf(4, file);
      const before = readFileSync(file);
      await expect(early.append({ n: 'plain' })).rejects.toMatchObject({ field: 'chain' });
      expect(readFileSync(file)).toEqual(before);
      expect(readdirSync(dirname(file))).toEqual(['chronicle']);
    });

    it('the same after other line ends and lines that only look whole', async () => {
      const { file, lines } = await chainOf(2);
      const [first, second] = lines as [Buffer, Buffer];
      for (const end of ['\r\n', ' \n', '\nx}\n', '\n{"a":{"b":1}\n']) {
        writeFileSync(file, Buffer.concat([first, second.subarray(0, -1), Buffer.from(end)]));
        await refused(file, {}, { code: 'EVALIDATION', field: 'chain' });
      }
    });

    it('a chain on a file that has none', async () => {
      const file = fileWith('{"eventId":"a"}\n');
      await refused(file, chained, {
        code: 'EVALIDATION',
        field: 'chain',
        message: expect.stringContaining('new chronicle'),
      });
    });

    it('another idKey, computeId: false, a link as idKey, and a rotation that keeps nothing', async () => {
      const { file } = await chainOf(1);
      await refused(file, { ...chained, idKey: 'id' }, { code: 'EVALIDATION', field: 'idKey' });
      await refused(file, { ...chained, computeId: false }, { code: 'EVALIDATION', field: 'computeId' });
      await refused(file, { ...chained, idKey: 'chainLink' }, { code: 'EVALIDATION', field: 'idKey' });
      const rotate = { maxBytes: 1000, keep: 0 };
      await refused(file, { ...chained, rotate }, { code: 'EVALIDATION', field: 'rotate.keep' });
    });

    it('to append to a file whose last link is not that of its last event', async () => {
      const { file, lines } = await chainOf(3);
      const error = { code: 'ECHAIN', path: file, message: expect.stringContaining('verify') };
      const changed = Buffer.from((lines[2] as Buffer).toString().replace('"n":2', '"n":7'));
      for (const tampered of [lines.with(2, changed), [...lines, lines[1] as Buffer]]) {
        writeFileSync(file, Buffer.concat(tampered));
        await withChronicle(file, (chronicle) =>
          expect(chronicle.append({ n: 8 })).rejects.toMatchObject(error),
        );
        expect(readFileSync(file)).toEqual(Buffer.concat(tampered));
      }
    });

    it('an event that brings a link, with or without a chain', async () => {
      const { file, lines } = await chainOf(1);
      const event = JSON.parse(String(lines[0]));
      const error = { code: 'EVALIDATION', field: 'event.chainLink' };
      await withChronicle(file, (chronicle) => expect(chronicle.append(event)).rejects.toMatchObject(error));
      await withChronicle(newFile(), (chronicle) =>
        expect(chronicle.appendJson('{"chain\\u004cink":"x","a":1}')).rejects.toMatchObject({
          field: 'json.chainLink',
        }),
      );
      const plain = { chain: false };
      await withChronicle(
        newFile(),
        (chronicle) => expect(chronicle.append(event)).rejects.toMatchObject(error),
        plain,
      );
    });

    it('a head that is no link', async () => {
      const { file, link } = await chainOf(1);
      for (const bad of ['', link.toUpperCase(), link.slice(1), 7 as never]) {
        await expect(verifyChronicle(file, { expect: bad })).rejects.toMatchObject({
          code: 'EVALIDATION',
          field: 'expect',
        });
      }
      await expect(verifyChronicle(file, { chain: false, expect: link })).rejects.toMatchObject({
        field: 'chain',
      });
    });

    it('head() of a chronicle that was opened without a chain', async () => {
      const plain = { chain: false };
      await withChronicle(
        newFile(),
        (chronicle) => expect(chronicle.head()).rejects.toMatchObject({ field: 'chain' }),
        plain,
      );
    });
  });

  describe('repair', () => {
    it('begins a new chain with an event that names the old head, and leaves the old one to be seen', async () => {
      const { file, lines, link } = await chainOf(4);
      writeFileSync(file, Buffer.concat(lines.toSpliced(1, 1)));
      const { chainRestart } = await repairChronicle(file);
      expect(chainRestart).toMatchObject({ path: file, after: link });
      await withChronicle(file, (chronicle) => chronicle.append({ after: 'the restart' }));
      expect((await verifyChronicle(file, { chain: true })).chain).toMatchObject({
        intact: true,
        breaks: { count: 1, first: [{ offset: (lines[0] as Buffer).length }] },
        restarts: [chainRestart],
      });
      // The old head is no part of the new chain.
      expect((await verifyChronicle(file, { expect: link })).chain).toMatchObject({
        intact: false,
        expected: 'missing',
      });
    });

    it('lets writers go on after an event without a link was put at the end', async () => {
      const { file, link } = await chainOf(2);
      appendFileSync(file, '{"eventId":"foreign"}\n');
      await expect(openChronicle(file, chained)).rejects.toMatchObject({ field: 'chain' });
      expect((await repairChronicle(file)).chainRestart).toMatchObject({ after: link });
      await withChronicle(file, (chronicle) => chronicle.append({ n: 'next' }));
    });

    it('writes nothing to a chain that holds, or where there is none', async () => {
      const { file } = await chainOf(2);
      const before = readFileSync(file);
      expect(await repairChronicle(file)).not.toHaveProperty('chainRestart');
      expect(readFileSync(file)).toEqual(before);
      for (const event of ['{"eventId":"a"}', `{"chainLink":"${noLink}","eventId":"a"}`]) {
        expect(await repairChronicle(fileWith(`${event}\n`))).not.toHaveProperty('chainRestart');
      }
    });

    it('refuses another idKey than the chain has', async () => {
      const file = newFile();
      const own = { idKey: 'id' };
      await withChronicle(file, (chronicle) => chronicle.appendMany([{ id: '1' }, { id: '2' }]), own);
      writeFileSync(file, readFileSync(file, 'utf8').replace('"id":"1"', '"id":"9"'));
      await expect(repairChronicle(file)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'idKey' });
      await repairChronicle(file, own);
      await withChronicle(file, (chronicle) => chronicle.append({ id: '3' }), own);
    });

    it('finds the old head before many events without a link, and in a rotated file', async () => {
      const { file, link } = await chainOf(2);
      appendFileSync(file, '{"eventId":"foreign"}\n'.repeat(300));
      expect((await repairChronicle(file)).chainRestart).toMatchObject({ after: link });
      const other = await chainOf(3);
      writeFileSync(`${other.file}.20200101T000000.000Z`, Buffer.concat(other.lines.toSpliced(1, 1)));
      truncateSync(other.file, 0);
      expect((await repairChronicle(other.file)).chainRestart).toMatchObject({ after: other.link });
      await withChronicle(other.file, (chronicle) => chronicle.append({ n: 'next' }));
    });
  });

  it('holdfast verify --chain, --expect and holdfast head', async () => {
    const { file, link, lines } = await chainOf(3);
    expect(await run(['head', file])).toEqual({ code: 0, out: `${link}\n`, err: '' });
    expect(JSON.parse((await run(['head', '--json', file])).out)).toEqual({
      position: readFileSync(file).length,
      link,
    });
    expect(await run(['append', file], '{"n":3}\n')).toMatchObject({
      code: 2,
      err: expect.stringContaining('chain'),
    });
    expect(await run(['append', '--chain', file], '{"n":0,"text":"é\\u001f\\"\\\\"}\n')).toMatchObject({
      code: 0,
    });
    expect((await run(['verify', '--chain', file])).code).toBe(0);
    expect((await run(['verify', '--expect', link, file])).out).toContain('intact');
    expect((await run(['verify', file])).out).toContain('not checked');
    writeFileSync(file, Buffer.concat(lines.slice(0, 2)));
    const cut = await run(['verify', '--expect', link, file]);
    expect(cut).toMatchObject({ code: 1, out: expect.stringContaining('missing') });
    writeFileSync(file, Buffer.concat(lines.toSpliced(1, 1)));
    const removed = await run(['verify', '--chain', file]);
    expect(removed).toMatchObject({ code: 1, out: expect.stringContaining(`offset ${lines[0]?.length}`) });
    expect((await run(['repair', file])).out).toContain('new chain');
    expect((await run(['verify', '--chain', file])).out).toContain('begun anew');
    expect(await run(['head', fileWith('{"a":1}\n')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no chain'),
    });
  });
});
