// Linux with musl, as Alpine is: Bun's build for it, and native code linked statically with it.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourcesFor } from '../../scripts/gyp.mjs';
import { description } from '../../scripts/native-build.mjs';
import { fetchPackage, place, require } from './runtimes.mjs';
import { build } from './zig.mjs';

/**
 * Debian's musl brings the loader, but no C++ library, and Alpine's cannot be had from npm or Debian. So it
 * is Debian's own, made for glibc, with the few functions of glibc that it calls and musl lacks
 * (libstdcxx_on_musl.c).
 */
export function bunOnMusl(version) {
  require('musl-gcc', 'musl-tools');
  const libraries = join(place, 'musl');
  mkdirSync(libraries, { recursive: true });
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    const path = execFileSync('g++', [`-print-file-name=${name}`])
      .toString()
      .trim();
    copyFileSync(path, join(libraries, name));
  }
  const source = fileURLToPath(new URL('libstdcxx_on_musl.c', import.meta.url));
  const shim = join(libraries, 'ld-linux-x86-64.so.2'); // what libstdc++ asks for by this name, musl has under none
  execFileSync('musl-gcc', ['-Wall', '-Wextra', '-Werror', '-O2', '-fPIC', '-shared', '-o', shim, source]);
  const command = join(fetchPackage('@oven/bun-linux-x64-musl-baseline', version), 'bin/bun');
  return { command: [command], env: { LD_LIBRARY_PATH: libraries } };
}

/** test/native/stress.cc with all of native/ but the binding, as one program without any library. */
export async function stressOnMusl(name, { processor, emulator = [], rounds, pairs }) {
  if (emulator.length > 0) require(emulator[0], 'qemu-user-static');
  const sources = sourcesFor(description, 'linux').filter((source) => !source.startsWith('native/binding/'));
  const program = await build(name, {
    target: `${processor}-linux-musl`,
    sources: [...sources, 'test/native/stress.cc'],
    link: ['-static'],
  });
  const directory = mkdtempSync(join(place, `${name}-`));
  try {
    const [command, ...parameters] = [...emulator, program, directory, `${rounds}`, `${pairs}`];
    const { status, signal, stderr } = spawnSync(command, parameters, { timeout: 600_000 });
    const failures = status === 0 ? [] : [`ended with ${signal ?? status}: ${stderr}`];
    return { passed: 1 - failures.length, failures, skipped: new Map() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
