/**
 * `NODE_DEBUG=holdfast` prints what the diagnostics channels publish; without it, nobody subscribes to them.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const program = fileURLToPath(new URL('../programs/diagnostics.mjs', import.meta.url));

const names = [
  ...['wait', 'acquire', 'timeout', 'release'].map((name) => `lock:${name}`),
  ...['commit', 'rotate', 'poison', 'repair'].map((name) => `chronicle:${name}`),
];

async function run(NODE_DEBUG: string | undefined) {
  const directory = temporaryDirectory();
  const calls = await SystemCalls.under(directory);
  calls.answer('fdatasync poisoned', { fail: 'EIO' });
  const env = { ...process.env, ...calls.env, NODE_DEBUG };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, directory, names.join()], {
    env,
  });
  return {
    subscribed: stdout.trim().split('\n'),
    printed: stderr,
    path: (name: string) => join(directory, name),
  };
}

describe.skipIf(unwatchable)('NODE_DEBUG', () => {
  it('set to holdfast prints each message of each channel', async () => {
    const { subscribed, printed, path } = await run('http,holdfast');
    expect(subscribed).toEqual(names.map((name) => `${name} true`));
    const messages = printed.split(/^HOLDFAST \d+: /m).map((message) => message.replaceAll(/\s+/g, ' '));
    const expectMessage = (text: string) => expect(messages).toContainEqual(expect.stringContaining(text));
    expectMessage(`lock:wait { path: '${path('lock')}', mode: 'exclusive' }`);
    for (const name of ['acquire', 'timeout', 'release']) {
      expectMessage(`lock:${name} { path: '${path('lock')}', mode: 'exclusive', `);
    }
    expectMessage(`chronicle:commit { path: '${path('rotated')}', events: 1, duplicates: 0, bytes: 75, `);
    expectMessage(`chronicle:rotate { path: '${path('rotated')}' }`);
    expectMessage(`chronicle:repair { path: '${path('damaged')}', removed: `);
    expectMessage(
      `chronicle:poison { path: '${path('poisoned')}', error: HoldfastError: EIO: outcome unknown`,
    );
  });

  it.each([undefined, 'fs'])('set to %s prints nothing, and nobody subscribes', async (value) => {
    const { subscribed, printed } = await run(value);
    expect(subscribed).toEqual(names.map((name) => `${name} false`));
    expect(printed).not.toContain('HOLDFAST');
  });
});
