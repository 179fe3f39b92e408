/** The binaries in prebuilds/ are built from the code as it stands; a comment may differ. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const hash = createRequire(import.meta.url)('../scripts/native-hash.cjs').nativeHash();
const binaries = readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.node'))
  .map((name) => name.replaceAll('\\', '/'));

it('prebuilds/ holds the binaries that the README names', () => {
  expect(binaries).toEqual(
    expect.arrayContaining([
      'linux-arm64/holdfast.node',
      'linux-x64/holdfast.node',
      'win32-x64/holdfast.node',
    ]),
  );
});

const howToRebuild =
  'code in native/ or binding.gyp has changed since prebuilds/ was built: on Debian, ' +
  '`apt-get install g++ g++-aarch64-linux-gnu g++-mingw-w64-x86-64-posix`, then `npm run prebuild`.';

it.each(binaries)('prebuilds/%s is no older than the native sources', (name) => {
  const isFresh = readFileSync(join(root, 'prebuilds', name)).includes(`holdfast sources ${hash}`);
  expect(isFresh, howToRebuild).toBe(true);
});

/** What the binaries for Linux may call of the C library: all of it is in glibc 2.17 and in musl 1.2.3. */
const inBothCLibraries = new Set(
  `__cxa_finalize __errno_location __fxstat __lxstat __libc_current_sigrtmax __libc_current_sigrtmin __stack_chk_fail
  __stack_chk_guard __tls_get_addr __xstat vsnprintf
  clock_gettime close closedir dladdr dlopen dlsym fchmod fchown fcntl fdatasync fgetxattr flock
  fremovexattr fsetxattr fstatfs fsync ftruncate futimens getauxval geteuid getpid getxattr link lseek memchr
  memcmp memcpy memmove memset mkdir nanosleep open opendir poll pread pthread_attr_destroy pthread_attr_init
  pthread_attr_setdetachstate pthread_attr_setstacksize pthread_cond_timedwait pthread_create pthread_kill
  pthread_mutex_lock pthread_mutex_unlock pthread_self pthread_sigmask pwrite readdir readlink realpath rename sched_yield sigaction
  sigaddset sigemptyset sigfillset snprintf statfs strchr strlen strtoll sync_file_range syscall unlink
  writev`.split(/\s+/),
);

/** Debian's package musl. */
const musl = '/lib/ld-musl-x86_64.so.1';

describe.runIf(process.platform === 'linux')('on every Linux that the README names', () => {
  const linux = binaries.filter((name) => name.startsWith('linux-'));
  const path = (name: string) => join(root, 'prebuilds', name);

  it.each(linux)('prebuilds/%s needs no more than glibc 2.17 and the libstdc++ of GCC 5', (name) => {
    const needed = neededVersions(path(name));
    expect(needed.GLIBC).toBeGreaterThan(0);
    expect(needed.GLIBC).toBeLessThanOrEqual(version('2.17'));
    expect(needed.GLIBCXX).toBeLessThanOrEqual(version('3.4.21'));
    expect(needed.CXXABI).toBeLessThanOrEqual(version('1.3.9'));
  });

  it.each(linux)('prebuilds/%s lists no library that a system with musl lacks', (name) => {
    const dynamic = readelf('--dynamic', path(name));
    const listed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library);
    expect(listed).toEqual(['libstdc++.so.6', 'libgcc_s.so.1']);
  });

  it.each(linux)('prebuilds/%s calls nothing of the C library that glibc 2.17 or musl lacks', (name) => {
    const symbols = dynamicSymbols(path(name)).filter(({ isDefined, isWeak }) => !isDefined && !isWeak);
    const fromNode = symbols.filter(({ name }) => name.startsWith('napi_'));
    const fromC = symbols.filter(({ version }) => version.startsWith('GLIBC_'));
    const fromCompiler = symbols.filter(({ version }) => /^(GLIBCXX|CXXABI|GCC)_/.test(version));
    expect(fromNode.length).toBeGreaterThan(10);
    expect(fromC.length).toBeGreaterThan(10);
    expect(fromNode.length + fromC.length + fromCompiler.length).toBe(symbols.length);
    expect(fromC.map(({ name }) => name).filter((name) => !inBothCLibraries.has(name))).toEqual([]);
  });

  it.each(linux)(
    'prebuilds/%s is hardened: stack protector, full RELRO, BIND_NOW, no executable stack',
    (name) => {
      expect(dynamicSymbols(path(name)).map(({ name }) => name)).toContain('__stack_chk_fail');
      const dynamic = readelf('--dynamic', path(name));
      expect(dynamic).toMatch(/\(FLAGS\).*BIND_NOW/);
      expect(dynamic).toMatch(/\(FLAGS_1\).*NOW/);
      expect(dynamic).not.toContain('TEXTREL');
      const segments = readelf('--segments', path(name));
      expect(segments).toMatch(/^ *GNU_RELRO /m);
      expect(segments).toMatch(/^ *GNU_STACK .* RW +0x/m);
      expect(segments).not.toMatch(/^ *LOAD .* RWE /m);
    },
  );

  it.runIf(existsSync(musl))('musl has what the binaries may call', () => {
    const defined = new Set(
      dynamicSymbols(musl)
        .filter(({ isDefined }) => isDefined)
        .map(({ name }) => name),
    );
    expect([...inBothCLibraries].filter((name) => !defined.has(name))).toEqual([]);
  });
});

/** The characteristics of a DLL: winnt.h. */
const hardenedDll = { highEntropy: 0x20, dynamicBase: 0x40, noExecute: 0x100 };

it.each(binaries.filter((name) => name.startsWith('win32-')))(
  'prebuilds/%s is hardened: at a random address with high entropy, no executable data',
  (name) => {
    const bytes = readFileSync(join(root, 'prebuilds', name));
    const header = bytes.readUInt32LE(0x3c);
    expect(bytes.toString('latin1', header, header + 4)).toBe('PE\0\0');
    const characteristics = bytes.readUInt16LE(header + 24 + 70); // of the optional header
    for (const [flag, bit] of Object.entries(hardenedDll)) expect(characteristics & bit, flag).toBe(bit);
    expect(bytes.readUInt32LE(header + 24 + 112 + 5 * 8 + 4), 'relocations').toBeGreaterThan(0);
  },
);

it('the compilers are asked to look after buffers and the stack', () => {
  const [{ cflags }] = JSON.parse(readFileSync(join(root, 'binding.gyp'), 'utf8')).targets;
  expect(cflags).toEqual(expect.arrayContaining(['-fstack-protector-strong', '-D_FORTIFY_SOURCE=2']));
});

/** The highest version of each library's symbols that a Linux binary asks for. */
function neededVersions(path: string): { [library: string]: number } {
  const table = readelf('--version-info', path);
  const highest: { [library: string]: number } = {};
  for (const [, library = '', numbers = ''] of table.matchAll(/Name: ([A-Z]+)_([\d.]+)/g)) {
    highest[library] = Math.max(highest[library] ?? 0, version(numbers));
  }
  return highest;
}

/** The symbols that a file shares with others at run time; of a symbol without version, the version is ''. */
function dynamicSymbols(path: string) {
  const line = /^ *\d+: [\da-f]+ +\d+ \w+ +(\w+) +\w+ +(\w+) ([^@\s]+)@{0,2}(\S*)/gm;
  return [...readelf('--dyn-syms', path).matchAll(line)].map(
    ([, binding, section, name = '', version = '']) => ({
      name,
      version,
      isWeak: binding === 'WEAK',
      isDefined: section !== 'UND',
    }),
  );
}

function readelf(option: string, path: string): string {
  return execFileSync('readelf', [option, '--wide', path]).toString();
}

function version(text: string): number {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return major * 1e6 + minor * 1e3 + patch;
}
