/**
 * `npm run test:platforms [-- name…]`: runs the tests on every platform that this Linux machine can run, and
 * prints a table.
 *
 * The whole test suite where its runner works; else its portable core (`holdfast selftest`), in an empty
 * project into which npm has installed the package.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { compileForMacos } from './macos.mjs';
import { bunOnMusl, stressOnMusl } from './musl.mjs';
import { onNfs, userModeLinux } from './nfs.mjs';
import { requireFreshBinaries } from './prebuilds.mjs';
import { armNode, bun, deno, linuxNode, lowest, Missing, place, root, wineNode } from './runtimes.mjs';
import { withoutOnWine } from './wine.mjs';

/** By name: the platform and the runtime for the table, where it comes from, and which tests it runs. */
const platforms = {
  ...Object.fromEntries(
    lowest.map((version) => [`node-${parseInt(version, 10)}-lowest`, lowestRow(version)]),
  ),
  'node-20': ['Linux x64', 'Node 20', () => linuxNode('20.20.2'), suite],
  'node-22': ['Linux x64', 'Node 22', () => linuxNode('22.23.3'), suite],
  'node-24': ['Linux x64', 'Node 24', () => linuxNode('24.21.0'), suite],
  'node-26': ['Linux x64', 'Node 26', () => linuxNode('26.10.0'), suite],
  bun: ['Linux x64', 'Bun 1.4', () => bun('1.4.5'), core],
  deno: ['Linux x64', 'Deno 2.9', () => deno('2.9.6'), core],
  'arm64-node-22': ['Linux arm64 (qemu)', 'Node 22', () => armNode('22.23.3'), core],
  'arm64-node-24': ['Linux arm64 (qemu)', 'Node 24', () => armNode('24.22.0'), core],
  'alpine-bun': ['Linux x64, musl', 'Bun 1.4', () => bunOnMusl('1.4.5'), core],
  'musl-stress': ['Linux x64, musl', 'no runtime', () => stress('x86_64', 3000), stressOnMusl],
  'musl-stress-arm64': ['Linux arm64, musl (qemu)', 'no runtime', () => stress('aarch64', 300), stressOnMusl],
  nfs: ['Linux x64, NFS 4.2, 4.0, 3', 'Node 20', userModeLinux, onNfs],
  'macos-x64': ['macOS x64', 'compiled and linked', () => 'x86_64', compileForMacos],
  'macos-arm64': ['macOS arm64', 'compiled and linked', () => 'aarch64', compileForMacos],
  'windows-node-22': ['Windows x64 (wine)', 'Node 22', () => wineNode('22.23.3'), suite],
  'windows-node-22-core': ['Windows x64 (wine)', 'Node 22, core', () => wineNode('22.23.3'), coreAndRights],
  'windows-node-26': ['Windows x64 (wine)', 'Node 26', () => wineNode('26.10.0'), core],
};

/** After that, in milliseconds, something hangs. */
const timeLimit = 900_000;

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in platforms)) {
    console.error(`unknown platform ${name}; there are ${Object.keys(platforms).join(', ')}`);
    process.exit(2);
  }
}

const names = wanted.length > 0 ? wanted : Object.keys(platforms);
mkdirSync(place, { recursive: true });
const usesPackage = names.some((name) => [core, coreAndRights, suite, onNfs].includes(platforms[name][3]));
if (usesPackage) requireFreshBinaries();
const project = usesPackage ? installPackage() : undefined;
const table = new Table({
  head: ['platform', 'runtime', 'tests', 'passed', 'failed', 'skipped', 'seconds'],
  style: { head: [], border: [] },
});
const results = new Map();
// Side by side, because wine lets a processor idle most of the time.
const isWindows = (name) => name.startsWith('windows');
await Promise.all([runInTurn(names.filter((name) => !isWindows(name))), runInTurn(names.filter(isWindows))]);
const notes = [];
let failed = false;
for (const name of names) {
  const [platform, runtime] = platforms[name];
  const { passed, failures, skipped, seconds } = results.get(name);
  const skips = [...skipped.values()].flat().length;
  table.push([platform, runtime, passed + failures.length, passed, failures.length, skips, seconds]);
  for (const [reason, titles] of skipped)
    notes.push(`${platform}, ${runtime}: ${titles.length} skipped, ${reason}`);
  failed ||= failures.length > 0;
}
console.log(`${table}\n${notes.join('\n')}`);
process.exit(failed ? 1 : 0);

/** The first version of a line of Node that `engines` admits. */
function lowestRow(version) {
  return ['Linux x64', `Node ${version}`, () => linuxNode(version), core];
}

/** How native code is to be driven. Other processors are emulated. */
function stress(processor, rounds) {
  return {
    processor,
    rounds,
    pairs: 4,
    emulator: processor === 'x86_64' ? [] : [`qemu-${processor}-static`],
  };
}

/** Runs the tests of these platforms, one after the other. */
async function runInTurn(names) {
  for (const name of names) {
    const [, , prepare, tests] = platforms[name];
    const began = performance.now();
    let result;
    try {
      result = await tests(name, prepare(), project);
    } catch (error) {
      const message = error instanceof Missing ? error.message : String(error.stack ?? error);
      result = { passed: 0, failures: [`not run: ${message}`], skipped: new Map() };
    }
    const { passed, failures } = result;
    const seconds = Math.round((performance.now() - began) / 1000);
    results.set(name, { ...result, seconds });
    console.log(`${name}: ${passed} passed, ${failures.length} failed, ${seconds} s`);
    for (const failure of failures) console.log(`  FAILED ${failure}`);
  }
}

/** An empty project with the package in it, as npm installs it without scripts, and the portable core. */
function installPackage() {
  const folder = join(place, 'project');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const npm = (...parameters) => execFileSync('npm', parameters, { cwd: folder, stdio: 'pipe' }).toString();
  const [{ filename }] = JSON.parse(npm('pack', '--json', root));
  npm('install', '--ignore-scripts', '--no-audit', '--prefer-offline', join(folder, filename));
  for (const program of ['load.cjs', 'rights.cjs'])
    cpSync(join(root, 'test/platforms', program), join(folder, program));
  return folder;
}

/** Runs a program with its output in a file: a program of Windows cannot write to a pipe of this system. */
async function run([command, ...parameters], { cwd, env, output }) {
  const descriptor = openSync(output, 'w');
  const child = spawn(command, parameters, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', descriptor, descriptor],
    timeout: timeLimit,
    killSignal: 'SIGKILL',
  });
  closeSync(descriptor);
  const [code] = await once(child, 'exit');
  return code;
}

/** The portable core: what `require()` and `import` load, and `holdfast selftest`. */
async function core(name, { command, env }) {
  const output = join(place, `${name}.log`);
  const program = async (...words) => {
    const code = await run([...command, ...words], { cwd: project, env, output });
    return { code, text: readFileSync(output, 'utf8').replaceAll('\r', '') };
  };
  const loading = await program('load.cjs');
  const loads = loading.code === 0 && loading.text === '';
  const failures = loads ? [] : [`require() loads what import loads: ${loading.code}, ${loading.text}`];
  // Deno and wine tell their programs how to run others; of an emulator a program knows nothing.
  const runtime = command[0].startsWith('qemu-') ? ['--', ...command] : [];
  const { code, text } = await program('node_modules/holdfast/dist/lib/cli/main.js', 'selftest', ...runtime);
  const checks = [...text.matchAll(/^(ok|FAILED) +(.*) \(\d+ ms\)$((?:\n {8}.*)*)/gm)];
  for (const [, outcome, promise, details] of checks)
    if (outcome === 'FAILED') failures.push(`${promise}:${details}`);
  if (failures.length === 0 && (code !== 0 || !text.includes('all as promised')))
    failures.push(`ended with ${code}: ${text.slice(-2000)}`);
  const passed = checks.filter(([, outcome]) => outcome === 'ok').length + (loads ? 1 : 0);
  return { passed, failures, skipped: new Map() };
}

/**
 * The portable core, and C12: wine shows the access control list of a file as permissions to those outside. What Windows
 * lets no other user read before, it lets none read after.
 */
async function coreAndRights(name, { command, env, toWindows }, folder) {
  const { passed, failures, skipped } = await core(name, { command, env });
  const directory = join(place, `${name}-rights`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const old = { settings: 'old', log: '', public: '' };
  for (const [file, text] of Object.entries(old)) {
    writeFileSync(join(directory, file), text, { mode: file === 'public' ? 0o644 : 0o600 });
  }
  const output = join(place, `${name}-rights.log`);
  const program = join(folder, 'rights.cjs');
  const code = await run([...command, program, toWindows(directory)], { cwd: folder, env, output });
  const open = readdirSync(directory).filter((file) => (lstatSync(join(directory, file)).mode & 0o007) !== 0);
  const made = existsSync(join(directory, 'log.ids'));
  if (code === 0 && made && open.join() === 'public') return { passed: passed + 1, failures, skipped };
  const seen = `ended with ${code}, everybody may read ${open}, .ids ${made ? 'made' : 'not made'}`;
  failures.push(`C12: files that others may not read: ${seen}: ${readFileSync(output, 'utf8')}`);
  return { passed, failures, skipped };
}

/** In a checkout, the binary that is shipped in place of the one that was built. On Windows there is no other. */
function withShippedAddon() {
  return {
    NODE_OPTIONS: `--require=${JSON.stringify(join(root, 'test/support/other-addon.cjs'))}`,
    HOLDFAST_TEST_ADDON: join(root, `prebuilds/linux-${process.arch}/holdfast.node`),
  };
}

/** The whole suite, by vitest. */
async function suite(name, { command, env, toWindows }) {
  const folder = toWindows ? windowsCopy() : root;
  const results = join(place, `${name}.results`);
  const output = join(place, `${name}.log`);
  rmSync(results, { force: true });
  const left = toWindows ? withoutOnWine : new Map();
  const pattern = [...left.keys()].map(({ source }) => source).join('|');
  const code = await run(
    [
      ...command,
      'node_modules/vitest/vitest.mjs',
      'run',
      ...['--reporter=default', '--reporter=json'], // the first one for the log
      `--outputFile=${toWindows ? toWindows(results) : results}`,
      // About the binaries, not about the runtime.
      ...['--exclude', 'test/prebuilds.test.ts'],
      ...(pattern ? ['--testNamePattern', `^(?!.*(${pattern}))`] : []),
      ...(toWindows ? ['--maxWorkers=1'] : []), // wineserver has crashed under four
    ],
    { cwd: folder, env: { ...env, ...(toWindows ? {} : withShippedAddon()) }, output },
  );
  if (!existsSync(results))
    throw new Error(`vitest ended with ${code}: ${readFileSync(output, 'utf8').slice(-2000)}`);
  const files = JSON.parse(readFileSync(results, 'utf8')).testResults;
  const cases = files.flatMap(({ assertionResults }) => assertionResults);
  const titled = (status) => cases.filter((one) => one.status === status);
  const failures = titled('failed').map(
    ({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join('\n').slice(0, 500)}`,
  );
  for (const { status, name: file, message, assertionResults } of files) {
    if (status === 'failed' && assertionResults.every((one) => one.status !== 'failed'))
      failures.push(`${file}: ${message}`);
  }
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code}`);
  const skipped = new Map();
  for (const { fullName } of cases.filter(({ status }) => ['skipped', 'pending', 'todo'].includes(status))) {
    const [, reason] = [...left].find(([matcher]) => matcher.test(fullName)) ?? [
      undefined,
      'as the test says',
    ];
    skipped.set(reason, [...(skipped.get(reason) ?? []), fullName]);
  }
  return { passed: titled('passed').length, failures, skipped };
}

function isFile(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The working tree with what its tests need to run on Windows. */
function windowsCopy() {
  const folder = join(place, 'windows');
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root })
    .toString()
    .trim()
    .split('\n');
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const isFresh =
    existsSync(join(folder, 'complete')) && readFileSync(join(folder, 'complete'), 'utf8') === lock;
  if (!isFresh) rmSync(folder, { recursive: true, force: true });
  for (const old of ['test', 'lib', 'dist', 'prebuilds'])
    rmSync(join(folder, old), { recursive: true, force: true });
  for (const file of files.filter((file) => !file.startsWith('bench/') && isFile(join(root, file)))) {
    cpSync(join(root, file), join(folder, file));
  }
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  if (!isFresh) {
    execFileSync('npm', ['ci', '--os=win32', '--cpu=x64', '--no-audit'], { cwd: folder, stdio: 'pipe' });
    writeFileSync(join(folder, 'complete'), lock);
  }
  return folder;
}
