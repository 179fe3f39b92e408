/**
 * `npm run prebuild [-- target…] [-- --check]`: builds the binaries in prebuilds/, which npm packs, under the
 * names by which lib/native/load.ts finds them.
 *
 * On Linux all of Linux and Windows is built, by Debian's cross compilers; on another system what runs there,
 * by node-gyp. The same sources and compilers give the same bytes: `--check` builds again and compares.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeNeeded } from './elf.mjs';
import { sourcesFor } from './gyp.mjs';
import { compilerOptions, description, inParallel, root, run } from './native-build.mjs';

const require = createRequire(import.meta.url);

// One file for glibc from 2.17 on and for musl: nothing in it may be of one of them alone
// (test/prebuilds.test.ts).
const elf = {
  os: 'linux',
  file: 'holdfast.node',
  compiler: 'g++',
  compile: ['-fPIC'],
  unlisted: ['libc.so.6', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'],
  link: [
    '-shared',
    `-Wl,--version-script=${join(root, 'native', 'exports.map')}`,
    '-Wl,--gc-sections,-O1,--as-needed',
    '-Wl,-z,relro,-z,now,-z,noexecstack',
  ],
};
const targets = {
  'linux-x64': {
    ...elf,
    prefix: 'x86_64-linux-gnu-',
    package: 'g++',
  },
  'linux-arm64': {
    ...elf,
    prefix: 'aarch64-linux-gnu-',
    package: 'g++-aarch64-linux-gnu',
  },
  'win32-x64': {
    os: 'win',
    file: 'holdfast.node',
    prefix: 'x86_64-w64-mingw32-',
    compiler: 'g++-posix',
    package: 'g++-mingw-w64-x86-64-posix',
    compile: ['-D_WIN32_WINNT=0x0A00', '-DUNICODE'],
    // With a fixed base, which would else depend on the name of the file.
    link: [
      '-shared',
      '-static',
      '-fstack-protector-strong', // links what that needs here, which is no part of the C library
      '-Wl,--gc-sections,--no-insert-timestamp,--image-base=0x180000000,--dynamicbase,--high-entropy-va,--nxcompat',
    ],
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' } },
});
if (process.platform === 'linux') {
  const wanted = positionals.length > 0 ? positionals : Object.keys(targets);
  for (const name of wanted)
    if (!(name in targets)) fail(`unknown target ${name}; there are ${Object.keys(targets).join(', ')}`);
  requireCompilers(wanted);
  await crossBuild(wanted).catch((error) => fail(error.message));
} else {
  buildHere();
}

function fail(message) {
  process.stderr.write(`prebuild: ${message}\n`);
  process.exit(1);
}

function requireCompilers(names) {
  const missing = names
    .map((name) => targets[name])
    .filter(({ prefix, compiler }) => spawnSync(`${prefix}${compiler}`, ['--version']).status !== 0)
    .map((target) => target.package);
  if (missing.length > 0) fail(`compilers are missing. On Debian: apt-get install ${missing.join(' ')}`);
}

/** Every file of every target is one task; as many run at once as there are processors. */
async function crossBuild(names) {
  const temporary = mkdtempSync(join(tmpdir(), 'holdfast-prebuild-'));
  try {
    const objects = new Map(names.map((name) => [name, []]));
    const tasks = names.flatMap((name) =>
      sourcesFor(description, targets[name].os).map((source) => async () => {
        const object = join(temporary, `${name}-${source.replaceAll('/', '-')}.o`);
        objects.get(name).push(object);
        await compile(targets[name], source, object);
      }),
    );
    await inParallel(tasks);
    let differ = 0;
    for (const name of names) {
      const built = join(temporary, `${name}.node`);
      await link(targets[name], objects.get(name).sort(), temporary, built);
      if (!deliver(built, join('prebuilds', name, targets[name].file))) differ++;
    }
    if (differ > 0)
      fail('what is in prebuilds/ is not what these sources and compilers give; run: npm run prebuild');
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

async function compile(target, source, object) {
  await run(`${target.prefix}${target.compiler}`, [
    ...['-c', source, '-o', object],
    ...['-O3', '-fno-rtti', '-ffunction-sections', '-fdata-sections', '-pthread'],
    // Reproducible: no path of this machine, no random name.
    ...[`-ffile-prefix-map=${root}=./`, `-frandom-seed=${source}`],
    ...target.compile,
    ...compilerOptions,
  ]);
}

async function link(target, objects, temporary, built) {
  const libraries = target.os === 'win' ? [await delayedNode(target, temporary)] : [];
  await run(`${target.prefix}${target.compiler}`, [
    ...target.link,
    '-s',
    '-o',
    built,
    ...objects,
    ...libraries,
  ]);
  if (target.unlisted) writeFileSync(built, removeNeeded(readFileSync(built), target.unlisted));
}

/**
 * An import library of Node-API that is resolved at the first call (native/os/node_windows.cc says where),
 * because the program that loads the addon may have another name than node.exe.
 */
async function delayedNode({ prefix }, temporary) {
  const headers = require('node-api-headers').include_dir;
  const names = new Set();
  for (const file of ['js_native_api.def', 'node_api.def']) {
    const [, , ...exported] = readFileSync(join(headers, '..', 'def', file), 'utf8').split(/\r?\n/);
    for (const name of exported) if (name.trim()) names.add(name.trim());
  }
  const definition = join(temporary, 'node.def');
  const library = join(temporary, 'libnode.a');
  writeFileSync(definition, `NAME node.exe\nEXPORTS\n${[...names].join('\n')}\n`);
  // The linker orders the imports by the names of dlltool's files.
  const fixed = ['--deterministic-libraries', '--temp-prefix', 'node'];
  await run(`${prefix}dlltool`, [...fixed, '--input-def', definition, '--output-delaylib', library], {
    cwd: temporary,
  });
  return library;
}

/** For macOS and Windows themselves, where node-gyp finds the system's own compiler. */
function buildHere() {
  const name = `${process.platform}-${process.arch}`;
  const gyp = spawnSync(process.execPath, [require.resolve('node-gyp/bin/node-gyp.js'), 'rebuild'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (gyp.status !== 0) process.exit(gyp.status ?? 1);
  const built = join(root, 'build', 'Release', 'holdfast.node');
  if (process.platform === 'darwin') spawnSync('strip', ['-x', built], { stdio: 'inherit' });
  deliver(built, join('prebuilds', name, 'holdfast.node'));
}

/** With --check, only compares. */
function deliver(built, path) {
  const target = join(root, path);
  if (values.check) {
    let same = false;
    try {
      same = readFileSync(built).equals(readFileSync(target));
    } catch {
      // there is none
    }
    process.stdout.write(`${path}: ${same ? 'the same bytes' : 'DIFFERENT'}\n`);
    return same;
  }
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(built, target);
  process.stdout.write(`${path}: ${readFileSync(target).length} bytes\n`);
  return true;
}
