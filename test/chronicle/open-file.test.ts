/**
 * What readers of a chronicle's file share: opening it, reading exact ranges of it, and telling whether it is
 * still the same.
 */
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { hasMark, markAt, markOf } from '../../dist/lib/engines/file/lines/mark.js';
import { OpenFile, openForReading, readAt } from '../../dist/lib/engines/file/lines/open-file.js';
import { descriptorsOf, temporaryDirectory } from '../support/files.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function fileWith(text: string): string {
  const path = join(temporaryDirectory(), 'chronicle');
  writeFileSync(path, text);
  return path;
}

async function opened(path: string): Promise<OpenFile> {
  const file = await openForReading(path);
  onTestFinished(() => file.close());
  return file;
}

describe.skipIf(process.platform !== 'linux')('openForReading', () => {
  it('closes a file that it cannot look at, and reports why it cannot', async () => {
    const path = fileWith('{}\n');
    const refusal = Object.assign(new Error('EIO: i/o error, fstat'), { code: 'EIO' });
    const stat = vi.spyOn(OpenFile.prototype, 'stat').mockRejectedValueOnce(refusal);
    onTestFinished(() => stat.mockRestore());
    await expect(openForReading(path)).rejects.toMatchObject({ code: 'EIO', cause: refusal });
    expect(descriptorsOf(path)).toBe(0);
  });

  it('closes a directory that it refuses', async () => {
    const path = temporaryDirectory();
    await expect(openForReading(path)).rejects.toMatchObject({ cause: { code: 'EISDIR' } });
    expect(descriptorsOf(path)).toBe(0);
  });
});

describe('readAt', () => {
  it('goes on after a read that gave less than was asked for', async () => {
    const file = await opened(fileWith('0123456789'));
    const read = file.read.bind(file) as (...args: unknown[]) => Promise<unknown>;
    const short = (buffer: Buffer, at: number, length: number, position: number) =>
      read(buffer, at, Math.min(length, 3), position);
    vi.spyOn(file, 'read').mockImplementation(short as never);
    expect((await readAt(file, 1, Buffer.alloc(8))).toString()).toBe('12345678');
  });

  it('returns less only at the end of the file', async () => {
    const file = await opened(fileWith('0123456789'));
    expect((await readAt(file, 7, Buffer.alloc(8))).toString()).toBe('789');
    expect(await readAt(file, 11, Buffer.alloc(8))).toHaveLength(0);
  });
});

describe('a mark', () => {
  const lines = Array.from({ length: 20 }, (_, number) => `{"number":${number}}\n`).join('');

  it('is the same from bytes that were read and from the file', async () => {
    const file = await opened(fileWith(lines));
    expect(await markAt(file, lines.length)).toEqual(markOf(Buffer.from(lines), lines.length));
    expect(await markAt(file, 5)).toEqual(markOf(Buffer.from(lines.slice(0, 5)), 5));
  });

  it('stays while the file grows', async () => {
    const path = fileWith(lines);
    const file = await opened(path);
    const mark = await markAt(file, lines.length);
    appendFileSync(path, lines);
    expect(await hasMark(file, mark)).toBe(true);
  });

  it('is gone when the file was truncated before it, and also when it was written again past it', async () => {
    const path = fileWith(lines);
    const file = await opened(path);
    const mark = await markAt(file, lines.length);
    truncateSync(path, lines.length - 1);
    expect(await hasMark(file, mark)).toBe(false);
    appendFileSync(path, `}${lines}`);
    expect(await hasMark(file, mark)).toBe(false);
  });

  it('without bytes tells by the size alone', async () => {
    const file = await opened(fileWith(lines));
    const bytes = Buffer.alloc(0);
    expect(await hasMark(file, { end: lines.length, bytes })).toBe(true);
    expect(await hasMark(file, { end: lines.length + 1, bytes })).toBe(false);
  });
});
