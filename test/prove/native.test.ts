/**
 * Races and memory of the native code: a native program drives locks and chronicles from many threads, built
 * with the sanitizers of the compiler, and run by valgrind as a second opinion.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';
import { buildNative, missing } from '../support/native-program.js';
import { buildUnit, runUnit } from '../support/native-unit.js';
import { inFull, minutes, prove } from './prove.js';

const run = promisify(execFile);

/** A compiler may take longer than a test. */
const longBuild = 900_000;

/** A report of any of these ends the program with a status that is not 0. */
const builds = {
  'AddressSanitizer and UndefinedBehaviorSanitizer': {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    wrapper: [],
  },
  ThreadSanitizer: { flags: ['-fsanitize=thread'], wrapper: [] },
  valgrind: {
    flags: [],
    wrapper: [
      'valgrind',
      '--quiet',
      '--error-exitcode=9',
      '--leak-check=full',
      '--show-leak-kinds=definite',
      '--errors-for-leak-kinds=definite',
      '--fair-sched=yes',
    ],
  },
};

/** Every day the one that finds what no other test shows. */
const buildable = Object.entries(builds).filter(
  ([name, { wrapper }]) =>
    !missing(['g++', ...wrapper.slice(0, 1)]) && (name === 'ThreadSanitizer' || inFull),
);

describe.runIf(buildable.length > 0)('the native code from many threads', () => {
  for (const [name, { flags, wrapper }] of buildable) {
    describe(name, () => {
      let program: string;
      beforeAll(async () => {
        program = await buildNative(`stress-${name.split(' ')[0]}`, ['stress.cc'], flags);
      }, longBuild);

      prove(
        'races and memory',
        `${name}: locks and chronicles from many threads`,
        { quick: 400, full: 20_000, unit: 'rounds' },
        async (tally) => {
          // valgrind runs one thread at a time, and knows not that a wait for an fcntl lock blocks: no two
          // may wait.
          const [rounds, pairs] = wrapper.length > 0 ? [100, 1] : [400, 4];
          while (tally.hasBudget) {
            const [command = program, ...rest] = [
              ...wrapper,
              program,
              temporaryDirectory(memory),
              `${rounds}`,
              `${pairs}`,
            ];
            expect((await run(command, rest)).stderr).toBe('');
            tally.count += rounds;
          }
        },
      );
    });
  }
});

describe.skipIf(!inFull || missing(['g++']))('the native unit tests under sanitizers', () => {
  it(
    'AddressSanitizer and UndefinedBehaviorSanitizer report nothing',
    async () => {
      const { flags } = builds['AddressSanitizer and UndefinedBehaviorSanitizer'];
      const results = await runUnit(await buildUnit('unit-sanitized', flags));
      expect([...results].filter(([, failure]) => failure !== undefined)).toEqual([]);
      expect(results.size).toBeGreaterThan(0);
    },
    longBuild,
  );
});

describe.skipIf(!inFull || missing(['clang++']))('the native code that reads what others wrote', () => {
  let program: string;
  beforeAll(async () => {
    const flags = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
    program = await buildNative('fuzz', ['fuzz.cc'], flags, 'clang++');
  }, longBuild);

  prove(
    'hostile input',
    'libFuzzer: lines, the file of ids, the end of a chronicle',
    { quick: 0, full: 20_000_000, unit: 'inputs' },
    async (tally) => {
      const limits = [`-runs=${tally.target}`, `-max_total_time=${Math.floor(minutes * 60)}`];
      const directory = temporaryDirectory(memory);
      const { stderr } = await run(program, [...limits, '-max_len=4096'], {
        cwd: directory,
        maxBuffer: 2 ** 26,
      });
      tally.count = Number(/Done (\d+) runs/.exec(stderr)?.[1]);
      expect(tally.count).toBeGreaterThan(0);
    },
  );
});
