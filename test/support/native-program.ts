/** Native programs of test/native, built from the sources of the addon without Node. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const directory = fileURLToPath(new URL('../native', import.meta.url));
const sources = fileURLToPath(new URL('../../native', import.meta.url));

/** The first of these commands that is not here; undefined where all are. */
export function missing(commands: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  const paths = (process.env.PATH ?? '').split(':');
  return commands.find((command) => !paths.some((path) => existsSync(join(path, command))));
}

/**
 * Builds these sources of test/native with what they drive; the path of the program. Built once for the same
 * sources. Without flags, what they drive is not compiled again: the test build of the addon has the objects.
 */
export async function buildNative(
  name: string,
  own: readonly string[],
  flags?: readonly string[],
  compiler = 'g++',
): Promise<string> {
  const list = execFileSync(process.execPath, [join(directory, 'sources.cjs')], { encoding: 'utf8' });
  const driven = list
    .trim()
    .split('\n')
    .filter((file) => !file.includes('/binding/'));
  const files = [...driven, ...own];
  const rooms = [...new Set(driven.map((file) => basename(dirname(file))))];
  const headers = [sources, directory].flatMap((parent) =>
    readdirSync(parent, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.h'))
      .map((file) => join(parent, file)),
  );
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags]));
  for (const file of files) hash.update(readFileSync(join(directory, file)));
  for (const file of headers) hash.update(readFileSync(file));
  const program = join(directory, 'build', `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(join(directory, 'build'), { recursive: true });
  const objects = mkdtempSync(join(directory, 'build', 'objects-'));
  try {
    const fixed = ['-std=c++17', '-Wall', '-Wextra', `-I${sources}`, '-pthread'];
    fixed.push(...(flags ? ['-O1', '-g', ...flags] : ['-O0']));
    const compile = async (rest: string[]) => {
      for (let file = rest.shift(); file; file = rest.shift()) {
        // By its whole path: a room may be called like a source of a test.
        const object = join(objects, `${file.replaceAll('/', '-')}.o`);
        await run(compiler, [...fixed, '-c', '-o', object, file], { cwd: directory });
      }
    };
    const rest = [...(flags ? rooms.map(sourceOfRoom) : []), ...own];
    await Promise.all(cpus().map(() => compile(rest)));
    const made = join(objects, name);
    const compiled = readdirSync(objects).map((object) => join(objects, object));
    if (!flags) compiled.push(...rooms.map(objectOfRoom));
    await run(compiler, [...fixed, '-o', made, ...compiled]);
    renameSync(made, program);
  } finally {
    rmSync(objects, { recursive: true });
  }
  return program;
}

/** What test/native/rooms.cjs has written, and the test build has compiled, before the tests. */
function sourceOfRoom(room: string): string {
  return `build/rooms/${room}.cc`;
}

function objectOfRoom(room: string): string {
  return join(directory, 'build/Release/obj.target/holdfast/build/rooms', `${room}.o`);
}
