/**
 * `npm run lint:cc`: lets clang check the annotations of native/os/thread_annotations.h, that is whether a
 * member is touched without its mutex. Guarded members are private, or live in one source: so the sources
 * count that name a mutex, or whose header does. Without clang, says that nothing was checked.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const tests = join(root, 'test', 'native');

if (process.platform === 'win32' || spawnSync('clang++', ['--version']).status !== 0) {
  process.stdout.write('lint:cc: left out, for there is no clang++ here\n');
} else {
  const sources = execFileSync(process.execPath, [join(tests, 'sources.cjs')], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((source) => resolve(tests, source))
    .filter((source) => [source, source.replace(/(_posix)?\.cc$/, '.h')].some(isGuarded));
  const failed = (await Promise.all(sources.map(check))).filter((isRight) => !isRight).length;
  process.stdout.write(`lint:cc: ${sources.length} sources checked, ${failed} of them wrong\n`);
  if (failed > 0) process.exitCode = 1;
}

function isGuarded(file) {
  return existsSync(file) && /\b(GUARDED_BY|REQUIRES|MutexLock)\b/.test(readFileSync(file, 'utf8'));
}

/** True if clang finds nothing; what it finds is printed. */
function check(source) {
  const headers = [require('node-addon-api').include_dir, require('node-api-headers').include_dir];
  return new Promise((done) => {
    execFile(
      'clang++',
      [
        ...['-std=c++17', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wthread-safety'],
        ...['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL', '-I', 'native'],
        ...headers.flatMap((directory) => ['-isystem', directory]),
        source,
      ],
      { cwd: root },
      (error, _, output) => {
        process.stderr.write(output);
        done(!error);
      },
    );
  });
}
