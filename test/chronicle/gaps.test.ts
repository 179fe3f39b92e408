/** C14: nothing is skipped in silence, and no gap is reported where nothing is missing. */
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  type ChronicleOptions,
  followChronicle,
  openChronicle,
  repairChronicle,
  writeFileAtomic,
} from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FollowedFile, indexOf } from '../../dist/lib/engines/file/follow/followed-file.js';
import { openForReading } from '../../dist/lib/engines/file/lines/open-file.js';
import { FileSource } from '../../dist/lib/engines/file/lines/position.js';
import { newFile } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { finished, run, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { type Answer, SystemCalls, unwatchable } from '../support/system-calls.js';

/** Whether rotation can note which file came before one; where it cannot, readers know less. */
const areNoted = process.platform === 'linux';

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const rotatedOf = (file: string) =>
  readdirSync(dirname(file))
    .filter((name) => /\.\d{8}T\d{6}\.\d{3}Z(\.gz)?$/.test(name))
    .sort()
    .map((name) => join(dirname(file), name));

/** One that rotates before each of its appends. */
async function rotating(file: string, options: ChronicleOptions['rotate'] = { maxBytes: 1 }) {
  const chronicle = await openChronicle<{ n: number }>(file, { rotate: options, durability: 'none' });
  onTestFinished(() => chronicle.close());
  let next = 0;
  return {
    chronicle,
    async append(count: number) {
      for (let i = 0; i < count; i++) await chronicle.append({ n: next++ });
    },
  };
}

async function taken(entries: AsyncIterable<{ event: { n: number } }>): Promise<number[]> {
  const all: number[] = [];
  for await (const { event } of entries) all.push(event.n);
  return all;
}

/** Follows, and stands still while nothing is asked for. */
function following(file: string) {
  const gaps: unknown[] = [];
  const entries = followChronicle<{ n: number }>(file, { onGap: (gap) => void gaps.push(gap) });
  onTestFinished(() => void entries.return());
  return {
    gaps,
    async take(count: number) {
      const all: number[] = [];
      while (all.length < count) all.push((await entries.next()).value?.event.n as number);
      return all;
    },
  };
}

describe.skipIf(!areNoted)('C14: A reader that has all of the files that were removed', () => {
  // Before: a gap, though nothing was missing, and with keep: 0 depending on the clock of the file system.
  it.each([0, 1, 2, 5])(
    'and follows with keep: %i, gets no gap, and the next ones without a pause',
    async (keep) => {
      const file = newFile();
      const { append } = await rotating(file, { maxBytes: 1, keep });
      await append(1);
      const reader = following(file);
      expect(await reader.take(1)).toEqual([0]);
      let read = 1;
      for (let round = 0; round < 4; round++) {
        await append(keep + 1); // the file that it has read is removed, and no other one
        expect(await reader.take(keep + 1)).toEqual(numbers(read, read + keep + 1));
        read += keep + 1;
      }
      expect(reader.gaps).toEqual([]);
      await append(keep + 2);
      expect(await reader.take(keep + 1)).toEqual(numbers(read + 1, read + keep + 2));
      expect(reader.gaps).toMatchObject([{ code: 'EGAP', path: file }]);
    },
  );

  it.each([0, 1, 3])('and goes on after the last event of one, with keep: %i, gets no gap', async (keep) => {
    const file = newFile();
    const { append, chronicle } = await rotating(file, { maxBytes: 1, keep });
    await append(1);
    const after = (await chronicle.tail(1))[0]?.position as string;
    await append(keep + 1);
    const rest = numbers(1, keep + 2);
    expect(await taken(chronicle.read({ after }))).toEqual(rest);
    expect(await taken(chronicle.read({ after, reverse: true }))).toEqual(rest.toReversed());
    const { code, out } = await run(['cat', '--after', after, file]);
    expect([code, out.trim().split('\n').length]).toEqual([0, rest.length]);
    await append(1);
    for (const reverse of [false, true])
      await expect(taken(chronicle.read({ after, reverse }))).rejects.toMatchObject({ code: 'EGAP' });
  });

  it('but not where the event was not the last one of its file', async () => {
    const file = newFile();
    const { append, chronicle } = await rotating(file, { maxBytes: 300, keep: 0 });
    await append(2);
    const after = (await chronicle.toArray())[0]?.position as string;
    const { size } = statSync(file);
    while (statSync(file).size >= size) await append(1);
    expect(rotatedOf(file)).toEqual([]);
    await expect(taken(chronicle.read({ after }))).rejects.toMatchObject({ code: 'EGAP' });
  });
});

describe('C14: A file that is missing in the middle', () => {
  it.skipIf(!areNoted).each([1, 2, 3])(
    'number %i, is a gap for whoever goes on after a position',
    async (missing) => {
      const file = newFile();
      const { append, chronicle } = await rotating(file);
      await append(5);
      const after = (await chronicle.toArray())[0]?.position as string;
      rmSync(rotatedOf(file)[missing] as string);
      const next = [...rotatedOf(file), file][missing];
      for (const reverse of [false, true]) {
        const gap = { code: 'EGAP', gap: { next } };
        await expect(taken(chronicle.read({ after, reverse }))).rejects.toMatchObject(gap);
      }
      await expect(taken(chronicle.follow({ after }))).rejects.toMatchObject({ code: 'EGAP', gap: { next } });
      for (const name of ['cat', 'tail']) {
        const { code, err } = await run([name, '--after', after, file]);
        expect([code, err]).toEqual([1, expect.stringContaining(`it goes on with '${next}'`)]);
      }
      for (const name of ['cat', 'tail']) {
        const { code, out, err } = await run([name, '--on-gap', 'continue', '--after', after, file]);
        expect([code, out.trim().split('\n').length]).toEqual([0, 3]);
        expect(err).toContain(`it goes on with '${next}'`);
      }
      // Who asks for what there is gets that.
      expect(await taken(chronicle.read())).toEqual(numbers(0, 5).filter((n) => n !== missing));
    },
  );

  it.skipIf(!areNoted).each([1, 2, 4])(
    'is a gap between files that were compressed too: number %i',
    async (missing) => {
      const file = newFile();
      const { append, chronicle } = await rotating(file);
      await append(2);
      const reader = following(file);
      expect(await reader.take(2)).toEqual([0, 1]);
      await append(5);
      const after = (await chronicle.toArray())[0]?.position as string;
      for (const path of rotatedOf(file)) {
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
        rmSync(path);
      }
      expect(await taken(chronicle.read({ after }))).toEqual(numbers(1, 7));
      rmSync(rotatedOf(file)[missing] as string);
      const next = rotatedOf(file)[missing];
      for (const reverse of [false, true]) {
        const gap = { code: 'EGAP', gap: { next } };
        await expect(taken(chronicle.read({ after, reverse }))).rejects.toMatchObject(gap);
      }
      const rest = numbers(2, 7).filter((n) => n !== missing);
      expect(await reader.take(rest.length)).toEqual(rest);
      // It had all of the first of them.
      expect(reader.gaps).toMatchObject(missing === 1 ? [] : [{ code: 'EGAP', path: file }]);
      expect(reader.gaps).toHaveLength(missing === 1 ? 0 : 1);
    },
  );

  it.skipIf(unwatchable).each(['cat', 'tail'])(
    'because it was removed after holdfast %s --after had found the position in it, is a gap',
    async (name) => {
      const file = newFile();
      const { append, chronicle } = await rotating(file, { maxBytes: 150 });
      while (rotatedOf(file).length < 2) await append(1);
      const after = (await chronicle.toArray())[0]?.position as string;
      const oldest = rotatedOf(file)[0] as string;
      const calls = await SystemCalls.under(dirname(file));
      let opened = 0;
      calls.answerAll(({ name: call, path }): Answer => {
        if (call === 'open' && path === basename(oldest) && ++opened === 2) rmSync(oldest);
        return 'go';
      });
      const command = start([name, '--after', after, file], calls.env);
      const { code, err } = await finished(command);
      expect([code, err]).toEqual([1, expect.stringContaining(`'${oldest}' was removed`)]);
    },
  );
});

describe('C14: A file that others compress', () => {
  it('after it was listed is still known as the one that was read', async () => {
    const file = newFile();
    writeFileSync(file, '{"n":1}\n');
    const opened = await openForReading(file);
    const followed = await FollowedFile.of({ path: file, file: opened, source: new FileSource(file) });
    onTestFinished(() => opened.close());
    const paths = ['20261121T215247.123Z', '20261122T215247.123Z'].map((time) =>
      Buffer.from(`${file}.${time}`),
    );
    writeFileSync(`${paths[0]}.gz`, gzipSync('{"n":1}\n'));
    rmSync(file);
    writeFileSync(`${paths[1]}`, '{"n":2}\n');
    expect(await indexOf(followed, paths)).toBe(0);
    // Several may begin alike: the oldest is the one, since all are newer than the last one that was read.
    writeFileSync(`${paths[1]}.gz`, gzipSync('{"n":1}\n'));
    rmSync(`${paths[1]}`);
    expect(await indexOf(followed, paths)).toBe(0);
  });

  it.skipIf(unwatchable)('while they are listed is not left out', async () => {
    const file = newFile();
    const { append } = await rotating(file);
    await append(4);
    const calls = await SystemCalls.under(dirname(file));
    const reader = await ChronicleProcess.open(file, {}, { env: calls.env });
    const [, second = ''] = rotatedOf(file);
    const elsewhere = join(temporaryDirectory(dirname(dirname(file))), 'x');
    let lists = 0;
    // As if its new name came before the place that is read, and the old one was gone when that was reached.
    calls.answerAll(({ name }): Answer => {
      if (name === 'opendir' && lists === 0) renameSync(second, elsewhere);
      if (name === 'closedir' && lists++ === 0) renameSync(elsewhere, second);
      return 'go';
    });
    const events = (await reader.ask('readChronicle', file)) as { n: number }[];
    expect(events.map(({ n }) => n)).toEqual(numbers(0, 4));
    expect(lists).toBeGreaterThan(0);
  });
});

describe('C14: Who follows while a file is repaired, and rotated before it looks', () => {
  it.each([
    ['at its end', '{"n":1}\n{"n":2}\n{"torn\n', 2],
    ['at its beginning', '{"torn\n{"n":1}\n{"n":2}\n', 2],
    ['in the middle', '{"n":1}\n{"torn\n{"n":2}\n{"n":3}\n', 3],
  ])('gets each event once, where the damage was %s', async (_, content, count) => {
    const file = newFile();
    writeFileSync(file, content);
    const gaps: unknown[] = [];
    const entries = followChronicle<{ n: number }>(file, {
      onCorrupt: 'skip',
      onGap: (gap) => void gaps.push(gap),
    });
    onTestFinished(() => void entries.return());
    const take = async () => (await entries.next()).value?.event.n;
    for (const n of numbers(1, count + 1)) expect(await take()).toBe(n);
    await setTimeout(20); // the clock of the file system has gone on
    await repairChronicle(file);
    appendFileSync(file, `{"n":${count + 1}}\n`);
    const writer = await openChronicle<{ n: number }>(file, { rotate: { maxBytes: 1 } });
    onTestFinished(() => writer.close());
    for (const n of [count + 2, count + 3]) await writer.append({ n });
    for (const n of [count + 1, count + 2, count + 3]) expect(await take()).toBe(n);
    expect(gaps).toEqual([]);
  });
});

describe.skipIf(unwatchable)(
  'C14: Where files are rotated and removed each time that they are listed',
  () => {
    // Before: tried again and again, without an end.
    it.each(['verify', 'cat'])('holdfast %s ends with EGAP', async (name) => {
      const file = newFile();
      const { append } = await rotating(file, { maxBytes: 1, keep: 0 });
      await append(2);
      const calls = await SystemCalls.under(dirname(file));
      calls.answerAll(async ({ name }): Promise<Answer> => {
        if (name === 'opendir') await append(2).catch(() => {}); // the test may be over
        return 'go';
      });
      const { code, err } = await finished(start([name, file], calls.env));
      expect([code, err]).toEqual([1, expect.stringContaining(`events of '${file}' are gone`)]);
    });
  },
);

describe.skipIf(!areNoted)('C14: After a gap, no file from before it is read again', () => {
  /** A chronicle that keeps one file, its position in one that is gone, and the first file compressed too late. */
  async function withStray(rotations: number) {
    const file = newFile();
    const { chronicle, append } = await rotating(file, { maxBytes: 1, keep: 1 });
    await append(2);
    const [first] = rotatedOf(file) as [string];
    const stray = gzipSync(readFileSync(first));
    await append(3);
    const position = (await chronicle.tail(1))[0]?.position as string;
    await append(rotations);
    // As gzip does, which had it open when it was removed.
    writeFileSync(`${first}.gz`, stray);
    return { file, chronicle, position };
  }

  it.each([3, 8])('with %i rotations meanwhile', async (rotations) => {
    const { file, chronicle, position } = await withStray(rotations);
    const expected = numbers(5 + rotations - 2, 5 + rotations);
    const gaps: unknown[] = [];
    const onGap = (gap: unknown) => void gaps.push(gap);
    expect(await taken(chronicle.read({ after: position, onGap }))).toEqual(expected);
    const followed = followChronicle<{ n: number }>(file, { after: position, onGap });
    const all: number[] = [];
    for await (const { event } of followed) if (all.push(event.n) === expected.length) break;
    expect(all).toEqual(expected);
    expect(gaps).toHaveLength(2);
    const { out } = await run(['tail', '--after', position, '--on-gap', 'continue', file]);
    const printed = out.trim().split('\n');
    expect(printed.map((line) => JSON.parse(line).n)).toEqual(expected);
  });
});

describe.skipIf(!areNoted)('C14: A file that takes the place of one of a chronicle', () => {
  /** Rotated so that each file has one event; the position of the first event, and the rotated files. */
  async function rotated(count: number, keep: number) {
    const file = newFile();
    const { chronicle, append } = await rotating(file, { maxBytes: 1, keep });
    await append(1);
    const after = (await chronicle.tail(1))[0]?.position as string;
    await append(count - 1);
    return { file, after };
  }

  const readAfter = async (file: string, after: string) => {
    await using chronicle = await openChronicle<{ n: number }>(file);
    return (await chronicle.toArray({ after })).map(({ event }) => event.n);
  };

  const repair = async (file: string) => {
    appendFileSync(file, 'no event\n');
    expect((await repairChronicle(file, { force: true })).removed.lines).toBe(1);
  };

  it.each([0, 1, 3])('after a repair still comes after the one that keep: %i has removed', async (keep) => {
    const { file, after } = await rotated(keep + 2, keep);
    await repair(file);
    await repair(file);
    expect(await readAfter(file, after)).toEqual(numbers(1, keep + 2));
    await using entries = followChronicle<{ n: number }>(file, { after });
    expect((await entries.next()).value?.event.n).toBe(1);
  });

  it('after a repair still shows that the one before it is missing', async () => {
    const { file, after } = await rotated(3, 5);
    await repair(file);
    rmSync(rotatedOf(file)[1] as string);
    await expect(readAfter(file, after)).rejects.toMatchObject({ code: 'EGAP' });
  });

  it('by writeFileAtomic is another file, whose events nobody knows', async () => {
    const { file, after } = await rotated(2, 0);
    await writeFileAtomic(file, readFileSync(file));
    await expect(readAfter(file, after)).rejects.toMatchObject({ code: 'EGAP' });
  });
});
