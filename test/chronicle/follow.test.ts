/** `follow()`: the events that are there, and then those that come, whatever becomes of the file. */
import fs, {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import {
  type CorruptLine,
  type Entry,
  type FollowOptions,
  followChronicle,
  lockSync,
  openChronicle,
  type ReadOptions,
  repairChronicle,
} from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someoneWaitsFor, stateOf, until } from '../support/blocking.js';
import { fileWith } from '../support/chronicle-file.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { damagedFile, expectedLines } from '../support/damaged-files.js';
import { temporaryDirectory } from '../support/files.js';
import { seeded } from '../support/fuzz.js';
import { Program } from '../support/processes.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

function line(n: number): string {
  return `{"n":${n}}\n`;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => line(from + index)).join('');
}

let followers = 0;

/** Resolves when everyone who follows watches the file, and so knows where it begins to read. */
async function everyoneWatches(): Promise<void> {
  await until(() => watchers >= followers, 'everyone who follows watches');
}

/** How many watchers there are; they keep no process alive while nobody waits. */
let watchers = 0;
/** The path that was watched last. */
let watched: unknown;
const { watch } = fs;
fs.watch = ((...args: Parameters<typeof watch>) => {
  const watcher = watch(...args);
  watched = args[0].toString();
  watchers++;
  watcher.once('close', () => watchers--);
  return watcher;
}) as typeof watch;

/** How many calls of the file system are on their way. */
function calls(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.startsWith('FSReq')).length;
}

/**
 * The promise is pending when those who follow have done all that they had to do: they watch, where there is
 * something to watch, and no call of the file system is on its way in several turns of the event loop.
 */
async function expectWaiting(promise: Promise<unknown>, watched = Math.max(followers, 1)): Promise<void> {
  let turns = 0;
  await until(() => {
    turns = watchers >= watched && calls() === 0 ? turns + 1 : 0;
    return turns === 3;
  }, 'everyone who follows waits for a change');
  expect(await stateOf(promise)).toBe('pending');
}

/** Events as they come, to be taken one after the other. */
class Following {
  readonly #entries: AsyncGenerator<Entry<{ n: number }>>;

  constructor(file: string, options?: FollowOptions & ReadOptions) {
    this.#entries = followChronicle(file, options);
    followers++;
    onTestFinished(async () => {
      await this.#entries.return(undefined);
      followers--;
      await until(() => watchers <= followers, 'who follows no more watches no more');
    });
  }

  async next(): Promise<number | undefined> {
    const { value } = await this.#entries.next();
    return value?.event.n;
  }

  async take(count: number): Promise<(number | undefined)[]> {
    const taken: (number | undefined)[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}

/** The n-th rotated file, as holdfast names it. */
function rotatedName(file: string, n: number): string {
  return `${file}.20261124T21524${n}.123Z`;
}

/** What rotation does; without `content`, the next writer makes the new file. */
function rotate(file: string, n: number, content?: string): void {
  const held = lockSync(file);
  renameSync(file, rotatedName(file, n));
  if (content !== undefined) writeFileSync(file, content);
  held.releaseSync();
}

describe('follow', () => {
  it('yields what is there, and then what comes, with offset and length', async () => {
    const file = fileWith(line(1));
    const entries = followChronicle(file);
    expect((await entries.next()).value).toEqual({ event: { n: 1 }, offset: 0, length: 8, next: 8 });
    const next = entries.next();
    await expectWaiting(next);
    appendFileSync(file, `\n${line(22)}${line(3)}`);
    expect((await next).value).toEqual({ event: { n: 22 }, offset: 9, length: 9, next: 18 });
    expect((await entries.next()).value).toMatchObject({ event: { n: 3 }, offset: 18 });
    await entries.return();
  });

  it('yields what another process appends, in its order', async () => {
    const file = fileWith('');
    const writer = await ChronicleProcess.open(file);
    const flooded = writer.flood('w', 1, 200, [10, 5000]);
    const numbers = [];
    const entries = followChronicle<{ number: number }>(file);
    for await (const { event } of entries) if (numbers.push(event.number) === 200) break;
    expect(numbers).toEqual(Array.from({ length: 200 }, (_, number) => number));
    await flooded;
  });

  it.each([
    ['an offset', 16, 3],
    ['the middle of a line', 12, 3],
    ['the end', 'end', 5],
    ['behind the end, as in a file that was rotated since', 1000, 1],
  ] as const)('begins at %s', async (_, from, first) => {
    const file = fileWith(lines(1, 5));
    const following = new Following(file, { from });
    const next = following.next();
    await everyoneWatches();
    appendFileSync(file, line(5));
    expect(await next).toBe(first);
  });

  it("takes a last line that is not finished as one that comes, also from 'end'", async () => {
    const file = fileWith(`${lines(1, 3)}{"n":`);
    const following = [new Following(file), new Following(file, { from: 'end' })];
    expect(await following[0]?.take(2)).toEqual([1, 2]);
    const next = following.map((each) => each.next());
    await everyoneWatches();
    for (const each of next) await expectWaiting(each);
    appendFileSync(file, '3}');
    for (const each of next) await expectWaiting(each);
    appendFileSync(file, '\n');
    expect(await Promise.all(next)).toEqual([3, 3]);
  });

  it('skips and reports damage once, in its place, and goes on behind a torn tail', async () => {
    const file = fileWith(`${line(1)}junk\n${line(2)}{"torn`);
    const reported: CorruptLine[] = [];
    const following = new Following(file, { onCorrupt: (corrupt) => reported.push(corrupt) });
    expect(await following.take(2)).toEqual([1, 2]);
    expect(reported).toEqual([{ path: file, offset: 8, length: 5, reason: 'json' }]);
    const next = following.next();
    const chronicle = await openChronicle(file, { computeId: false });
    await chronicle.append({ n: 3 }); // closes the torn tail first
    expect(await next).toBe(3);
    expect(reported.slice(1)).toEqual([{ path: file, offset: 21, length: 7, reason: 'json' }]);
    await chronicle.close();
  });

  it("throws damage where onCorrupt is 'throw'", async () => {
    const following = new Following(fileWith(`${line(1)}junk\n`), { onCorrupt: 'throw' });
    expect(await following.next()).toBe(1);
    await expect(following.next()).rejects.toMatchObject({ code: 'EIO', cause: { offset: 8 } });
  });

  it('yields only what `where` asks for', async () => {
    const file = fileWith(`${lines(1, 9)}{"n":10,"wanted":true}\n`);
    const following = new Following(file, { where: { wanted: true } });
    expect(await following.next()).toBe(10);
    appendFileSync(file, `${line(11)}{"n":12,"wanted":true}\n{"n":13,"wanted":false}\n`);
    expect(await following.next()).toBe(12);
  });

  it('waits for a file that is not there yet, nor its directory', async () => {
    const directory = join(temporaryDirectory(), 'a');
    const file = join(directory, 'chronicle');
    const following = new Following(file);
    const next = following.next();
    await expectWaiting(next, 0);
    mkdirSync(directory);
    writeFileSync(file, line(1));
    expect(await next).toBe(1);
  });

  it('follows a symbolic link', async () => {
    const file = fileWith(line(1));
    const link = join(temporaryDirectory(), 'link');
    symlinkSync(file, link);
    const following = new Following(link);
    expect(await following.next()).toBe(1);
    appendFileSync(file, line(2));
    expect(await following.next()).toBe(2);
    rotate(file, 1, line(3));
    rotate(file, 2, line(4));
    expect(await following.take(2)).toEqual([3, 4]);
  });

  it.skipIf(unwatchable)('reads no further than its consumer takes', async () => {
    const text = 'x'.repeat(1000);
    const file = fileWith(Array.from({ length: 20_000 }, (_, n) => `{"n":${n},"text":"${text}"}\n`).join(''));
    const calls = await SystemCalls.under(dirname(file));
    const program = await ChronicleProcess.open(file, {}, { env: calls.env });
    const reads = () => calls.made.filter((call) => call === 'pread chronicle').length;
    expect(await program.ask('followNext')).toMatchObject({ n: 0 });
    await program.ping();
    // Of some eighty chunks, those that it needs, and the one that is read ahead.
    expect(reads()).toBeLessThan(10);
    for (let n = 1; n < 2000; n++) expect(await program.ask('followNext')).toMatchObject({ n });
    expect(reads()).toBeGreaterThan(5);
    expect(reads()).toBeLessThan(40);
  });

  it('wakes by polling where the file system has no events', async () => {
    const file = fileWith(line(1));
    const program = new Program('follow-by-polling', file);
    expect(await program.next()).toEqual({ n: 1 });
    appendFileSync(file, line(2));
    expect(await program.next()).toEqual({ n: 2 });
  });
});

describe('follow, whatever is in a file', () => {
  it('yields the same events as reading does, and reports the same damage, however the file grows', async () => {
    const file = fileWith('');
    const parameters = seeded<[Buffer, number[]]>('follow', 100);
    await fc.assert(
      fc.asyncProperty(damagedFile, fc.array(fc.nat(), { maxLength: 4 }), async (bytes, cuts) => {
        // Closed, and behind it an event that says that everything has come.
        const content = Buffer.concat([bytes, Buffer.from('\n{"last":true}\n')]);
        const places = [...new Set(cuts.map((cut) => cut % content.length))].sort((a, b) => a - b);
        rmSync(file);
        writeFileSync(file, content.subarray(0, places[0] ?? content.length));
        const damage: CorruptLine[] = [];
        const onCorrupt = (line: CorruptLine) => damage.push(line);
        const entries = followChronicle(file, { onCorrupt });
        const followed: unknown[] = [];
        const last = (async () => {
          for await (const entry of entries) {
            followed.push(entry);
            if ('last' in entry.event && entry.next === content.length) return;
          }
        })();
        for (const [index, place] of places.entries()) {
          await new Promise((resolve) => setImmediate(resolve));
          appendFileSync(file, content.subarray(place, places[index + 1] ?? content.length));
        }
        await last;
        const expected = expectedLines(content, 8 * 1024 * 1024);
        expect(followed).toEqual(
          expected.flatMap(({ kind, event, offset, length }) =>
            kind === 'event' ? [{ event, offset, length, next: offset + length }] : [],
          ),
        );
        expect(damage.map(({ offset, length, reason }) => [offset, length, reason])).toEqual(
          expected.flatMap(({ kind, offset, length }) =>
            kind === 'event' || kind === 'blank' ? [] : [[offset, length, kind]],
          ),
        );
      }),
      parameters,
    );
  });
});

describe('follow goes on', () => {
  it('after rotation by holdfast: rest of the old file, rotated files in order, current file', async () => {
    const file = fileWith(lines(1, 4));
    const following = new Following(file);
    expect(await following.next()).toBe(1); // and so it has the first file open
    appendFileSync(file, line(4));
    rotate(file, 1, lines(5, 7));
    rotate(file, 2, line(7));
    rotate(file, 3, `${line(8)}${line(9).trim()}`);
    rotate(file, 4, line(10));
    expect(await following.take(9)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    appendFileSync(file, line(11));
    expect(await following.next()).toBe(11);
  });

  it('after rotation that keeps only the last files', async () => {
    const file = fileWith(line(1));
    const following = new Following(file);
    expect(await following.next()).toBe(1);
    appendFileSync(file, line(2));
    for (let n = 1; n <= 5; n++) rotate(file, n, line(2 + n));
    for (let n = 1; n <= 3; n++) rmSync(rotatedName(file, n));
    // What it had open, it reads to the end; 3 and 4 stood in files that are gone.
    expect(await following.next()).toBe(2);
    const error = await following.next().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'EGAP', path: file, gap: { next: rotatedName(file, 4) } });
    const again = new Following(file, { after: error.gap.after, onGap: 'continue' });
    expect(await again.take(3)).toEqual([5, 6, 7]);
  });

  it('begins with the oldest rotated file, or with the one that is written', async () => {
    const file = fileWith(line(1));
    rotate(file, 1, line(2));
    const following = new Following(file);
    expect(await following.take(2)).toEqual([1, 2]);
    const current = new Following(file, { files: 'current' });
    expect(await current.next()).toBe(2);
    rotate(file, 2, line(3));
    expect(await following.next()).toBe(3);
    expect(await current.next()).toBe(3);
  });

  it('while it waits for the file to be made anew, and after that', async () => {
    const file = fileWith(line(1));
    const following = new Following(file);
    expect(await following.next()).toBe(1);
    const next = following.next();
    appendFileSync(file, line(2).trim());
    renameSync(file, `${file}.1`); // as logrotate does
    expect(await next).toBe(2); // whole, although without newline: nobody writes on
    const another = following.next();
    await expectWaiting(another);
    writeFileSync(file, line(3));
    expect(await another).toBe(3);
    const last = following.next();
    await expectWaiting(last);
    rmSync(file);
    await until(() => watched === `${dirname(file)}/`, 'that there is no file has been seen');
    writeFileSync(file, line(4));
    expect(await last).toBe(4);
  });

  it.each<[string, (file: string) => unknown]>([
    [
      'files that were rotated and removed at once',
      async (file) => {
        await using chronicle = await openChronicle(file, { rotate: { maxBytes: 1, keep: 0 } });
        for (let n = 2; n <= 9; n++) {
          await chronicle.append({ n });
          await setTimeout(20); // the clock of the file system has gone on
        }
      },
    ],
    [
      'a file that was removed and made anew twice',
      (file) => {
        for (const n of [2, 9]) {
          rmSync(file);
          writeFileSync(file, line(n));
        }
      },
    ],
  ])('and does not pass over whole files in silence: %s', async (_, change) => {
    const file = fileWith(line(1));
    const gaps: unknown[] = [];
    const following = new Following(file);
    const onGap = (gap: unknown) => void gaps.push(gap);
    const going = new Following(file, { onGap });
    expect([await following.next(), await going.next()]).toEqual([1, 1]);
    await change(file);
    const gap = { code: 'EGAP', path: file, gap: { files: [], next: file } };
    await expect(following.next()).rejects.toMatchObject(gap);
    expect(await going.next()).toBe(9);
    expect(gaps).toMatchObject([gap]);
  });

  it('without a gap where a file was renamed over it, and is another one', async () => {
    const file = fileWith(line(1));
    const following = new Following(file);
    expect(await following.next()).toBe(1);
    writeFileSync(`${file}.new`, line(2));
    await setTimeout(20); // the clock of the file system has gone on
    renameSync(`${file}.new`, file);
    expect(await following.next()).toBe(2);
  });

  it('with what a writer still writes that has the lock while the file is renamed', async () => {
    const file = fileWith(line(1));
    const following = new Following(file);
    expect(await following.next()).toBe(1);
    const writing = lockSync(file);
    const next = following.next();
    renameSync(file, `${file}.1`);
    writeFileSync(file, line(3));
    await someoneWaitsFor(`${file}.1`);
    expect(await stateOf(next)).toBe('pending');
    appendFileSync(`${file}.1`, line(2));
    writing.releaseSync();
    expect(await next).toBe(2);
    expect(await following.next()).toBe(3);
  });

  it.each([
    ['smaller', line(7)],
    ['larger than before', lines(100, 200)],
  ])('after the file was copied and truncated, when it is %s', async (_, content) => {
    const file = fileWith(lines(1, 4));
    const following = new Following(file);
    expect(await following.take(3)).toEqual([1, 2, 3]);
    const next = following.next();
    await expectWaiting(next);
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
    appendFileSync(file, content);
    expect(await next).toBe(content === line(7) ? 7 : 100);
  });

  it('where a failed write of the most that a writer makes at once was cut back', async () => {
    const file = fileWith(lines(0, 3));
    const following = new Following(file);
    expect(await following.take(3)).toEqual([0, 1, 2]);
    const long = 'x'.repeat(64 * 1024);
    for (let n = 3; n < 67; n++) {
      appendFileSync(file, `{"n":${n},"long":"${long}"}\n`);
      expect(await following.next()).toBe(n);
    }
    truncateSync(file, 24);
    appendFileSync(file, lines(100, 102));
    expect(await following.take(2)).toEqual([100, 101]);
  });

  it('where a failed write was cut back, whatever was written there then', async () => {
    const file = fileWith(lines(1, 4));
    const following = new Following(file);
    expect(await following.take(3)).toEqual([1, 2, 3]);
    for (const next of [line(66), lines(77, 88)]) {
      // A reader can see what a writer is about to cut off.
      appendFileSync(file, line(99));
      expect(await following.next()).toBe(99);
      truncateSync(file, 24);
      appendFileSync(file, next);
      expect(await following.next()).toBe(JSON.parse(next.split('\n', 1)[0] as string).n);
      truncateSync(file, 24);
    }
  });

  it('behind the same event after a repair', async () => {
    const file = fileWith(`${line(1)}junk\n${line(2)}\n\0\0\n${line(3)}`);
    const following = new Following(file, { onCorrupt: 'skip' });
    expect(await following.take(3)).toEqual([1, 2, 3]);
    const next = following.next();
    await repairChronicle(file);
    await expectWaiting(next);
    appendFileSync(file, line(4));
    expect(await next).toBe(4);
  });

  it('across rotations by a process that floods, with no event lost, doubled or out of order', async () => {
    const file = fileWith('');
    const writer = await ChronicleProcess.open(file, { durability: 'none' });
    const seen: string[] = [];
    const rounds = 8;
    const done = (async () => {
      for await (const { event } of followChronicle<{ eventId: string }>(file)) {
        if (seen.push(event.eventId) === rounds * 50) return;
      }
    })();
    const acknowledged: (string | undefined)[] = [];
    for (let round = 0; round < rounds; round++) {
      const flooding = writer.flood(`${round}`, 1, 50, [10, 300]);
      await writer.acknowledgements(round * 50 + 25);
      rotate(file, round);
      await flooding;
    }
    for (const { eventId } of writer.acknowledged) acknowledged.push(eventId);
    await done;
    expect(seen).toEqual(acknowledged);
  });
});

describe('follow ends', () => {
  it('on abort, quietly, while it waits and between two events', async () => {
    const file = fileWith(lines(1, 3));
    const controller = new AbortController();
    const seen: number[] = [];
    const waiting = (async () => {
      const entries = followChronicle<{ n: number }>(file, { signal: controller.signal });
      for await (const { event } of entries) seen.push(event.n);
    })();
    await expectWaiting(waiting);
    controller.abort();
    await waiting;

    const other = new AbortController();
    const entries = followChronicle(file, { signal: other.signal });
    await entries.next();
    other.abort();
    expect(await entries.next()).toEqual({ value: undefined, done: true });
    expect(await followChronicle(file, { signal: other.signal }).next()).toMatchObject({ done: true });
  });

  it('on return(), also while a next() waits', async () => {
    const entries = followChronicle(fileWith(line(1)));
    await entries.next();
    const next = entries.next();
    await expectWaiting(next);
    await entries.return();
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await entries.next()).toEqual({ value: undefined, done: true });
  });

  it('with what its chronicle can do, and lets the process end', async () => {
    const chronicle = await openChronicle<{ n: number }>(fileWith(''));
    await chronicle.append({ n: 1 });
    for await (const { event } of chronicle.follow()) {
      expect(event).toMatchObject({ n: 1 });
      break;
    }
    await chronicle.close();
  });

  it.each([
    ['from', { from: -1 }],
    ['from', { from: 'start' }],
    ['signal', { signal: 1 }],
    ['where', { where: 1 }],
    ['onCorrupt', { onCorrupt: 'ignore' }],
  ])('with EVALIDATION for a bad %s', async (field, options) => {
    const error = { code: 'EVALIDATION', field };
    const read = async () => followChronicle('file', options as never).next();
    await expect(read()).rejects.toMatchObject(error);
  });

  it('with EIO where the path names a directory', async () => {
    const entries = followChronicle(temporaryDirectory());
    await expect(entries.next()).rejects.toMatchObject({ code: 'EIO', cause: { code: 'EISDIR' } });
  });
});
