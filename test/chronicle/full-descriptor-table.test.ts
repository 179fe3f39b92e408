/**
 * A descriptor table that is full for a moment: what a commit needs is had before it writes, so an append or a replacement
 * is done or leaves everything as it was, and the next one succeeds.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChronicleOptions } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf, filesOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const failed = { code: 'EIO', outcomeUnknown: false, cause: { code: 'EMFILE' } };

const idsOf = (file: string) =>
  filesOf(file).flatMap((each) => eventsOf(each).map(({ eventId }) => eventId as string));

describe.skipIf(process.platform === 'win32')('Few descriptors are left', () => {
  /** Room for what Node needs to start, and few enough that they are soon used up. */
  const launch = { prelude: 'ulimit -n 128' };
  /** More than any of these calls needs. */
  const plenty = 8;

  /** Calls with no descriptor left, then with one, and so on; of each, whether it failed. */
  async function withFewDescriptors(process: ChronicleProcess, call: (left: number) => Promise<unknown>) {
    const failures: boolean[] = [];
    for (let left = 0; left <= plenty; left++) {
      await process.ask('fillDescriptors', left);
      const error = await call(left).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await process.ask('freeDescriptors');
      if (error !== undefined) expect(error).toMatchObject(failed);
      failures.push(error !== undefined);
    }
    return failures;
  }

  it.each<[what: string, old: string | undefined]>([
    ['a file that is there', 'old'],
    ['a new file', undefined],
  ])('writeFileAtomic replaces %s or not, and leaves nothing', async (_, old) => {
    const directory = temporaryDirectory();
    const file = (left: number) => join(directory, `${left}`);
    const writer = new ChronicleProcess(launch);
    const failures = await withFewDescriptors(writer, async (left) => {
      if (old !== undefined) writeFileSync(file(left), old);
      await writer.ask('writeFileAtomic', file(left), 'new');
    });
    expect([failures[0], failures.at(-1)]).toEqual([true, false]);
    for (const [left, isFailed] of failures.entries()) {
      const content = existsSync(file(left)) ? readFileSync(file(left), 'utf8') : undefined;
      expect(content).toBe(isFailed ? old : 'new');
    }
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it.each<[what: string, options: ChronicleOptions]>([
    ['the first append to a file', {}],
    ['the first append, with the ids of rotated files', { dedupe: 'all', rotate: { maxBytes: 1e6 } }],
    ['the first append of a chain', { chain: true }],
  ])('%s is done, or the next one', async (_, options) => {
    const writer = new ChronicleProcess(launch);
    const files = Array.from({ length: plenty + 1 }, () => newFile());
    await withFewDescriptors(writer, async (left) => {
      const file = files[left] as string;
      await writer.ask('freeDescriptors');
      await writer.ask('open', file, options);
      await writer.ask('fillDescriptors', left);
      const first = await writer.append({ eventId: 'a' }).catch((error: unknown) => error);
      expect(idsOf(file)).toEqual(first instanceof Error ? [] : ['a']);
      await writer.ask('freeDescriptors');
      for (const eventId of ['a', 'b']) await writer.append({ eventId });
      if (first instanceof Error) throw first;
    });
    for (const file of files) expect(idsOf(file)).toEqual(['a', 'b']);
  });

  it('appends after the rotation of another process, and duplicates of what it rotated', async () => {
    const file = newFile();
    const options = { dedupe: 'all', rotate: { maxBytes: 1e6 } } as const;
    const writer = await ChronicleProcess.open(file, options, launch);
    await writer.append({ eventId: 'first' });
    const other = await ChronicleProcess.open(file, { ...options, rotate: { maxBytes: 1 } });
    await withFewDescriptors(writer, async (left) => {
      await other.append({ eventId: `other ${left}` });
      const eventIds = [`other ${left}`, `own ${left}`, 'first'];
      const appended = await Promise.allSettled(eventIds.map((eventId) => writer.append({ eventId })));
      for (const result of appended) if (result.status === 'rejected') throw result.reason;
    });
    for (let left = 0; left <= plenty; left++) await writer.append({ eventId: `own ${left}` });
    const expected = Array.from({ length: plenty + 1 }, (_, left) => [`other ${left}`, `own ${left}`]);
    expect(idsOf(file).toSorted()).toEqual(['first', ...expected.flat()].toSorted());
  });

  it('its own rotation: appending goes on', async () => {
    const file = newFile();
    const writer = await ChronicleProcess.open(file, { rotate: { maxBytes: 1 } }, launch);
    await writer.append({ eventId: 'first' });
    await withFewDescriptors(writer, (left) => writer.append({ eventId: `${left}` }));
    for (let left = 0; left <= plenty; left++) await writer.append({ eventId: `${left}` });
    expect(idsOf(file).toSorted()).toEqual(
      Array.from({ length: plenty + 1 }, (_, n) => `${n}`).concat('first'),
    );
    expect(readdirSync(dirname(file)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

// As where another thread takes the last descriptor meanwhile.
describe.skipIf(unwatchable)('The directory cannot be opened for its sync', () => {
  async function watched() {
    const file = newFile();
    const calls = await SystemCalls.under(dirname(file));
    return { file, calls };
  }
  const fail = (calls: SystemCalls) => calls.answer('open .', { fail: 'EMFILE' }, true);

  it.each<[what: string, old: string | undefined]>([
    ['a file that is there', 'old'],
    ['a new file', undefined],
  ])('writeFileAtomic leaves %s as it was', async (_, old) => {
    const { file, calls } = await watched();
    if (old !== undefined) writeFileSync(file, old);
    const writer = new ChronicleProcess({ env: calls.env });
    fail(calls);
    await expect(writer.ask('writeFileAtomic', file, 'new')).rejects.toMatchObject(failed);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined).toBe(old);
    calls.letGo();
    await writer.ask('writeFileAtomic', file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(dirname(file))).toHaveLength(1);
  });

  it.each<[what: string, options: ChronicleOptions]>([
    ['the first append', {}],
    ['the first append without ids', { dedupe: false }],
    ['the first append of a chain', { chain: true }],
  ])('%s writes nothing, and the next one is no worse for it', async (_, options) => {
    const { file, calls } = await watched();
    const writer = await ChronicleProcess.open(file, options, { env: calls.env });
    fail(calls);
    await expect(writer.append({ eventId: 'a' })).rejects.toMatchObject(failed);
    expect(idsOf(file)).toEqual([]);
    calls.letGo();
    for (const eventId of ['a', 'b']) await writer.append({ eventId });
    expect(idsOf(file)).toEqual(['a', 'b']);
  });

  it('so it is after the rotation of another process', async () => {
    const { file, calls } = await watched();
    const writer = await ChronicleProcess.open(file, {}, { env: calls.env });
    await writer.append({ eventId: 'a' });
    const other = await ChronicleProcess.open(file, { rotate: { maxBytes: 1 } });
    await other.append({ eventId: 'b' });
    fail(calls);
    await expect(writer.append({ eventId: 'c' })).rejects.toMatchObject(failed);
    expect(idsOf(file)).toEqual(['a', 'b']);
    calls.letGo();
    await writer.append({ eventId: 'c' });
    expect(idsOf(file)).toEqual(['a', 'b', 'c']);
  });
});
