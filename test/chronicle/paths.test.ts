/**
 * Which file a path means, and what becomes of paths on which no chronicle can be: each is refused with the
 * code of the contract, and nothing is written.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  appendEvent,
  appendEventWithId,
  type FilePath,
  openChronicle,
  readChronicle,
  tailChronicle,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

const nobody = 65_534;
/** Why a test that needs a second user cannot run here. */
const oneUser = process.getuid?.() === 0 ? undefined : 'only root may become another user';

describe('one chronicle, whatever way leads to it', () => {
  /** Appends through `path` what is in the file already, and something new: both must reach `file`. */
  async function reaches(path: FilePath, file: string): Promise<void> {
    await appendEvent(file, { eventId: 'first' });
    expect(await appendEvent(path, { eventId: 'first' })).toMatchObject({ offset: 0, duplicate: true });
    const chronicle = await openChronicle(path);
    const { offset } = await chronicle.append({ eventId: 'second' });
    await chronicle.close();
    expect(eventsOf(file)).toEqual([
      { eventId: 'first', offset: 0 },
      { eventId: 'second', offset },
    ]);
    expect(await readChronicle(path)).toEqual(await readChronicle(file));
    expect(await tailChronicle(path, 1)).toEqual([{ eventId: 'second' }]);
  }

  it('a relative path', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    await reaches(relative(process.cwd(), file), file);
  });

  it('a file URL, with characters that URLs escape', async () => {
    const mark = process.platform === 'win32' ? '' : '?'; // which no name may hold there
    const file = join(temporaryDirectory(), `a chronicle${mark} 100 % ü #1`);
    await reaches(pathToFileURL(file), file);
  });

  it('a Buffer, absolute or relative', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    await reaches(Buffer.from(file), file);
    const other = join(temporaryDirectory(), 'chronicle');
    await reaches(Buffer.from(relative(process.cwd(), other)), other);
  });

  it.skipIf(process.platform !== 'linux')('a Buffer that is no UTF-8 (Linux: names are bytes)', async () => {
    const path = Buffer.concat([Buffer.from(`${temporaryDirectory()}/`), Buffer.from([0xff, 0xfe])]);
    await appendEvent(path, { eventId: 'first' });
    expect(readFileSync(path, 'utf8')).toBe('{"eventId":"first"}\n');
    expect(await readChronicle(path)).toEqual([{ eventId: 'first' }]);
  });

  it('a symbolic link to the file', async () => {
    const directory = temporaryDirectory();
    symlinkSync('chronicle', join(directory, 'link'));
    await reaches(join(directory, 'link'), join(directory, 'chronicle'));
  });

  it('a symbolic link to the file that is not there yet', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync('elsewhere/chronicle', join(directory, 'link'));
    await appendEvent(join(directory, 'link'), { eventId: 'first' });
    expect(eventsOf(join(directory, 'elsewhere/chronicle'))).toHaveLength(1);
  });

  it('a symbolic link to its directory', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    await reaches(join(directory, 'link/chronicle'), join(directory, 'real/chronicle'));
  });

  it('stays the same when the process goes to another directory later', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    const other = new ChronicleProcess();
    await other.ask('chdir', directory);
    expect(await other.ask('open', 'chronicle')).toBe(join(directory, 'chronicle'));
    await other.append({ eventId: 'first' });
    await other.ask('chdir', 'elsewhere');
    await other.append({ eventId: 'second' });
    expect(await other.append({ eventId: 'first' })).toMatchObject({ offset: 0, duplicate: true });
    expect(eventsOf(join(directory, 'chronicle'))).toHaveLength(2);
    expect(existsSync(join(directory, 'elsewhere/chronicle'))).toBe(false);
  });
});

describe('a relative path of bytes', () => {
  it('stays the same, too, when the process goes to another directory later', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    const program = new Program('relative-buffer', directory, 'chronicle', 'elsewhere');
    expect(await program.exited).toBe(0);
    expect(eventsOf(join(directory, 'chronicle'))).toHaveLength(1);
    expect(existsSync(join(directory, 'elsewhere/chronicle'))).toBe(false);
  });
});

describe('missing directories are made', () => {
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['openChronicle', async (path) => (await openChronicle(path)).close()],
    ['appendEvent', (path) => appendEvent(path, { number: 1 })],
    ['appendEventWithId', (path) => appendEventWithId(path, { number: 1 })],
  ])('%s', async (_, create) => {
    const file = join(temporaryDirectory(), 'a/b c/d', 'chronicle');
    await create(file);
    expect(existsSync(file)).toBe(true);
  });

  it('by several processes that open it at once', async () => {
    const file = join(temporaryDirectory(), 'a/b/c/d/e', 'chronicle');
    const processes = await Promise.all([1, 2, 3, 4].map(() => ChronicleProcess.open(file)));
    await Promise.all(processes.map((process, index) => process.append({ index })));
    expect(eventsOf(file)).toHaveLength(4);
  });

  it('but not by readers', async () => {
    const directory = temporaryDirectory();
    expect(await readChronicle(join(directory, 'a/chronicle'))).toEqual([]);
    expect(existsSync(join(directory, 'a'))).toBe(false);
  });
});

/** Windows says of what cannot be that it is not found. */
const isNotFound = process.platform === 'win32';

const everyFunction: [string, (path: FilePath) => Promise<unknown>][] = [
  ['openChronicle', (path) => openChronicle(path)],
  ['appendEvent', (path) => appendEvent(path, { number: 1 })],
  ['appendEventWithId', (path) => appendEventWithId(path, { number: 1 })],
  ['readChronicle', (path) => readChronicle(path)],
  ['tailChronicle', (path) => tailChronicle(path)],
];

describe.each(everyFunction)('a bad path is refused: %s', (_, call) => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 3],
    ['an object', { path: 'chronicle' }],
    ['empty', ''],
    ['an empty Buffer', Buffer.alloc(0)],
    ['a string with a NUL byte', '/tmp/a\0b'],
    ['a Buffer with a NUL byte', Buffer.from('/tmp/a\0b')],
    ['a URL with a NUL byte', new URL('file:///tmp/a%00b')],
    ['a URL of another kind', new URL('https://example.com/chronicle')],
    ['a URL with an escaped slash', new URL('file:///tmp/a%2Fb')],
  ])('%s: EVALIDATION', async (_, path) => {
    await expect(call(path as FilePath)).rejects.toMatchObject({
      name: 'HoldfastError',
      code: 'EVALIDATION',
      field: 'path',
    });
  });

  it('a directory: EIO, caused by EISDIR', async () => {
    const path = temporaryDirectory();
    const cause = { code: 'EISDIR', syscall: 'open', path };
    await expect(call(path)).rejects.toMatchObject({ code: 'EIO', path, cause });
  });

  it.skipIf(process.platform === 'win32')(
    'a FIFO or a device, without waiting: EIO, caused by EINVAL',
    async () => {
      const fifo = join(temporaryDirectory(), 'fifo');
      execFileSync('mkfifo', [fifo]);
      for (const path of [fifo, '/dev/null']) {
        await expect(call(path)).rejects.toMatchObject({ code: 'EIO', path, cause: { code: 'EINVAL' } });
      }
    },
  );

  it.skipIf(isNotFound)('a path through a file: EIO, caused by ENOTDIR', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'precious\n');
    const path = join(file, 'chronicle');
    await expect(call(path)).rejects.toMatchObject({ code: 'EIO', path, cause: { code: 'ENOTDIR' } });
    expect(readFileSync(file, 'utf8')).toBe('precious\n');
  });

  it('a symbolic link to itself: EIO, caused by ELOOP', async () => {
    const path = join(temporaryDirectory(), 'loop');
    symlinkSync('loop', path);
    await expect(call(path)).rejects.toMatchObject({ code: 'EIO', path, cause: { code: 'ELOOP' } });
  });

  it.skipIf(isNotFound)('a name that is too long: EIO, caused by ENAMETOOLONG', async () => {
    const path = join(temporaryDirectory(), 'x'.repeat(300));
    await expect(call(path)).rejects.toMatchObject({ code: 'EIO', path, cause: { code: 'ENAMETOOLONG' } });
  });
});

describe.skipIf(oneUser)('what belongs to another user is refused with EIO, caused by EACCES', () => {
  /** A directory that everybody may enter. */
  function openDirectory(): string {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    return directory;
  }

  async function asNobody(): Promise<ChronicleProcess> {
    const other = new ChronicleProcess();
    await other.ask('setuid', nobody);
    return other;
  }

  const denied = { code: 'EIO', cause: { code: 'EACCES' } };

  it('a file that may be read only', async () => {
    const file = join(openDirectory(), 'chronicle');
    writeFileSync(file, '{"eventId":"first"}\n', { mode: 0o644 });
    const other = await asNobody();
    await expect(other.ask('open', file)).rejects.toMatchObject({ ...denied, path: file });
    await expect(other.ask('appendEvent', file, { number: 1 })).rejects.toMatchObject(denied);
    expect(readFileSync(file, 'utf8')).toBe('{"eventId":"first"}\n');
    expect(await other.ask('readChronicle', file)).toEqual([{ eventId: 'first' }]);
  });

  it('a file that may not be read', async () => {
    const file = join(openDirectory(), 'chronicle');
    writeFileSync(file, '{"eventId":"first"}\n', { mode: 0o600 });
    await expect((await asNobody()).ask('readChronicle', file)).rejects.toMatchObject(denied);
  });

  it('a directory in which the file, or another directory, would have to be made', async () => {
    const directory = openDirectory();
    const other = await asNobody();
    for (const path of [join(directory, 'chronicle'), join(directory, 'a/b/chronicle')]) {
      await expect(other.ask('open', path)).rejects.toMatchObject({ ...denied, path });
      await expect(other.ask('appendEvent', path, { number: 1 })).rejects.toMatchObject({ ...denied, path });
    }
    expect(existsSync(join(directory, 'chronicle'))).toBe(false);
    expect(existsSync(join(directory, 'a'))).toBe(false);
  });

  it('but a file that is his is his, below a directory that he may not write to', async () => {
    const directory = openDirectory();
    const file = join(directory, 'chronicle');
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    const other = await asNobody();
    await other.ask('open', file);
    await other.append({ eventId: 'first' });
    expect(eventsOf(file)).toHaveLength(1);
  });
});
