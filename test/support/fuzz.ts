/**
 * Random tests that say from which seed they ran. `FUZZ_SEED` runs one of them again, `FUZZ_RUNS` runs more
 * of them.
 */
import fc from 'fast-check';

/**
 * Parameters for `fc.assert`: `runs` runs, or as many times as many as `FUZZ_RUNS` says, from a printed seed.
 */
export function seeded<T>(title: string, runs: number): fc.Parameters<T> {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const numRuns = runs * Number(process.env.FUZZ_RUNS ?? 1);
  console.log(`${title}: ${numRuns} runs, FUZZ_SEED=${seed}`);
  return { seed, numRuns };
}

/**
 * Any code point, half surrogates too: the characters of `unit: 'binary'`, for which fast-check makes a table
 * of a million entries in each process, and takes a second for that.
 */
export const anyCharacter = fc.nat({ max: 0x10ffff }).map(
  (codePoint) => String.fromCodePoint(codePoint),
  // By which fast-check knows that names such as `__proto__` can be among the texts.
  (text) => {
    const codePoint = typeof text === 'string' ? text.codePointAt(0) : undefined;
    if (codePoint === undefined || String.fromCodePoint(codePoint) !== text) throw new Error('not one');
    return codePoint;
  },
);
