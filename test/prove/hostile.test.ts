/**
 * Hostile input: arguments of every kind, paths that lead somewhere else, and files that somebody else has
 * put where ours go. Every call is settled, with an error that has a code; nothing is written where it must
 * not be.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import * as holdfast from 'holdfast';
import { describe, expect } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';
import { linesOf } from '../support/lines.js';
import { prove, seed } from './prove.js';

/** Thrown by getters; whoever gives us such an object gets it back. */
const theirs = new Error('thrown by a getter');

/** An object with a getter that throws. */
const throwing = (key: string) =>
  Object.defineProperty({}, key, {
    enumerable: true,
    get() {
      throw theirs;
    },
  });

const codes = new Set(['EVALIDATION', 'EIO', 'ELOCK_TIMEOUT', 'ECONFLICT', 'ECLOSED']);

/** What a call came to, if that is not what is promised. */
async function findingOf(call: () => unknown): Promise<string | undefined> {
  try {
    const value = await call();
    if (value instanceof holdfast.FileLock) await value.release();
    if (value instanceof holdfast.Chronicle) await value.close();
  } catch (error) {
    if (error === theirs) return undefined;
    const { name, code, message } = error as holdfast.HoldfastError;
    if (name === 'HoldfastError' && codes.has(code)) return undefined;
    // What locks pass on of the system.
    if (/^E[A-Z]+$/.test(code ?? '') && 'syscall' in (error as object)) return undefined;
    return `${name}: ${message}`;
  }
  return undefined;
}

/** The calls of the public face; `path` and `options` are hostile, an event too. */
const calls: Record<string, (path: never, options: never, event: never) => unknown> = {
  lock: (path, options) => holdfast.lock(path, options),
  tryLock: (path, options) => holdfast.tryLock(path, options),
  lockSync: (path, options) => holdfast.lockSync(path, options),
  tryLockSync: (path, options) => holdfast.tryLockSync(path, options),
  withLock: (path, options) => holdfast.withLock(path, options, () => 0),
  lockHolders: (path) => holdfast.lockHolders(path),
  openChronicle: (path, options) => holdfast.openChronicle(path, options),
  appendEvent: (path, options, event) => holdfast.appendEvent(path, event, options),
  appendEventWithId: (path, options, event) => holdfast.appendEventWithId(path, event, options),
  readChronicle: (path, options) => holdfast.readChronicle(path, options),
  tailChronicle: (path, options) => holdfast.tailChronicle(path, options, options),
  writeFileAtomic: (path, options, event) => holdfast.writeFileAtomic(path, event, options),
};

const optionNames = [
  ...['mode', 'timeout', 'signal', 'kind', 'range', 'create', 'remove', 'lockTimeout', 'durability', 'idKey'],
  ...['computeId', 'dedupe', 'rotate', 'onCorrupt', 'schema', 'maxLineBytes', 'parents', 'from', 'limit'],
];

/** Values as callers confuse them: of a wrong type, too large, not numbers, with getters that throw. */
const strange = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withTypedArray: true,
  }),
  fc.constantFrom(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    2 ** 53,
    2 ** 64,
    -(2 ** 63),
    0.5,
    1e308,
    10n ** 30n,
  ),
  fc.constantFrom(throwing('window'), throwing('start'), throwing('length'), throwing('maxBytes')),
  fc.constantFrom(
    'exclusive',
    'shared',
    'flock',
    'fcntl',
    'data',
    'none',
    'consecutive',
    'skip',
    true,
    false,
    0,
    1,
  ),
);

const options = fc.oneof(
  strange,
  fc.dictionary(fc.constantFrom(...optionNames), strange),
  fc.constantFrom(...optionNames).map(throwing),
);

const events = fc.oneof(
  strange,
  fc.constantFrom(throwing('eventId'), throwing('type'), { toJSON: () => throwing('a') }, { eventId: {} }),
  fc.object(),
);

describe('hostile arguments', () => {
  for (const [name, call] of Object.entries(calls)) {
    prove(
      'hostile input',
      `${name} of anything`,
      { quick: 100, full: 5000, unit: 'calls' },
      async (tally) => {
        const directory = temporaryDirectory(memory);
        // Never a descriptor of this process, nor a place outside of the directory.
        const path = fc.oneof(
          fc.string({ unit: 'binary' }).map((text) => join(directory, `.${text.replaceAll('/', '')}`)),
          fc.constant(join(directory, 'file')),
          strange.filter(
            (value) =>
              !['number', 'string', 'bigint'].includes(typeof value) && !(value instanceof Uint8Array),
          ),
        );
        await fc.assert(
          fc.asyncProperty(path, options, events, async (path, options, event) => {
            tally.count++;
            expect(
              await findingOf(() => call(path as never, options as never, event as never)),
            ).toBeUndefined();
          }),
          { numRuns: tally.target, seed, interruptAfterTimeLimit: 120_000 },
        );
      },
    );
  }
});

/** What stands at a path in place of a file. */
const obstacles: Record<string, (path: string) => void> = {
  'a directory': (path) => mkdirSync(path),
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a device': (path) => symlinkSync('/dev/full', path),
  'a loop of links': (path) => symlinkSync(path, path),
  'a link into nowhere': (path) => symlinkSync(`${path}/../missing/missing`, path),
};

const places: Record<string, (directory: string) => string> = {
  'with a NUL': (directory) => join(directory, 'a\0b'),
  'too long a name': (directory) => join(directory, 'x'.repeat(300)),
  'too long a path': (directory) => join(directory, 'x/'.repeat(3000)),
  'under a file': (directory) => {
    writeFileSync(join(directory, 'file'), '');
    return join(directory, 'file', 'below');
  },
  ...Object.fromEntries(
    Object.entries(obstacles).map(([what, make]) => [
      what,
      (directory: string) => {
        make(join(directory, 'there'));
        return join(directory, 'there');
      },
    ]),
  ),
};

describe.skipIf(process.platform === 'win32')('hostile files', () => {
  prove(
    'hostile input',
    'paths that lead nowhere or to no file',
    { quick: 1, full: 1, unit: 'tables' },
    async (tally) => {
      const found: string[] = [];
      for (const [what, place] of Object.entries(places)) {
        for (const [name, call] of Object.entries(calls)) {
          const path = place(temporaryDirectory(memory));
          const given = { timeout: 0, lockTimeout: 0, create: true };
          const finding = await findingOf(() => call(path as never, given as never, { a: 1 } as never));
          if (finding) found.push(`${name}, ${what}: ${finding}`);
        }
      }
      expect(found).toEqual([]);
      tally.count++;
    },
  );

  prove(
    'hostile input',
    'something else in the place of the file of ids',
    { quick: 1, full: 1, unit: 'tables' },
    async (tally) => {
      const planted: Record<string, (path: string, victim: string) => void> = {
        ...obstacles,
        'a link to the file of another': (path, victim) => symlinkSync(victim, path),
        'a link to a file that is to be made': (path, victim) => symlinkSync(`${victim}.new`, path),
        garbage: (path) => writeFileSync(path, 'garbage '.repeat(10_000)),
        'a terabyte of nothing': (path) => {
          writeFileSync(path, '');
          truncateSync(path, 2 ** 40);
        },
      };
      for (const [what, plant] of Object.entries(planted)) {
        const directory = temporaryDirectory(memory);
        const [file, victim] = [join(directory, 'chronicle'), join(directory, 'victim')];
        writeFileSync(victim, 'precious');
        plant(`${file}.ids`, victim);
        for (let time = 0; time < 2; time++) {
          const chronicle = await holdfast.openChronicle(file, { dedupe: 'all' });
          const results = await chronicle.appendMany([{ eventId: 'a' }, { eventId: 'b' }]);
          expect(
            results.map(({ duplicate }) => duplicate),
            what,
          ).toEqual([time > 0, time > 0]);
          await chronicle.close();
        }
        expect(linesOf(file), what).toHaveLength(2);
        expect(readFileSync(victim, 'utf8'), what).toBe('precious');
        expect(() => readFileSync(`${victim}.new`), what).toThrow('ENOENT');
        tally.count++;
      }
    },
  );
});
