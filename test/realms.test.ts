/** Values of another realm (`vm`, a test runner's environment, jsdom) are taken where node:fs takes them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { lock, openChronicle, tryLock, writeFileAtomic } from 'holdfast';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

/** Evaluates code in a realm of its own, whose classes are not ours. */
function elsewhere<T>(code: string, values: object = {}): T {
  return runInNewContext(code, { ...values });
}

it('bytes of a path and of a file', async () => {
  const file = join(temporaryDirectory(), 'file');
  const path = elsewhere<Buffer>('Uint8Array.from(bytes)', { bytes: [...Buffer.from(file)] });
  expect(path).not.toBeInstanceOf(Uint8Array);
  const held = await lock(path);
  expect(held.path).toBe(file);
  expect(await tryLock(file)).toBeNull();
  await held.release();
  await writeFileAtomic(file, elsewhere<Uint8Array>('new Uint8Array([104, 105])'));
  expect(readFileSync(file, 'utf8')).toBe('hi');
});

it('an AbortSignal', async () => {
  const file = join(temporaryDirectory(), 'file');
  const ours = new AbortController();
  const foreign = elsewhere<AbortSignal>(
    `class AbortSignal extends EventTarget {
      get aborted() { return signal.aborted; }
      get reason() { return signal.reason; }
    }
    const made = new AbortSignal();
    signal.addEventListener('abort', () => made.dispatchEvent(new Event('abort')));
    made;`,
    { EventTarget, Event, signal: ours.signal },
  );
  expect(foreign).not.toBeInstanceOf(AbortSignal);
  const held = await lock(file);
  const waiting = lock(file, { signal: foreign });
  const reason = new Error('enough');
  ours.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await held.release();
});

it('a URL', async () => {
  const file = join(temporaryDirectory(), 'file.ndjson');
  const { href, protocol, hostname, pathname } = pathToFileURL(file);
  const foreign = elsewhere<URL>('({ href, protocol, hostname, pathname })', {
    href,
    protocol,
    hostname,
    pathname,
  });
  expect(foreign).not.toBeInstanceOf(URL);
  const chronicle = await openChronicle(foreign);
  expect(chronicle.path).toBe(file);
  await chronicle.close();
});

it.each(['[]', '({})', 'new Map()', 'new Date(0)', '({ aborted: true })'])('and not %s', async (code) => {
  const value = elsewhere<URL & AbortSignal>(code);
  await expect(lock(value)).rejects.toMatchObject({ code: 'EVALIDATION', field: 'file' });
  const file = join(temporaryDirectory(), 'file');
  await expect(lock(file, { signal: value })).rejects.toMatchObject({ code: 'EVALIDATION', field: 'signal' });
});

it("timers of the environment, such as jsdom's, which are numbers, are not used", async () => {
  const code = `
    const { lock, openChronicle, appendEvent } = require('holdfast');
    const lockfile = require('holdfast/proper-lockfile');
    globalThis.setTimeout = globalThis.setInterval = () => 1;
    (async () => {
      const held = await lock(process.argv[1]);
      console.log(held.lost.aborted, (await lock(process.argv[1], { timeout: 20 }).catch((error) => error)).code);
      await held.release();
      await (await lockfile.lock(process.argv[1], { realpath: false }))();
      console.log((await appendEvent(process.argv[1] + '.ndjson', { n: 1 })).duplicate);
    })();`;
  const root = fileURLToPath(new URL('..', import.meta.url));
  const file = join(temporaryDirectory(), 'file');
  const parameters = ['--input-type=commonjs', '-e', code, file];
  const output = execFileSync(process.execPath, parameters, { cwd: root, encoding: 'utf8' });
  expect(output).toBe('false ELOCK_TIMEOUT\nfalse\n');
});
