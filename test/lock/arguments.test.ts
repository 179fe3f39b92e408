/** Bad input: a clear error that names the argument, and nothing is created. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock, lockSync, tryLock, withLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { literally } from '../support/messages.js';

describe('bad input of lock()', () => {
  const wrong: [string, object, string][] = [
    ['a negative timeout', { timeout: -1 }, 'timeout'],
    ['a timeout that is NaN', { timeout: Number.NaN }, 'timeout'],
    ['a timeout that is a string', { timeout: '5' }, 'timeout'],
    ['an unknown mode', { mode: 'write' }, 'mode'],
    ['an unknown kind', { kind: 'posix' }, 'kind'],
    ['create that is no boolean', { create: 1 }, 'create'],
    ['a signal that is none', { signal: {} }, 'signal'],
    ['a range with flock', { range: { start: 0 } }, 'range'],
    ['a range that is a number', { kind: 'fcntl', range: 5 }, 'range'],
    ['a negative start', { kind: 'fcntl', range: { start: -1 } }, 'range.start'],
    ['a fractional start', { kind: 'fcntl', range: { start: 0.5 } }, 'range.start'],
    ['a start beyond 2^63', { kind: 'fcntl', range: { start: 2n ** 63n } }, 'range.start'],
    ['a negative length', { kind: 'fcntl', range: { length: -1n } }, 'range.length'],
    ['a length that is Infinity', { kind: 'fcntl', range: { length: Infinity } }, 'range.length'],
    [
      'a range that ends beyond 2^63',
      { kind: 'fcntl', range: { start: 2n ** 62n, length: 2n ** 62n } },
      'range',
    ],
    ['options that are a number', 5 as unknown as object, 'options'],
  ];
  it.each(wrong)('%s is EVALIDATION', async (_, options, field) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const failure = { code: 'EVALIDATION', field, message: expect.stringContaining(`${field}: `) };
    await expect(lock(file, options as LockOptions)).rejects.toMatchObject(failure);
    expect(() => lockSync(file, options as LockOptions)).toThrow(
      expect.objectContaining({ code: 'EVALIDATION' }),
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['an empty path', ''],
    ['a NUL byte', '/tmp/a\0b'],
    ['a NUL byte in a Buffer', Buffer.from('/tmp/a\0b')],
    ['a URL that is no file', new URL('https://example.org/a')],
    ['null', null as unknown as string],
    ['a negative descriptor', -1],
    ['a fractional descriptor', 1.5],
  ])('%s as the file is EVALIDATION', async (_, file) => {
    const failure = { code: 'EVALIDATION', field: 'file' };
    await expect(lock(file)).rejects.toMatchObject(failure);
    await expect(tryLock(file)).rejects.toMatchObject(failure);
    await expect(withLock(file, () => {})).rejects.toMatchObject(failure);
  });

  it('no function for withLock is EVALIDATION, and takes no lock', async () => {
    const file = join(temporaryDirectory(), 'file');
    await expect(withLock(file, undefined as unknown as () => void)).rejects.toMatchObject({ field: 'body' });
    expect(existsSync(file)).toBe(false);
  });

  it('takes paths of any length, whatever their characters are', async () => {
    const directory = temporaryDirectory();
    for (const character of ['x', 'é', '日', '🎉']) {
      for (let shift = 0; shift < 4; shift++) {
        const deep = join(directory, ...Array.from({ length: 5 }, () => character.repeat(50)));
        mkdirSync(deep, { recursive: true });
        const file = join(deep, 's'.repeat(shift + 1));
        (await lock(file)).releaseSync();
        expect(existsSync(file)).toBe(true);
      }
    }
  });

  it("keeps the system's own codes", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'directory'));
    writeFileSync(join(directory, 'file'), '');
    const error = (code: string, path: string) => ({
      code,
      path,
      syscall: 'open',
      errno: expect.any(Number),
      message: expect.stringMatching(new RegExp(`^${code}: .*, open '${literally(path)}'$`)),
    });
    const missing = join(directory, 'missing', 'file');
    await expect(lock(missing)).rejects.toMatchObject(error('ENOENT', missing));
    expect(existsSync(join(directory, 'missing'))).toBe(false);
    const absent = join(directory, 'absent');
    await expect(lock(absent, { create: false })).rejects.toMatchObject(error('ENOENT', absent));
    const inside = join(directory, 'file', 'inside');
    await expect(lock(inside)).rejects.toMatchObject(
      error(process.platform === 'win32' ? 'ENOENT' : 'ENOTDIR', inside),
    );
    const folder = join(directory, 'directory');
    // A directory can be locked, but not opened for writing, which this kind asks for.
    await expect(lock(folder, { kind: 'fcntl' })).rejects.toMatchObject(error('EISDIR', folder));
    expect(() => lockSync(folder, { kind: 'fcntl' })).toThrow(
      expect.objectContaining(error('EISDIR', folder)),
    );
  });
});
