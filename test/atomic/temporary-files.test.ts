/** Temporary files that a killed process has left are removed by the next one who makes one, and no other file is. */
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openChronicle, repairChronicle, writeFileAtomic } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const isRoot = process.getuid?.() === 0;
const name = (file: string, digits: string) => join(dirname(file), `.${basename(file)}.${digits}.tmp`);
const temporariesOf = (file: string) => readdirSync(dirname(file)).filter((one) => one.endsWith('.tmp'));

/** A process that is killed while it replaces the file. */
async function killedAt(step: string, file: string, call: (process: ChronicleProcess) => Promise<unknown>) {
  const calls = await SystemCalls.under(dirname(file));
  const doomed = new ChronicleProcess({ env: calls.env });
  await doomed.ping();
  const reached = new Promise<void>((resolve) => {
    calls.answerAll(({ name, path }) => {
      if (name !== step || !path.endsWith('.tmp')) return 'go';
      resolve();
      return new Promise(() => {});
    });
  });
  call(doomed).catch(() => {});
  await reached;
  return doomed;
}

describe.skipIf(unwatchable)('a temporary file', () => {
  // Before: 38 of 74 kills left one, for ever.
  it.each(['writev', 'fdatasync', 'rename'])(
    'of a process that was killed at %s is removed',
    async (step) => {
      const file = newFile();
      writeFileSync(file, 'old');
      const doomed = await killedAt(step, file, (process) => process.ask('writeFileAtomic', file, 'lost'));
      // As long as its maker lives, nobody removes it.
      await writeFileAtomic(file, 'new');
      expect(temporariesOf(file)).toHaveLength(1);
      await doomed.kill();
      await writeFileAtomic(`${file}.other`, 'not this one');
      expect(temporariesOf(file)).toHaveLength(1);
      await writeFileAtomic(file, 'newer');
      expect(readdirSync(dirname(file)).sort()).toEqual(['chronicle', 'chronicle.other']);
      expect(readFileSync(file, 'utf8')).toBe('newer');
    },
  );

  it('of a long name is recognised', async () => {
    const file = join(dirname(newFile()), `${'x'.repeat(199)}é${'y'.repeat(54)}`);
    const doomed = await killedAt('writev', file, (process) => process.ask('writeFileAtomic', file, 'lost'));
    await doomed.kill();
    expect(temporariesOf(file)).toHaveLength(1);
    await writeFileAtomic(file, 'new');
    expect(temporariesOf(file)).toHaveLength(0);
  });

  it('of a killed repair is removed by a rotation, and that of a rotation by a repair', async () => {
    const file = newFile();
    writeFileSync(file, '{"eventId":"a"}\nnot json\n');
    const repairing = await killedAt('writev', file, (process) => process.ask('repairChronicle', file));
    await repairing.kill();
    expect(temporariesOf(file)).toHaveLength(1);
    {
      await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1 }, onCorrupt: 'skip' });
      await chronicle.append({ eventId: 'b' });
    }
    expect(temporariesOf(file)).toHaveLength(0);
    writeFileSync(file, '{"eventId":"c"}\nnot json\n');
    const rotating = await killedAt('fchmod', file, async (process) => {
      await process.ask('open', file, { rotate: { maxBytes: 1 } });
      await process.append({ eventId: 'd' });
    });
    await rotating.kill();
    expect(temporariesOf(file)).toHaveLength(1);
    await repairChronicle(file);
    expect(temporariesOf(file)).toHaveLength(0);
  });
});

describe.skipIf(process.platform === 'win32')('S2: what is only called like a temporary file', () => {
  it.each<[string, string, (path: string) => void]>([
    ['a directory', 'a'.repeat(24), (path) => mkdirSync(path)],
    ['a link', 'a'.repeat(24), (path) => symlinkSync('/dev/null', path)],
    [
      'a file with another name',
      'a'.repeat(24),
      (path) => {
        writeFileSync(`${path}.other`, '');
        linkSync(`${path}.other`, path);
      },
    ],
    ['other digits', 'A'.repeat(24), (path) => writeFileSync(path, '')],
    ['fewer digits', 'a'.repeat(23), (path) => writeFileSync(path, '')],
    ['more digits', 'a'.repeat(25), (path) => writeFileSync(path, '')],
  ])('%s stays', async (_, digits, make) => {
    const file = newFile();
    make(name(file, digits));
    const before = readdirSync(dirname(file));
    await writeFileAtomic(file, 'new');
    expect(readdirSync(dirname(file)).sort()).toEqual([...before, 'chronicle'].sort());
  });

  it.runIf(isRoot)('a file of another user stays', async () => {
    const file = newFile();
    chmodSync(dirname(file), 0o777);
    const theirs = name(file, 'a'.repeat(24));
    writeFileSync(theirs, '');
    chownSync(theirs, 65534, 65534);
    await writeFileAtomic(file, 'new');
    expect(temporariesOf(file)).toEqual([basename(theirs)]);
  });
});
