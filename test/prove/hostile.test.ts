/**
 * Hostile arguments of every kind: every call is settled, with an error that has a code. Hostile files are in
 * test/hostile-files.test.ts.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';
import { anyCharacter } from '../support/fuzz.js';
import { calls, findingOf, theirs } from '../support/public-calls.js';
import { prove, seed } from './prove.js';

/** An object with a getter that throws. */
const throwing = (key: string) =>
  Object.defineProperty({}, key, {
    enumerable: true,
    get() {
      throw theirs;
    },
  });

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

describe('S3: hostile arguments', () => {
  for (const [name, call] of Object.entries(calls)) {
    prove(
      'hostile input',
      `${name} of anything`,
      { quick: 100, full: 5000, unit: 'calls' },
      async (tally) => {
        const directory = temporaryDirectory(memory);
        // Never a descriptor of this process, nor a place outside of the directory.
        const path = fc.oneof(
          fc.string({ unit: anyCharacter }).map((text) => join(directory, `.${text.replaceAll('/', '')}`)),
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
