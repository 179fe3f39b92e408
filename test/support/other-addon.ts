/**
 * The environment of a process that is to load another binary in place of the package's.
 */
import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('other-addon.cjs', import.meta.url));

export function withAddon(file: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--require=${JSON.stringify(preload)}`, HOLDFAST_TEST_ADDON: file };
}
