/**
 * What the builds of the addon without node-gyp share: the settings of binding.gyp, and running compilers.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const { nativeHash } = require('./native-hash.cjs');

export const root = fileURLToPath(new URL('..', import.meta.url));

const [addon, ...linked] = JSON.parse(readFileSync(join(root, 'binding.gyp'), 'utf8')).targets;

/** The addon's target, as one with those that are linked into it. */
export const description = {
  ...addon,
  sources: [...addon.sources, ...linked.flatMap(({ sources }) => sources)],
  defines: [...addon.defines, ...linked.flatMap(({ defines }) => defines)],
};

const defines = description.defines.map((define) =>
  define.startsWith('HOLDFAST_SOURCES') ? `HOLDFAST_SOURCES="${nativeHash()}"` : define,
);
const headers = [require('node-addon-api').include_dir, require('node-api-headers').include_dir];

/** The options that every compiler takes, for a compiler that runs in the root. */
export const compilerOptions = [
  ...description.cflags,
  ...description.cflags_cc,
  ...defines.map((define) => `-D${define}`),
  ...headers.flatMap((directory) => ['-isystem', directory]),
  ...['-I', 'native'],
];

/** Runs a command in the root. If it fails, the message of the error is what it has printed. */
export async function run(command, parameters, options = {}) {
  try {
    return await promisify(execFile)(command, parameters, { cwd: root, ...options });
  } catch (error) {
    throw new Error(`${command} failed:\n${error.stderr || error.message}`);
  }
}

/** Calls functions that return promises, as many at once as there are processors. */
export async function inParallel(tasks) {
  const left = [...tasks];
  const work = async () => {
    for (let task = left.shift(); task; task = left.shift()) await task();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}
