/**
 * The path is replaced while the chronicle is open, as logrotate, editors and careless hands do: appends go
 * to the file that the path names now, and nothing goes to the orphan.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

// Longer than the new one, so that what is written over it makes the file shorter.
const old = { eventId: 'old', fill: 'x'.repeat(100) };
const oldLine = `${JSON.stringify(old)}\n`;
const newLine = '{"eventId":"new file"}\n';

/** Ways to replace a file; each says what the path then holds. */
const replacements: [string, (file: string) => string[]][] = [
  [
    'renamed over',
    (file) => {
      writeFileSync(`${file}.new`, newLine);
      renameSync(`${file}.new`, file);
      return ['new file'];
    },
  ],
  [
    'removed',
    (file) => {
      unlinkSync(file);
      return [];
    },
  ],
  [
    'removed with its directory',
    (file) => {
      rmSync(dirname(file), { recursive: true });
      return [];
    },
  ],
  [
    'renamed away, as logrotate does',
    (file) => {
      renameSync(file, `${file}.1`);
      return [];
    },
  ],
  [
    'renamed away, and a new one created, as logrotate does with `create`',
    (file) => {
      renameSync(file, `${file}.1`);
      writeFileSync(file, '');
      return [];
    },
  ],
  [
    'copied and truncated, as logrotate does with `copytruncate`',
    (file) => {
      copyFileSync(file, `${file}.1`);
      truncateSync(file, 0);
      return [];
    },
  ],
  [
    'overwritten in place with something shorter',
    (file) => {
      writeFileSync(file, newLine);
      return ['new file'];
    },
  ],
  [
    'copied, truncated and written again up to where it was before: neither its size nor its inode tells',
    (file) => {
      copyFileSync(file, `${file}.1`);
      const line = (fill: string) => `${JSON.stringify({ eventId: 'new file', fill })}\n`;
      writeFileSync(file, line('y'.repeat(oldLine.length - line('').length)));
      return ['new file'];
    },
  ],
  [
    'replaced by a symbolic link to another file',
    (file) => {
      writeFileSync(`${file}.target`, newLine);
      unlinkSync(file);
      symlinkSync(`${file}.target`, file);
      return ['new file'];
    },
  ],
];

function newFile(): string {
  const directory = join(temporaryDirectory(), 'directory');
  mkdirSync(directory);
  return join(directory, 'chronicle');
}

const idsOf = (file: string) => eventsOf(file).map(({ eventId }) => eventId);

describe.each(replacements)('the file is %s while the chronicle is open', (_, replace) => {
  it('the next append stands in the file that the path names now, and nothing in the orphan', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    await chronicle.append(old);
    const orphan = openSync(file, 'r');
    onTestFinished(() => closeSync(orphan));
    const before = replace(file);

    const { offset } = await chronicle.append({ eventId: 'next' });
    expect(idsOf(file)).toEqual([...before, 'next']);
    expect(eventsOf(file).at(-1)?.offset).toBe(offset);
    // Where it was overwritten in place there is no orphan.
    if (statSync(file).ino !== fstatSync(orphan).ino) expect(readFileSync(orphan, 'utf8')).toBe(oldLine);
    await chronicle.close();
  });

  it('deduplication is about the file that the path names now', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    await chronicle.append(old);
    const before = replace(file);
    // Gone with the old file, so it is new; what is in the new file is not.
    const results = await chronicle.appendMany([{ eventId: 'old' }, { eventId: 'new file' }]);
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, before.includes('new file')]);
    expect(idsOf(file).sort()).toEqual(['new file', 'old']);
    await chronicle.close();
  });

  it('also without deduplication', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file, { dedupe: false });
    await chronicle.append(old);
    const before = replace(file);
    const { offset } = await chronicle.append({ eventId: 'next' });
    expect(idsOf(file)).toEqual([...before, 'next']);
    expect(eventsOf(file).at(-1)?.offset).toBe(offset);
    await chronicle.close();
  });

  it('also for a reader of the same handle', async () => {
    const file = newFile();
    const chronicle = await openChronicle(file);
    await chronicle.append(old);
    const before = replace(file);
    await chronicle.append({ eventId: 'next' });
    const ids = (await chronicle.tail()).map(({ event }) => event.eventId);
    expect(ids).toEqual([...before, 'next']);
    await chronicle.close();
  });
});

describe('a file that is rotated under several processes', () => {
  it('every acknowledged event is in one of the files, once, and each file is whole', async () => {
    const file = newFile();
    const processes = await Promise.all([1, 2, 3].map(() => ChronicleProcess.open(file)));
    const floods = processes.map((process, index) => process.flood(`${index}`, 8, 40, [20, 3000]));
    const rotated: string[] = [];
    for (let rotation = 1; rotation <= 6; rotation++) {
      await Promise.all(processes.map((process) => process.acknowledgements(rotation * 40)));
      // That much may have been acknowledged before the last rotation, and nothing since.
      while (!existsSync(file)) await new Promise((resolve) => setImmediate(resolve));
      renameSync(file, `${file}.${rotation}`);
      rotated.push(`${file}.${rotation}`);
    }
    await Promise.all(floods);
    const ids = [...rotated, file].flatMap(idsOf);
    const acknowledged = processes.flatMap((process) => process.acknowledged.map(({ eventId }) => eventId));
    expect(acknowledged).toHaveLength(3 * 8 * 40);
    expect(ids.sort()).toEqual(acknowledged.sort());
  });

  it.skipIf(unwatchable)('is renamed away between its opening and its locking', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const process = await ChronicleProcess.open(file, {}, { env: calls.env });
    const locking = calls.hold('flock chronicle');
    const append = process.append({ eventId: 'late' });
    const lock = await locking;
    renameSync(file, `${file}.1`);
    lock.answer('go');
    await append;
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('');
    expect(idsOf(file)).toEqual(['late']);
  });

  it.skipIf(unwatchable)('is renamed away while a process waits for its lock', async () => {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    const options = { lockTimeout: 600_000 };
    const holder = await ChronicleProcess.open(file, options, { env: calls.env });
    const waiter = await ChronicleProcess.open(file, options, { env: calls.env });
    const writing = calls.hold('writev chronicle');
    const first = holder.append({ eventId: 'first' });
    const write = await writing;
    // The try that does not wait, and then the wait itself.
    const [tried, waits] = [calls.hold('flock chronicle'), calls.hold('flock chronicle')];
    const second = waiter.append({ eventId: 'second' });
    (await tried).answer('go');
    (await waits).answer('go');
    renameSync(file, `${file}.1`);
    write.answer('go');
    await Promise.all([first, second]);
    expect(idsOf(`${file}.1`)).toEqual(['first']);
    expect(idsOf(file)).toEqual(['second']);
  });
});

describe('A file that is truncated and has grown again to the same size', () => {
  it('is told apart by its last line, wherever in it the id stands', async () => {
    const file = newFile();
    const fill = 'x'.repeat(200);
    const ours = await openChronicle(file);
    const other = await openChronicle(file);
    for (let n = 0; n < 9; n++) await ours.append({ eventId: `a${n}`, fill });
    truncateSync(file, 0);
    for (let n = 0; n < 9; n++) await other.append({ eventId: `b${n}`, fill });
    expect(await ours.append({ eventId: 'b3', fill })).toMatchObject({ duplicate: true });
    expect(await ours.append({ eventId: 'a3', fill })).toMatchObject({ duplicate: false });
    await Promise.all([ours.close(), other.close()]);
  });
});
