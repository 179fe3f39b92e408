/**
 * Random tests that say from which seed they ran. `FUZZ_SEED` runs one of them again, `FUZZ_RUNS` runs more
 * of them.
 */
import type fc from 'fast-check';

/**
 * Parameters for `fc.assert`: `runs` runs, or as many times as many as `FUZZ_RUNS` says, from a printed seed.
 */
export function seeded<T>(title: string, runs: number): fc.Parameters<T> {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const numRuns = runs * Number(process.env.FUZZ_RUNS ?? 1);
  console.log(`${title}: ${numRuns} runs, FUZZ_SEED=${seed}`);
  return { seed, numRuns };
}
