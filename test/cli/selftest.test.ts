/** `holdfast selftest`, as a real command. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Finished, finished, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

/** Its checks take as long as it takes to start some twenty processes. */
const timeout = 120_000;

function selftest(directory: string, env: NodeJS.ProcessEnv = {}, ...runtime: string[]): Promise<Finished> {
  const temporary = { TMPDIR: directory, TEMP: directory, TMP: directory }; // the latter on Windows
  return finished(start(['selftest', ...runtime], { ...temporary, ...env }));
}

/** The promises that were tried, by how it ended. */
function promises({ out }: Finished, outcome: 'ok' | 'FAILED'): string[] {
  return [...out.matchAll(/^(\w+) +(.*) \(\d+ ms\)$/gm)]
    .filter(([, found]) => found === outcome)
    .map(([, , promise = '']) => promise);
}

describe('holdfast selftest', { timeout }, () => {
  it('prints a line for each promise that is kept and some about the machine, and leaves nothing', async () => {
    const directory = temporaryDirectory();
    const result = await selftest(directory);
    expect(promises(result, 'FAILED')).toEqual([]);
    expect(promises(result, 'ok')).toContain('two processes exclude each other');
    expect(promises(result, 'ok').length).toBeGreaterThan(20);
    expect(result.out).toMatch(/^\d+ checks in [\d.]+ s: all as promised$/m);
    expect(result.out).toMatch(/^holdfast +\d+\.\d+\.\d+$/m);
    expect(result.out).toMatch(new RegExp(`^runtime .*Node ${process.versions.node}, Node-API \\d+$`, 'm'));
    expect(result).toMatchObject({ code: 0, err: '' });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('says what broke, and goes on, if no other process can be started', async () => {
    const directory = temporaryDirectory();
    const result = await selftest(directory, {}, '--', join(directory, 'no-such-runtime'));
    expect(promises(result, 'FAILED')).toContain('two processes exclude each other');
    expect(promises(result, 'ok')).toContain('a wait ends at its abort');
    expect(result.out).toMatch(/^ {8}Error: the other process has ended$/m);
    expect(result.out).toMatch(/^\d+ checks in [\d.]+ s: \d+ FAILED$/m);
    expect(result.code).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.skipIf(unwatchable)('finds a file system that has no locks', async () => {
    const directory = temporaryDirectory();
    const calls = await SystemCalls.under(directory);
    calls.answer('flock', { fail: 'ENOLCK' }, true);
    const result = await selftest(directory, calls.env);
    expect(promises(result, 'FAILED')).toContain('a wait ends at its abort');
    expect(promises(result, 'ok')).toContain('ranges of bytes exclude each other where they overlap');
    expect(result.out).toContain('ENOLCK');
    expect(result.code).toBe(1);
  });

  it('ends with a message if there is no directory for temporary files', async () => {
    const missing = join(temporaryDirectory(), 'missing');
    const result = await selftest(missing);
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain('ENOENT');
  });
});
