/**
 * Nothing is left behind: no descriptor, no thread, no memory, also of worker threads that are terminated.
 */
import { describe, expect } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';
import { prove } from './prove.js';

interface Left {
  readonly descriptors: number;
  readonly threads: number;
  readonly memory: number;
  readonly heap: number;
}

/** What the system's allocator and the garbage collector may keep. */
const noise = 16 * 1024 * 1024;
const heapNoise = 1024 * 1024;

/** Else V8 lets the space for young objects grow to 32 MiB and more, at a moment that depends on the machine's load. */
const fixedNursery = { NODE_OPTIONS: '--max-semi-space-size=1' };

const workloads = [
  { workload: 'locks', what: 'locks taken and released', unit: 'locks', quick: 2000, full: 100_000 },
  {
    workload: 'chronicles',
    what: 'chronicles opened and closed',
    unit: 'chronicles',
    quick: 1000,
    full: 10_000,
  },
  {
    workload: 'dropped',
    what: 'chronicles opened and forgotten',
    unit: 'chronicles',
    quick: 300,
    full: 5000,
  },
  {
    workload: 'workers',
    what: 'workers terminated with locks and appends',
    unit: 'workers',
    quick: 10,
    full: 300,
  },
];

describe.skipIf(process.platform !== 'linux')('leaks', () => {
  for (const { workload, what, unit, ...size } of workloads) {
    prove('leaks', what, { ...size, unit }, async (tally) => {
      const program = new Program({ name: 'leaks', env: fixedNursery }, temporaryDirectory(memory));
      const half = tally.target / 2;
      // The first half is for what is made once and kept.
      const before = await program.ask<Left>({ workload, count: half });
      const after = await program.ask<Left>({ workload, count: half });
      tally.count = tally.target;
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
      // libuv starts its own four when it needs them.
      expect(after.threads).toBeLessThan(before.threads + 5);
      expect(after.memory - before.memory).toBeLessThan(noise);
      expect(after.heap - before.heap).toBeLessThan(heapNoise);
      tally.found = `nothing (${((after.memory - before.memory) / 1024 / 1024).toFixed(1)} MiB more in the second half)`;
    });
  }
});
