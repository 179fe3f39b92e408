import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

// Node reads this file whenever it starts, which tests do a thousand times; none of them uses the network.
delete process.env.NODE_EXTRA_CA_CERTS;

export default defineConfig({
  test: {
    globalSetup: 'test/support/build-probe.ts',
    include: ['test/**/*.test.ts'],
    // `npm run prove`, because it takes its time, and `npm run test:package`, because it needs the network.
    exclude: [...configDefaults.exclude, 'test/prove/**', 'test/package/**'],
    // Loaded by Node itself, as users load it, and not transformed.
    server: { deps: { external: [/\/dist\//] } },
    // One process runs many files, because starting one takes as long as running most files. So a file leaves its
    // process as it found it: what changes a whole process is done in programs of its own (test/programs).
    isolate: false,
    // Most tests wait for other processes and for the disk.
    maxWorkers: 2 * availableParallelism(),
    // Real processes, real locks and real syncs, on machines that may be busy: the bound only ends what hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
