import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/support/build-probe.ts',
    include: ['test/**/*.test.ts'],
    // `npm run test:package`: it needs the network.
    exclude: [...configDefaults.exclude, 'test/package/**'],
    // Loaded by Node itself, as users load it, and not transformed.
    server: { deps: { external: [/\/dist\//] } },
    // Most tests wait for other processes and for the disk.
    maxWorkers: 2 * availableParallelism(),
    // Real processes, real locks and real syncs, on machines that may be busy: the bound only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
