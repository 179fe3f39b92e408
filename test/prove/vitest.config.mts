import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import everyday from '../../vitest.config.mjs';

/** `npm run prove`: as `npm test`, with other files. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { ...everyday.test, include: ['test/prove/**/*.test.ts'], exclude: configDefaults.exclude },
});
