/**
 * The test suite once more, with the addon built with sanitizers: what they find ends the process that met
 * it.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { missing } from '../support/native-program.js';
import { withAddon } from '../support/other-addon.js';
import { inFull, prove } from './prove.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, 'node_modules');
const sanitizers = '-fsanitize=address,undefined';
/** Programs other than the addon leak too; leaks have a proof of their own. */
const findings = {
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
};

/** The addon, built with sanitizers in a directory of its own. */
async function build(directory: string): Promise<void> {
  for (const part of ['native', 'package.json', 'scripts'])
    cpSync(join(root, part), join(directory, part), { recursive: true });
  symlinkSync(modules, join(directory, 'node_modules'));
  const gyp = JSON.parse(readFileSync(join(root, 'binding.gyp'), 'utf8'));
  // Without the floor of glibc and its list of exports, which are no subject here and which the sanitizers'
  // linking breaks.
  const isFloor = ([, { ldflags = [] }]: [string, { ldflags?: string[] }]) =>
    ldflags.some((flag) => flag.includes('--version-script'));
  const [target] = gyp.targets;
  expect(target.conditions.filter(isFloor)).toHaveLength(1);
  target.conditions = target.conditions.filter((condition: [string, object]) => !isFloor(condition));
  writeFileSync(join(directory, 'binding.gyp'), JSON.stringify(gyp));
  await run(
    process.execPath,
    [join(modules, 'node-gyp/bin/node-gyp.js'), 'rebuild', '--silent', '-C', directory],
    {
      env: {
        ...process.env,
        CXXFLAGS: `${sanitizers} -fno-sanitize-recover=all -O1 -g`,
        LDFLAGS: sanitizers,
      },
      maxBuffer: 2 ** 26,
    },
  );
}

describe.skipIf(!inFull || missing(['g++', 'make']))('the test suite', () => {
  prove(
    'races and memory',
    'AddressSanitizer and UndefinedBehaviorSanitizer: the tests of locks, chronicles and their replacements',
    { quick: 0, full: 1, unit: 'tests' },
    async (tally) => {
      const directory = temporaryDirectory();
      await build(directory);
      const results = join(directory, 'results.json');
      const ended = await run(
        process.execPath,
        [
          join(modules, 'vitest/vitest.mjs'),
          'run',
          ...[
            'test/lock',
            'test/chronicle',
            'test/atomic',
            'test/compat',
            'test/native/hostile-calls.test.ts',
          ],
          '--testNamePattern=^(?!.*few megabytes of memory)', // the sanitizers take more than a test about memory allows
          ...['--reporter=json', `--outputFile=${results}`, '--maxWorkers=2', '--testTimeout=240000'],
        ],
        {
          cwd: root,
          env: {
            ...process.env,
            ...findings,
            LD_PRELOAD: execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
            ...withAddon(join(directory, 'build/Release/holdfast.node')),
          },
          maxBuffer: 2 ** 28,
        },
      ).then(
        () => 0,
        ({ code }) => code, // also where a sanitizer has ended one that runs tests
      );
      const { numPassedTests, testResults } = JSON.parse(readFileSync(results, 'utf8'));
      const failed = testResults
        .flatMap(({ assertionResults }: { assertionResults: object[] }) => assertionResults)
        .filter(({ status }: { status: string }) => status === 'failed')
        .map(({ fullName }: { fullName: string }) => fullName);
      tally.count = numPassedTests;
      expect(failed).toEqual([]);
      expect(ended).toBe(0);
      expect(numPassedTests).toBeGreaterThan(500);
    },
  );
});
