/** `writeFileAtomic`: the file is replaced whole, durably, or not at all. */
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type AtomicData, repairChronicle, writeFileAtomic } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { mountOver, mountReadOnly, mountTmpfs, unmountable } from '../support/mounts.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const isRoot = process.getuid?.() === 0;

function oldFile(): { directory: string; file: string } {
  const directory = temporaryDirectory();
  const file = join(directory, 'file');
  writeFileSync(file, 'old');
  return { directory, file };
}

describe('what is written', () => {
  async function* later(pieces: (string | Uint8Array)[]) {
    for (const piece of pieces) {
      await new Promise((resolve) => setImmediate(resolve));
      yield piece;
    }
  }
  const large = 'é'.repeat(400_000);
  it.each<[string, () => AtomicData, string]>([
    ['a string', () => 'naïve ✓', 'naïve ✓'],
    ['an empty string', () => '', ''],
    ['a Buffer', () => Buffer.from('bytes'), 'bytes'],
    ['a Uint8Array', () => new Uint8Array([97, 98]), 'ab'],
    ['an array', () => ['a', Buffer.from('b'), 'c'], 'abc'],
    ['an async generator', () => later(['a', Buffer.from('b'), large, 'c']), `ab${large}c`],
    ['a stream', () => Readable.from(['a', 'b']), 'ab'],
  ])('%s', async (_, data, expected) => {
    const { directory, file } = oldFile();
    await writeFileAtomic(file, data());
    expect(readFileSync(file, 'utf8')).toBe(expected);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('pieces in a buffer that is filled again for each of them', async () => {
    const { file } = oldFile();
    const buffer = Buffer.alloc(2);
    function* pieces() {
      for (let number = 10; number < 100; number++) {
        buffer.write(String(number));
        yield buffer;
      }
    }
    await writeFileAtomic(file, pieces());
    expect(readFileSync(file, 'utf8')).toBe(Array.from({ length: 90 }, (_, index) => index + 10).join(''));
  });

  it('to paths of all kinds: bytes, URLs, and names as long as they may be', async () => {
    const directory = temporaryDirectory();
    const long = join(directory, `${'x'.repeat(199)}é${'y'.repeat(54)}`);
    await writeFileAtomic(Buffer.from(long), 'long');
    await writeFileAtomic(pathToFileURL(join(directory, 'with space')), 'url');
    expect(readFileSync(long, 'utf8')).toBe('long');
    expect(readFileSync(join(directory, 'with space'), 'utf8')).toBe('url');
    expect(readdirSync(directory)).toHaveLength(2);
  });

  it('in directories that are missing, only where that is asked for', async () => {
    const file = join(temporaryDirectory(), 'a', 'b', 'file');
    await expect(writeFileAtomic(file, 'x')).rejects.toMatchObject({
      code: 'EIO',
      path: file,
      cause: { code: 'ENOENT' },
    });
    await writeFileAtomic(file, 'x', { parents: true });
    await writeFileAtomic(file, 'y', { parents: true });
    expect(readFileSync(file, 'utf8')).toBe('y');
  });

  it('of several calls for one path, the last one wins, and each is whole', async () => {
    const { directory, file } = oldFile();
    const contents = Array.from({ length: 30 }, (_, number) => String(number).repeat(10_000));
    const calls = contents.map((content, number) =>
      writeFileAtomic(number % 2 ? file : Buffer.from(file), content, { durability: 'none' }),
    );
    const failing = writeFileAtomic(file, [1] as never);
    calls.push(writeFileAtomic(file, 'last'));
    await expect(failing).rejects.toMatchObject({ code: 'EVALIDATION', field: 'data[0]' });
    await Promise.all(calls);
    expect(readFileSync(file, 'utf8')).toBe('last');
    expect(readdirSync(directory)).toEqual(['file']);
  });
});

describe('the file that is replaced', () => {
  it.skipIf(process.platform === 'win32')(
    'passes its mode on; `mode` and the umask are for new files',
    async () => {
      const { directory, file } = oldFile();
      chmodSync(file, 0o751);
      await writeFileAtomic(file, 'new', { mode: 0o600 });
      expect(statSync(file).mode & 0o7777).toBe(0o751);
      const fresh = join(directory, 'fresh');
      await writeFileAtomic(fresh, 'new', { mode: 0o640 });
      expect(statSync(fresh).mode & 0o777).toBe(0o640 & ~process.umask());
      await writeFileAtomic(join(directory, 'default'), 'new');
      expect(statSync(join(directory, 'default')).mode & 0o777).toBe(0o666 & ~process.umask());
    },
  );

  it.runIf(isRoot)('passes its owner on', async () => {
    const { file } = oldFile();
    chownSync(file, 1234, 2345);
    chmodSync(file, 0o755);
    await writeFileAtomic(file, 'new');
    expect(statSync(file)).toMatchObject({ uid: 1234, gid: 2345 });
    expect(statSync(file).mode & 0o7777).toBe(0o755);
  });

  it.runIf(isRoot)('opens itself to nobody where this user cannot keep the owner', async () => {
    const { directory, file } = oldFile();
    chownSync(file, 1234, 2345);
    chmodSync(file, 0o6754);
    chmodSync(directory, 0o777);
    const other = new ChronicleProcess();
    await other.ask('setuid', 3456);
    await other.ask('writeFileAtomic', file, 'new');
    // The group stays root's, which the old file did not belong to: it may do what everybody may.
    expect(statSync(file)).toMatchObject({ uid: 3456, gid: 0 });
    expect(statSync(file).mode & 0o7777).toBe(0o744);
  });

  it('leaves a symbolic link a link, and replaces what it names, through several of them', async () => {
    const { directory, file } = oldFile();
    mkdirSync(join(directory, 'links'));
    const link = join(directory, 'links', 'link');
    symlinkSync('../second', link);
    symlinkSync('file', join(directory, 'second'));
    await writeFileAtomic(link, 'new');
    expect(readlinkSync(link)).toBe('../second');
    expect(lstatSync(file).isFile()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(directory).sort()).toEqual(['file', 'links', 'second']);
    expect(readdirSync(join(directory, 'links'))).toEqual(['link']);
  });

  it('is made where a symbolic link names none yet', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'links'));
    symlinkSync('../second', join(directory, 'links', 'link'));
    symlinkSync(join(directory, 'file'), join(directory, 'second'));
    await writeFileAtomic(join(directory, 'links', 'link'), 'new');
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('new');
    expect(lstatSync(join(directory, 'second')).isSymbolicLink()).toBe(true);
  });

  it('keeps its content under its other hard links, and for those who have it open', async () => {
    const { directory, file } = oldFile();
    linkSync(file, join(directory, 'other'));
    await writeFileAtomic(file, 'new');
    expect(readFileSync(join(directory, 'other'), 'utf8')).toBe('old');
  });

  it('is refused where it is a directory, a FIFO or a loop of links', async () => {
    const { directory } = oldFile();
    symlinkSync('loop', join(directory, 'loop'));
    const refusal = (code: string) => ({ code: 'EIO', cause: { code } });
    await expect(writeFileAtomic(directory, 'x')).rejects.toMatchObject(refusal('EISDIR'));
    await expect(writeFileAtomic('/dev/null', 'x')).rejects.toMatchObject(refusal('EINVAL'));
    await expect(writeFileAtomic(join(directory, 'loop'), 'x')).rejects.toMatchObject(refusal('ELOOP'));
  });
});

describe('a failure leaves the old file whole and no temporary file', () => {
  async function expectOld(directory: string, file: string, failing: Promise<void>, error: object) {
    await expect(failing).rejects.toMatchObject(error);
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
  }

  it('of the iterable, whose error is thrown as it is', async () => {
    const { directory, file } = oldFile();
    const failure = new RangeError('of the caller');
    async function* failing() {
      yield 'x'.repeat(1_000_000);
      throw failure;
    }
    await expect(writeFileAtomic(file, failing())).rejects.toBe(failure);
    await expectOld(directory, file, writeFileAtomic(file, ['a', {}] as never), { field: 'data[1]' });
  });

  it('of an abort, before and meanwhile, with its reason', async () => {
    const { directory, file } = oldFile();
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(writeFileAtomic(file, 'new', { signal })).rejects.toBe(reason);
    const controller = new AbortController();
    async function* aborting() {
      yield 'x';
      controller.abort(reason);
      yield 'y';
    }
    const aborted = writeFileAtomic(file, aborting(), { signal: controller.signal });
    await expectOld(directory, file, aborted, { message: reason.message });
  });

  it.skipIf(unmountable)('of a full file system', async () => {
    const directory = mountTmpfs(64 * 4096);
    const file = join(directory, 'file');
    writeFileSync(file, 'old');
    await expectOld(directory, file, writeFileAtomic(file, 'x'.repeat(1_000_000)), {
      code: 'EIO',
      outcomeUnknown: false,
      path: file,
      cause: { code: 'ENOSPC' },
    });
  });

  it.skipIf(unmountable)('of a file system that is mounted read-only', async () => {
    const { directory, file } = oldFile();
    const failing = writeFileAtomic(join(mountReadOnly(directory), 'file'), 'new');
    await expectOld(directory, file, failing, { code: 'EIO', cause: { code: 'EROFS' } });
  });

  it.skipIf(unmountable)('of a file that is a mount point, and says so', async () => {
    const { directory, file } = oldFile();
    mountOver(file);
    const error = {
      code: 'EIO',
      path: file,
      message: expect.stringMatching(/cannot be replaced, because it is a mount point.*mount the directory/),
      cause: { code: 'EBUSY', syscall: 'rename', path: file },
    };
    await expectOld(directory, file, writeFileAtomic(file, 'new'), error);
    const link = join(temporaryDirectory(), 'link');
    symlinkSync(file, link);
    await expectOld(directory, file, writeFileAtomic(link, 'new'), { ...error, path: link });
  });

  it.skipIf(unmountable)('of the repair of a chronicle that is a mount point', async () => {
    const { directory, file } = oldFile();
    mountOver(file);
    await expect(repairChronicle(file, { force: true })).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('it is a mount point'),
      cause: { code: 'EBUSY' },
    });
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.runIf(isRoot)('of a directory that this user may not write to', async () => {
    const { directory, file } = oldFile();
    chmodSync(directory, 0o755);
    const other = new ChronicleProcess();
    await other.ask('setuid', 3456);
    const failing = other.ask<void>('writeFileAtomic', file, 'new');
    await expectOld(directory, file, failing, { code: 'EIO', cause: { code: 'EACCES' } });
  });

  it.each([
    ['path', [''], {}],
    ['path', [17], {}],
    ['data', ['file', 17], {}],
    ['data', ['file', null], {}],
    ['mode', ['file', 'x'], { mode: 0o10000 }],
    ['mode', ['file', 'x'], { mode: '644' }],
    ['durability', ['file', 'x'], { durability: true }],
    ['parents', ['file', 'x'], { parents: 1 }],
    ['signal', ['file', 'x'], { signal: {} }],
    ['options', ['file', 'x'], 'utf8'],
  ])('of a bad argument: %s', async (field, [path, data = 'x'], options) => {
    const error = { code: 'EVALIDATION', field };
    await expect(writeFileAtomic(path as never, data as never, options as never)).rejects.toMatchObject(
      error,
    );
  });

  it('of process.exit() in the middle', async () => {
    const { directory, file } = oldFile();
    const program = new ChronicleProcess();
    await program.ask('exitInTheMiddleOf', file);
    await program.ended;
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
  });
});

it('a worker that is terminated in the middle leaves the old file and no temporary one', async () => {
  const { directory, file } = oldFile();
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    async function* pieces() {
      yield 'x'.repeat(1_000_000);
      parentPort.postMessage('in the middle');
      await new Promise(() => {});
    }
    require(workerData.library).writeFileAtomic(workerData.file, pieces());
    setInterval(() => {}, 1000);`;
  const library = fileURLToPath(import.meta.resolve('holdfast'));
  const worker = new Worker(program, { eval: true, workerData: { library, file } });
  await once(worker, 'message');
  expect(readdirSync(directory)).toHaveLength(2);
  await worker.terminate();
  expect(readFileSync(file, 'utf8')).toBe('old');
  expect(readdirSync(directory)).toEqual(['file']);
});

describe.skipIf(unwatchable)('the system calls', () => {
  async function watched(existing = true) {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    if (existing) {
      writeFileSync(file, 'old');
      chmodSync(file, 0o640);
    }
    const calls = await SystemCalls.under(directory);
    const program = new ChronicleProcess({ env: calls.env });
    return { directory, file, calls, program };
  }

  /** The calls that count, with the random part of the temporary name taken out. */
  function relevant(made: readonly string[]): string[] {
    return made
      .filter((call) => /^(writev|fsync|fdatasync|rename|fchmod) /.test(call))
      .map((call) => call.replace(/\.file\.[0-9a-f]{24}\.tmp/, 'temporary'));
  }

  it('write, sync, rename and sync the directory, in this order', async () => {
    const { file, calls, program } = await watched();
    await program.ask('writeFileAtomic', file, 'new');
    expect(relevant(calls.made)).toEqual([
      'fchmod temporary',
      'writev temporary',
      'fdatasync temporary',
      'rename temporary',
      'fsync .',
    ]);
  });

  it('sync the directories above a new file as well (C9)', async () => {
    const { directory, calls, program } = await watched(false);
    await program.ask('writeFileAtomic', join(directory, 'a/b/file'), 'new', { parents: true });
    const made = relevant(calls.made);
    expect(made.slice(made.indexOf('rename a/b/temporary'))).toEqual([
      'rename a/b/temporary',
      'fsync a/b',
      'fsync a',
      'fsync .',
    ]);
  });

  it.each([
    ['full', ['fsync temporary', 'fsync .']],
    ['none', []],
  ])('sync as far as durability %s asks for', async (durability, expected) => {
    const { file, calls, program } = await watched();
    await program.ask('writeFileAtomic', file, 'new', { durability });
    expect(relevant(calls.made).filter((call) => call.includes('sync'))).toEqual(expected);
  });

  const before = ['open', 'fchmod', 'writev', 'fdatasync', 'rename'] as const;

  it.each(before)('leave the old file whole and no temporary one where %s fails', async (call) => {
    const { directory, file, calls, program } = await watched();
    calls.answer(call, { fail: 'EIO' });
    await expect(program.ask('writeFileAtomic', file, 'new')).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: false,
      path: file,
      cause: { code: 'EIO' },
    });
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
    await program.ask('writeFileAtomic', file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  it.each(['EPERM', 'ENOTSUP'] as const)(
    'need not change a mode that is right, where that is %s; else the error names the file',
    async (refusal) => {
      const { directory, file, calls, program } = await watched();
      calls.answer('fchmod', { fail: refusal }, true);
      await expect(program.ask('writeFileAtomic', file, 'new')).rejects.toMatchObject({
        code: 'EIO',
        path: file,
        message: expect.stringContaining(file),
        cause: { code: refusal, syscall: 'fchmod', path: file },
      });
      expect(readFileSync(file, 'utf8')).toBe('old');
      chmodSync(file, 0o600);
      await program.ask('writeFileAtomic', file, 'new');
      await program.ask('writeFileAtomic', join(directory, 'fresh'), 'new');
      expect(readFileSync(file, 'utf8')).toBe('new');
      expect(readdirSync(directory).sort()).toEqual(['file', 'fresh']);
    },
  );

  it.each([...(isRoot ? ['fchown'] : []), 'writev', 'fdatasync'])(
    'name the file also where %s of an open one fails',
    async (call) => {
      const { file, calls, program } = await watched();
      if (call === 'fchown') chownSync(file, 1234, 2345);
      calls.answer(call, { fail: 'EIO' });
      await expect(program.ask('writeFileAtomic', file, 'new')).rejects.toMatchObject({
        code: 'EIO',
        path: file,
        message: expect.stringContaining(file),
        cause: { code: 'EIO', path: file },
      });
    },
  );

  it('are reported as "outcome unknown" where the directory cannot be synced', async () => {
    const { directory, file, calls, program } = await watched();
    calls.answer('fsync .', { fail: 'EIO' });
    await expect(program.ask('writeFileAtomic', file, 'new')).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: true,
      cause: { code: 'EIO', syscall: 'fsync' },
    });
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('are reported as "outcome unknown" where the close of the new file fails', async () => {
    const { directory, file, calls, program } = await watched();
    let renamed = false;
    calls.answerAll(({ name }) => {
      renamed ||= name === 'rename';
      return renamed && name === 'close' ? { fail: 'EIO' } : 'go';
    });
    await expect(program.ask('writeFileAtomic', file, 'new', { durability: 'none' })).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: true,
      cause: { code: 'EIO', syscall: 'close', path: file },
    });
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it.each(['none', 'data'])(
    'of a file that was replaced meanwhile give the rights of the one that is there: %s',
    async (durability) => {
      const { directory, file, calls, program } = await watched();
      const held = calls.hold('writev');
      const written = program.ask('writeFileAtomic', file, 'new', { durability });
      const write = await held;
      const other = join(directory, 'other');
      writeFileSync(other, 'of another one');
      chmodSync(other, 0o604);
      renameSync(other, file);
      write.answer('go');
      await written;
      expect(readFileSync(file, 'utf8')).toBe('new');
      expect(statSync(file).mode & 0o777).toBe(0o604);
      const syncs = calls.made.filter((call) => call.startsWith('fdatasync')).length;
      expect(syncs).toBe(durability === 'none' ? 0 : 2);
    },
  );

  it.each([...before, 'fsync'])('leave the old file or the new one to a SIGKILL at %s', async (call) => {
    const { file, calls, program } = await watched();
    const held = calls.hold(call);
    program.ask('writeFileAtomic', file, 'new').catch(() => {});
    await held;
    await program.kill();
    expect(readFileSync(file, 'utf8')).toBe(call === 'fsync' ? 'new' : 'old');
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it.each(['fdatasync', 'fsync'])('do not stop the event loop while %s lasts', async (call) => {
    const { file, calls, program } = await watched();
    const held = calls.hold(call);
    const written = program.ask('writeFileAtomic', file, 'new');
    const sync = await held;
    await program.ping();
    sync.answer('go');
    await written;
    expect(existsSync(file)).toBe(true);
  });
});
