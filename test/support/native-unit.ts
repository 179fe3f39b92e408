/** The program of the C++ unit tests (test/native/unit): builds it, names its tests, and runs it. */
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative } from './native-program.js';

const directory = join(import.meta.dirname, '../native/unit');
const sources = readdirSync(directory).filter((file) => file.endsWith('.cc'));

/** Without flags it is not optimised, because building it takes longer than running it. */
export function buildUnit(name = 'unit', flags?: readonly string[]): Promise<string> {
  return buildNative(
    name,
    sources.map((file) => join('unit', file)),
    flags,
  );
}

/** The names of the tests, as they stand in the sources. */
export function unitTests(): string[] {
  return sources.flatMap((file) => {
    const text = readFileSync(join(directory, file), 'utf8');
    return [...text.matchAll(/^TEST\("(.*)"\) \{$/gm)].map((match) => match[1] as string);
  });
}

/** Runs the tests; of each, by its name, why it failed, or that it did not. */
export async function runUnit(program: string): Promise<Map<string, string | undefined>> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(program, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      // A test that fails ends the program with 1; a crash, or a report of a sanitizer, with something else.
      if (error && error.code !== 1) reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
      else resolve(stdout);
    });
  });
  const results = new Map<string, string | undefined>();
  for (const [, not, name, reason] of output.matchAll(/^(not )?ok \d+ - (.*)\n(?:# (.*)\n)?/gm)) {
    results.set(name as string, not === undefined ? undefined : reason);
  }
  return results;
}

/** What native code finds in one line. */
export interface Found {
  readonly isEvent: boolean;
  readonly isBlank: boolean;
  readonly fingerprint: string;
  /** The id as it is written, with its escapes. */
  readonly id: Buffer;
}

/** What native code finds in these lines, which have no newline. */
export async function findInLines(program: string, key: string, lines: readonly Buffer[]): Promise<Found[]> {
  const child = spawn(program, ['find', key], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])));
  let output = '';
  for await (const text of child.stdout.setEncoding('latin1')) output += text;
  const found = output.split('\n').slice(0, -1);
  if (found.length !== lines.length) throw new Error(`${lines.length} lines, ${found.length} answers`);
  return found.map((text) => {
    const [event, blank, fingerprint, id] = text.split(' ') as [string, string, string, string];
    return { isEvent: event === '1', isBlank: blank === '1', fingerprint, id: Buffer.from(id, 'hex') };
  });
}
