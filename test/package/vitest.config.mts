import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * A row of `npm run test:package`: the package as it is published and installed, which takes the network and
 * its time.
 */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['test/package/*.test.ts'] },
});
