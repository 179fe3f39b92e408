/**
 * C9: a new file is acknowledged only after its directory, and every parent directory made for it, is synced.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

/** The directories whose entries lead to a/b/chronicle, where a and b are new. */
const directories = ['a/b', 'a', '.'];

async function watched() {
  const directory = temporaryDirectory();
  const calls = await SystemCalls.under(directory);
  return { directory, file: join(directory, 'a', 'b', 'chronicle'), calls };
}

function syncsIn(calls: readonly string[]): string[] {
  return calls.filter((call) => call.startsWith('fsync ')).map((call) => call.slice('fsync '.length));
}

describe.skipIf(unwatchable)('C9: a new file in new directories', () => {
  it('is synced with every directory that leads to it before the append is acknowledged', async () => {
    const { file, calls } = await watched();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    await process.append({ eventId: '1' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
    expect(calls.made).toContain('fdatasync a/b/chronicle');
    // An entry is synced when it is there: after the file was made.
    const opened = calls.made.indexOf('open a/b/chronicle');
    for (const directory of directories)
      expect(calls.made.indexOf(`fsync ${directory}`)).toBeGreaterThan(opened);
  });

  it.each(directories)('the append waits for the sync of %s', async (directory) => {
    const { file, calls } = await watched();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    const reached = calls.hold(`fsync ${directory}`);
    let acknowledged = false;
    const append = process.append({ eventId: '1' }).then(() => {
      acknowledged = true;
    });
    const sync = await reached;
    await process.ping();
    expect(acknowledged).toBe(false);
    sync.answer('go');
    await append;
  });

  it.each(directories)(
    'the append rejects where the sync of %s fails, and every later one too',
    async (directory) => {
      const { file, calls } = await watched();
      const process = await ChronicleProcess.open(file, {}, { env: calls.env });
      calls.answer(`fsync ${directory}`, { fail: 'EIO' }, true);
      for (const eventId of ['1', '1', '2']) {
        await expect(process.append({ eventId })).rejects.toMatchObject({
          code: 'EIO',
          cause: { code: 'EIO' },
        });
      }
    },
  );

  it('costs the syncs of directories once', async () => {
    const { file, calls } = await watched();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    await process.append({ eventId: '1' });
    const made = calls.made.length;
    await process.append({ eventId: '2' });
    expect(syncsIn(calls.made.slice(made))).toEqual([]);
  });

  it('appendEvent does the same', async () => {
    const { file, calls } = await watched();
    const process = new ChronicleProcess({ env: calls.env });
    await process.ask('appendEvent', file, { eventId: '1' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
  });
});

describe.skipIf(unwatchable)('C9: directories that somebody else made', () => {
  it('who died before they were synced', async () => {
    const { file, calls } = await watched();
    const unwatched = await ChronicleProcess.open(file);
    await unwatched.kill();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    await process.append({ eventId: '1' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
  });

  it("who wrote with durability 'none'", async () => {
    const { file, calls } = await watched();
    const careless = await ChronicleProcess.open(file, { durability: 'none' });
    await careless.append({ eventId: '1' });
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    await process.append({ eventId: '2' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
  });

  it("who wrote with durability 'none' what is now a duplicate", async () => {
    const { file, calls } = await watched();
    const careless = await ChronicleProcess.open(file, { durability: 'none' });
    await careless.append({ eventId: '1' });
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    expect(await process.append({ eventId: '1' })).toMatchObject({ duplicate: true });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
    expect(calls.made).toContain('fdatasync a/b/chronicle');
  });

  it('and through a symbolic link, the directory where the file really is', async () => {
    const { directory, calls } = await watched();
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    const process = await ChronicleProcess.open(
      join(directory, 'link', 'new', 'chronicle'),
      {},
      { env: calls.env },
    );
    await process.append({ eventId: '1' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(['real/new', 'real']));
  });

  it('of a link to the file, the directory where the file really is, also when another process has renamed it', async () => {
    const { directory, calls } = await watched();
    mkdirSync(join(directory, 'real'));
    writeFileSync(join(directory, 'real', 'chronicle'), '{"eventId":"older"}\n');
    symlinkSync('real/chronicle', join(directory, 'link'));
    const process = await ChronicleProcess.open(join(directory, 'link'), {}, { env: calls.env });
    const reached = calls.hold('fdatasync real/chronicle');
    const append = process.append({ eventId: '1' });
    const sync = await reached;
    renameSync(join(directory, 'real', 'chronicle'), join(directory, 'real', 'rotated'));
    sync.answer('go');
    await append;
    expect(syncsIn(calls.made)).toContain('real');
  });

  // Without an answer nobody knows which directory it is.
  it.each([
    ['realpath', 'a/b'],
    ['readlink', 'a/b/chronicle'],
  ])('the append rejects where %s of %s fails, and nothing is written', async (call, path) => {
    const { file, calls } = await watched();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    calls.answer(`${call} ${path}`, { fail: 'EIO' }, true);
    await expect(process.append({ eventId: '1' })).rejects.toMatchObject({
      code: 'EIO',
      outcomeUnknown: false,
      cause: { code: 'EIO', syscall: call },
    });
    expect(readFileSync(file, 'utf8')).toBe('');
    calls.letGo();
    await process.append({ eventId: '1' });
    expect(syncsIn(calls.made)).toEqual(expect.arrayContaining(directories));
  });
});

describe.skipIf(unwatchable)('C9: a file that takes the place of another', () => {
  const replacements: [string, (file: string) => void][] = [
    ['one that the append makes, because the other was removed', (file) => rmSync(file)],
    [
      'one that the append makes, with its directories',
      (file) => rmSync(join(file, '..', '..'), { recursive: true }),
    ],
    [
      'one that was renamed over it',
      (file) => {
        writeFileSync(`${file}.new`, '{"eventId":"other"}\n');
        renameSync(`${file}.new`, file);
      },
    ],
  ];

  it.each(replacements)('%s', async (_, replace) => {
    const { file, calls } = await watched();
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    await process.append({ eventId: '1' });
    replace(file);
    const parentIsNew = !existsSync(join(file, '..'));
    const made = calls.made.length;
    await process.append({ eventId: '2' });
    expect(syncsIn(calls.made.slice(made))).toEqual(
      expect.arrayContaining(parentIsNew ? directories : ['a/b']),
    );
  });
});
