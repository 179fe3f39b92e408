/**
 * Loads the compiled addon, and says what to do if it cannot be loaded: the reasons are few, and each has
 * another remedy.
 *
 * Code comes from the package alone: the places are fixed, and nothing in the environment, beside the
 * executable or in the current directory is looked at.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cLibrary } from '../base/c-library.js';

/** The package's root, from dist/lib/native/load.js; undefined in a bundle of ES modules. */
const root = typeof __dirname === 'string' ? join(__dirname, '..', '..', '..') : undefined;

/** Where the addon may be, in the package. */
function places(directory: string): string[] {
  const file = 'holdfast.node';
  return [
    join(directory, 'build', 'Release', file), // of a checkout
    join(directory, 'prebuilds', `${process.platform}-${process.arch}`, file), // one for every C library
    join(directory, 'native', 'build', 'Release', file), // what the command of `missing` builds
  ];
}

/** The addon's exports: those of the first binary that this machine can load. */
export function loadAddon(): unknown {
  if (root === undefined || !isOurs(root)) throw new Error(bundled());
  let first: unknown;
  for (const file of places(root)) {
    if (!existsSync(file)) continue;
    try {
      return require(file);
    } catch (cause) {
      if (isForbidden(cause)) throw new Error(forbidden(cause as Error), { cause });
      first ??= cause;
    }
  }
  throw new Error(missing(root), { cause: first });
}

/** False where the code was moved away from its package, by a bundler. */
function isOurs(directory: string): boolean {
  try {
    const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name?: unknown };
    return name === 'holdfast';
  } catch {
    return false;
  }
}

/**
 * Node refuses addons (--no-addons, the permission model), or the system refuses to run code from this file
 * system (noexec).
 */
function isForbidden(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  return code === 'ERR_DLOPEN_DISABLED' || /failed to map segment|operation not permitted/i.test(message);
}

function bundled(): string {
  return (
    'holdfast was bundled, so it cannot find its compiled addon, which stands beside its own files. Leave it out of the ' +
    'bundle and install it where the bundle runs: --external:holdfast (esbuild), external: [/^holdfast/] (Rollup, Vite), ' +
    "externals: { holdfast: 'commonjs holdfast' } (webpack), --external holdfast (ncc). A single executable cannot hold it " +
    'either: install it beside the executable, and load it with createRequire(__filename); docs/bundlers-and-tests.md says how'
  );
}

function forbidden({ message }: Error): string {
  return (
    `holdfast has a binary for this machine, but may not load it (${message}). Allow native addons in Node ` +
    '(no --no-addons; --allow-addons with the permission model), and keep node_modules on a file system without noexec'
  );
}

function missing(directory: string): string {
  // The path is quoted as both POSIX shells and cmd take it.
  const native = join(directory, 'native');
  const command = `npm install --no-save node-addon-api node-gyp && npx node-gyp rebuild -C "${native}"`;
  const library = cLibrary();
  return (
    `holdfast has no binary that loads on this machine (${process.platform} ${process.arch}` +
    `${library ? `, ${library}` : ''}, Node-API of ${process.release?.name ?? 'node'} ${process.version}). With a C++ compiler, make and python3, build it: ${command}`
  );
}
