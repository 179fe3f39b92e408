/** `verify()`: every line is looked at, every byte is counted, and nothing is changed. */
import { appendFileSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { lockSync, openChronicle, verifyChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { someoneWaitsFor } from '../support/blocking.js';
import { fileWith } from '../support/chronicle-file.js';
import { temporaryDirectory } from '../support/files.js';

const good = '{"a":1}\n';

describe('verify', () => {
  it('counts events, blank lines and every kind of damage, with offset, length and reason', async () => {
    const bad: [string | Uint8Array, string][] = [
      ['not json\n', 'json'],
      ['[1]\n', 'object'],
      [Buffer.from([0xff, 0xfe, 0x0a]), 'utf8'],
      ['\0\0\0\n', 'nul'],
      [`{"long":"${'x'.repeat(100)}"}\n`, 'long'],
      ['{"torn":', 'torn'],
    ];
    const parts = bad.flatMap(([line]) => [Buffer.from(good), Buffer.from(' \r\n'), Buffer.from(line)]);
    const file = fileWith(Buffer.concat(parts));
    let offset = 0;
    const first = bad.map(([line, reason]) => {
      offset += good.length + 3;
      const found = { path: file, offset, length: line.length, reason };
      offset += line.length;
      return found;
    });
    const verification = await verifyChronicle(file, { maxLineBytes: 50 });
    expect(verification).toEqual({
      path: file,
      intact: false,
      bytes: statSync(file).size,
      lines: 18,
      events: 6,
      blank: 6,
      corrupt: {
        lines: 6,
        bytes: bad.reduce((sum, [line]) => sum + line.length, 0),
        reasons: { json: 1, object: 1, utf8: 1, nul: 1, long: 1, torn: 1 },
        first,
      },
      duplicates: { count: 0, first: [] },
      wrongIds: { count: 0, first: [] },
    });
  });

  it('accounts for every byte of whatever is in a file', async () => {
    const fragment = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom('\n', '\r\n', good, '{"a":', '\0\0', '\ufeff', ' ').map((text) => Buffer.from(text)),
    );
    const file = fileWith('');
    await fc.assert(
      fc.asyncProperty(fc.array(fragment, { maxLength: 30 }), async (fragments) => {
        const content = Buffer.concat(fragments);
        writeFileSync(file, content);
        const { bytes, lines, events, blank, corrupt, intact } = await verifyChronicle(file);
        expect(bytes).toBe(content.length);
        expect(events + blank + corrupt.lines).toBe(lines);
        expect(intact).toBe(corrupt.lines === 0);
        expect(corrupt.first.reduce((sum, { length }) => sum + length, 0)).toBe(corrupt.bytes);
        expect(readFileSync(file)).toEqual(content);
      }),
      { numRuns: 300 },
    );
  });

  it('finds an empty file intact', async () => {
    const file = fileWith('');
    expect(await verifyChronicle(file)).toMatchObject({ intact: true, bytes: 0, lines: 0 });
  });

  it('finds ids that stand twice, whatever they are, and says where', async () => {
    const chronicle = await openChronicle(fileWith(''), { dedupe: false });
    const first = await chronicle.append({ n: 1 });
    const other = await chronicle.append({ n: 2, eventId: 'mine' });
    const second = await chronicle.append({ n: 1 });
    const third = await chronicle.append({ n: 3, eventId: 'mine' });
    expect(await chronicle.verify()).toMatchObject({
      intact: true,
      events: 4,
      duplicates: {
        count: 2,
        first: [
          { eventId: first.eventId, offset: second.offset, firstOffset: first.offset },
          { eventId: 'mine', offset: third.offset, firstOffset: other.offset },
        ],
      },
      wrongIds: { count: 0 },
    });
    await chronicle.close();
  });

  it('finds events that were changed after they got their id', async () => {
    const file = fileWith('');
    const chronicle = await openChronicle(file, { idKey: 'id' });
    const { eventId, offset } = await chronicle.append({ amount: 10, to: { name: 'Zoë', list: [1.5e300] } });
    await chronicle.append({ amount: 10, id: 'not computed' });
    expect(await chronicle.verify()).toMatchObject({ intact: true, wrongIds: { count: 0 } });
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"amount":10', '"amount":99'));
    const { wrongIds, ...rest } = await chronicle.verify();
    expect(rest).toMatchObject({ intact: false, events: 2, corrupt: { lines: 0 } });
    expect(wrongIds).toEqual({
      count: 1,
      first: [{ eventId, path: file, offset, computed: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
    expect(wrongIds.first[0]?.computed).not.toBe(eventId);
    expect(await chronicle.verify({ ids: false })).toMatchObject({ intact: true });
    await chronicle.close();
  });

  it('counts exactly, and lists no more than the first 100', async () => {
    const wrong = `{"eventId":"${'0'.repeat(64)}"}\n`;
    const file = fileWith(`x\n${wrong}`.repeat(250));
    const { corrupt, duplicates, wrongIds } = await verifyChronicle(file);
    expect(corrupt).toMatchObject({ lines: 250, bytes: 500 });
    expect(duplicates.count).toBe(249);
    expect(wrongIds.count).toBe(250);
    for (const { first } of [corrupt, duplicates, wrongIds]) expect(first).toHaveLength(100);
  });

  it('tells the duplicates of many ids apart from ids that are alike', async () => {
    const ids = Array.from({ length: 20_000 }, (_, number) => (number % 2 ? `${number}` : `0${number}`));
    const file = fileWith([...ids, ...ids.slice(0, 7)].map((id) => `{"eventId":"${id}"}\n`).join(''));
    const { duplicates } = await verifyChronicle(file);
    expect(duplicates.count).toBe(7);
    expect(duplicates.first.map(({ eventId }) => eventId)).toEqual(ids.slice(0, 7));
    expect(duplicates.first[1]).toMatchObject({ firstOffset: '{"eventId":"00"}\n'.length });
  });

  it('does not call a line torn that a writer is just writing', async () => {
    const file = fileWith(good);
    const writing = lockSync(file);
    appendFileSync(file, '{"half":');
    const verification = verifyChronicle(file);
    await someoneWaitsFor(file);
    appendFileSync(file, '"whole"}\n');
    writing.releaseSync();
    expect(await verification).toMatchObject({ intact: true, events: 2, lines: 2 });
  });

  it('does not wait longer than lockTimeout for that', async () => {
    const file = fileWith(`${good}{"half":`);
    const writing = lockSync(file);
    expect(await verifyChronicle(file, { lockTimeout: 0 })).toMatchObject({
      corrupt: { reasons: { torn: 1 } },
    });
    writing.releaseSync();
  });

  it('tells how far it has come, up to the end', async () => {
    const file = fileWith(good.repeat(200_000));
    const done: number[] = [];
    await verifyChronicle(file, {
      onProgress(progress) {
        expect(progress.total).toBe(statSync(file).size);
        done.push(progress.done);
      },
    });
    expect(done.length).toBeGreaterThan(1);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(statSync(file).size);
  });

  it('ends on abort, before and meanwhile, with its reason', async () => {
    const file = fileWith(good.repeat(200_000));
    const reason = new Error('enough');
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(verifyChronicle(file, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    await expect(verifyChronicle(file, { signal: controller.signal })).rejects.toBe(reason);
  });

  it.each([
    ['path', 1, {}],
    ['ids', 'file', { ids: 1 }],
    ['onProgress', 'file', { onProgress: 1 }],
    ['signal', 'file', { signal: 1 }],
    ['idKey', 'file', { idKey: '' }],
    ['options', 'file', 1],
  ])('refuses a bad %s', async (field, path, options) => {
    const error = { code: 'EVALIDATION', field };
    await expect(verifyChronicle(path as never, options as never)).rejects.toMatchObject(error);
  });

  it('rejects with EIO where there is no file, or a directory', async () => {
    const directory = temporaryDirectory();
    symlinkSync('nowhere', join(directory, 'link'));
    for (const [name, code] of [
      ['missing', 'ENOENT'],
      ['link', 'ENOENT'],
      ['.', 'EISDIR'],
    ] as const) {
      await expect(verifyChronicle(join(directory, name))).rejects.toMatchObject({
        code: 'EIO',
        cause: { code },
      });
    }
  });
});
