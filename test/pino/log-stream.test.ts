/** `holdfast/pino` as a stream: which lines it writes, when it says what, and what it does where it cannot write. */
import { on, once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { lock, lockSync, openChronicle, readChronicle } from 'holdfast';
import logTo from 'holdfast/pino';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { mountTmpfs, unmountable } from '../support/mounts.js';

const flushed = (log: logTo.Log) =>
  new Promise<void>((resolve, reject) => {
    log.flush((error) => (error ? reject(error) : resolve()));
  });

/** The next warning of a log. */
async function warning(): Promise<Error & { code?: string }> {
  for await (const [warned] of on(process, 'warning'))
    if (String(warned.code).startsWith('HOLDFAST_LOG')) return warned;
  throw new Error('there was none');
}

async function end(log: logTo.Log): Promise<void> {
  log.end();
  await once(log, 'close');
}

/** What is in the file after these texts were written to the log. */
async function written(
  texts: readonly (string | Buffer)[],
  options: Partial<logTo.Options> = {},
): Promise<string> {
  const path = join(temporaryDirectory(), 'app.log');
  const log = logTo({ path, durability: 'none', ...options });
  for (const text of texts) log.write(text);
  await end(log);
  return readFileSync(path, 'utf8');
}

describe('what is written', () => {
  it('is each line as it is, whatever its id, and also if it comes twice', async () => {
    const line = '{"eventId":"1","n":12345678901234567890}\n';
    expect(await written([line, line])).toBe(line + line);
  });

  it('is put together of pieces, in the middle of a line or of a character', async () => {
    const bytes = Buffer.from('{"text":"Zoë"}\n{"text":"🙂"}\n');
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(await written(pieces)).toBe(bytes.toString());
  });

  it.each([
    ['lines of 100 characters', 100, 30_000, 1],
    ['lines of 50,000 characters', 50_000, 50, 1],
    ['texts of many lines that end in the middle of one', 100, 30_000, 70_001],
    ['texts that are larger than a block', 100, 30_000, 2_500_001],
    ['lines that are larger than a block', 2_000_000, 3, 700_001],
  ])('is whole and in order: %s', async (_, length, count, textLength) => {
    const lines = Array.from({ length: count }, (_, n) => `{"n":${n},"text":"${'x'.repeat(length)}"}\n`);
    const all = lines.join('');
    const texts =
      textLength === 1
        ? lines
        : Array.from({ length: Math.ceil(all.length / textLength) }, (_, n) =>
            all.slice(n * textLength, (n + 1) * textLength),
          );
    expect((await written(texts)) === all).toBe(true);
  });

  it('has the last line also where its newline is missing', async () => {
    expect(await written(['{"a":1}\n{"b":2}'])).toBe('{"a":1}\n{"b":2}\n');
  });

  it.each([
    ['no JSON', 'hello "you"\n', '{"text":"hello \\"you\\""}\n'],
    ['JSON, but no object', '[1]\n17\n', '{"text":"[1]"}\n{"text":"17"}\n'],
    ['blank', '{"a":1}\n\n \r\n{"b":2}\n', '{"a":1}\n{"b":2}\n'],
    ['ended by CRLF', '{"a":1}\r\n', '{"a":1}\n'],
    ['half an emoji', '{"a":"\\ud83d"}\nno \ud83d JSON\n', '{"a":"\ufffd"}\n{"text":"no \ufffd JSON"}\n'],
  ])('where a line is %s', async (_, text, expected) => {
    expect(await written([text])).toBe(expected);
  });

  it('is cut where no reader would take it', async () => {
    const long = 'x'.repeat(9 * 1024 * 1024);
    for (const texts of [[`{"a":"${long}`, `${long}"}\n{"b":2}\n`], [`{"a":"${long}"}\n{"b":2}\n`]]) {
      const [first = '', ...rest] = (await written(texts)).split('\n');
      expect(rest).toEqual(['{"b":2}', '']);
      expect(first.length).toBeLessThan(100_000);
      expect(first.slice(0, 20)).toBe('{"text":"{\\"a\\":\\"xx');
    }
  });

  it('does not make others take the file for one that has a chain', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path });
    log.write(`{"a":1,"chainLink":"${'0'.repeat(64)}"}\n`);
    await end(log);
    const chronicle = await openChronicle(path);
    await chronicle.append({ b: 2 });
    await chronicle.close();
    expect(await readChronicle(path)).toMatchObject([{ a: 1, chainLink: '0'.repeat(64) }, { b: 2 }]);
  });

  it('stays within maxBytes, characters of several bytes too', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path, durability: 'none', rotate: { maxBytes: 1000 } });
    for (let n = 0; n < 100; n++) log.write(`{"n":${n},"text":"${'ë'.repeat(40)}"}\n`);
    await end(log);
    const chronicle = await openChronicle(path, { rotate: { maxBytes: 1000 } });
    const files = await chronicle.files();
    expect(files.length).toBeGreaterThan(9);
    for (const file of files) expect(readFileSync(file.path).length).toBeLessThanOrEqual(1000);
    expect((await chronicle.toArray()).map(({ event }) => event.n)).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    );
    await chronicle.close();
  });
});

describe('the stream', () => {
  it('calls flush back when the line is in the file, and throws nothing away at fatal', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path });
    const logger = pino(log);
    logger.info('one');
    await flushed(log);
    expect(readFileSync(path, 'utf8')).toContain('"one"');
    logger.fatal('two');
    expect(readFileSync(path, 'utf8')).toContain('"two"');
    await end(log);
    await expect(flushed(log)).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('says that it is full, and when there is room again; who does not listen is blocked, and loses nothing', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path, durability: 'none' });
    const line = `{"text":"${'x'.repeat(10_000)}"}\n`;
    let lines = 1;
    while (log.write(line)) lines++;
    const drained = once(log, 'drain');
    for (; lines < 4000; lines++) log.write(line);
    await drained;
    await end(log);
    expect(readFileSync(path).length).toBe(4000 * line.length);
  });

  it('in a worker thread says for a moment that it is full, so that much comes at once; also while it cannot write', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const held = await lock(path);
    const worker = new Worker(
      `const { once } = require('node:events');
       const { parentPort, workerData } = require('node:worker_threads');
       const log = require(workerData.module)({ path: workerData.path, durability: 'none', lockTimeout: 20 });
       log.on('close', () => parentPort.postMessage('closed'));
       parentPort.once('message', () => log.end());
       (async () => {
         for (let n = 0; n < 20; n++) {
           if (log.write('{"n":' + n + '}\\n')) parentPort.postMessage('had room');
           await once(log, 'drain');
         }
         parentPort.postMessage('wrote');
       })();`,
      {
        eval: true,
        workerData: { path, module: createRequire(import.meta.url).resolve('holdfast/pino') },
      },
    );
    expect(await once(worker, 'message')).toEqual(['wrote']);
    await held.release();
    worker.postMessage('end');
    expect(await once(worker, 'message')).toEqual(['closed']);
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it.each([
    [{}, /^EVALIDATION: path: /],
    [
      { path: 'x', durabilty: 'none' },
      /^EVALIDATION: durabilty: no such option; did you mean 'durability'\?/,
    ],
    [{ path: 'x', sync: 1 }, /^EVALIDATION: sync: /],
    [{ path: 'x', rotate: {} }, /^EVALIDATION: rotate: /],
    [{ path: 'x', dedupe: 'all' }, /^EVALIDATION: dedupe: no such option/],
    [undefined, /^EVALIDATION: options: /],
  ])('refuses %j', (options, message) => {
    expect(() => logTo(options as logTo.Options)).toThrow(message);
  });

  it('leaves no listener for signals when it is closed', async () => {
    const before = process.listenerCount('SIGTERM');
    const logs = ['a', 'b'].map((name) => logTo({ path: join(temporaryDirectory(), name) }));
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    await Promise.all(logs.map(end));
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});

describe('what cannot be written', () => {
  it('is an error where the file cannot be opened', async () => {
    const path = temporaryDirectory();
    const log = logTo({ path });
    log.write('{"a":1}\n');
    const [error] = await once(log, 'error');
    expect(error).toMatchObject({ code: 'EIO', cause: { code: 'EISDIR' } });
  });

  it('is an error of the transport likewise', async () => {
    const transport = pino.transport({ target: 'holdfast/pino', options: { path: temporaryDirectory() } });
    const [error] = await once(transport, 'error');
    expect(error.message).toMatch(/illegal operation on a directory/);
  });

  it('waits while somebody else has the lock, with one warning, and is written in order', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path, lockTimeout: 1 });
    await once(log, 'ready');
    const held = await lock(path);
    const [warned] = await Promise.all([warning(), log.write('{"a":1}\n')]);
    expect(warned).toMatchObject({ code: 'HOLDFAST_LOG_RETRY', message: expect.stringContaining(path) });
    log.write('{"b":2}\n');
    await held.release();
    await flushed(log);
    expect(await readChronicle(path)).toEqual([{ a: 1 }, { b: 2 }]);
    await end(log);
  });

  it.skipIf(unmountable)('waits while the disk is full', async () => {
    const directory = mountTmpfs(64 * 4096);
    const path = join(directory, 'app.log');
    const log = logTo({ path });
    await once(log, 'ready');
    const filler = join(directory, 'filler');
    writeFileSync(filler, Buffer.alloc(61 * 4096));
    const line = `{"text":"${'x'.repeat(20 * 4096)}"}\n`;
    const [warned] = await Promise.all([warning(), log.write(line)]);
    expect(warned).toMatchObject({
      code: 'HOLDFAST_LOG_RETRY',
      message: expect.stringContaining('no space left'),
    });
    expect(() => log.flushSync()).toThrow('no space left');
    rmSync(filler);
    log.flushSync();
    expect(readFileSync(path, 'utf8')).toBe(line);
    await end(log);
  });

  it('tries once more at the end, also if an earlier attempt fails only then', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path, durability: 'none', lockTimeout: 1 });
    log.write('{"n":1}\n');
    await flushed(log);
    const held = lockSync(path);
    log.write('{"n":2}\n');
    await new Promise((resolve) => process.nextTick(resolve)); // it is on its way
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // it fails, which this thread hears of later
    held.releaseSync();
    await end(log);
    expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
  });

  it('fills no memory, and says what it drops', async () => {
    const path = join(temporaryDirectory(), 'app.log');
    const log = logTo({ path, lockTimeout: 0 });
    await once(log, 'ready');
    const held = await lock(path);
    const warned = warning();
    const line = `{"text":"${'x'.repeat(1024 * 1024)}"}\n`;
    let dropped = 0;
    log.on('drop', () => dropped++);
    log.write(line);
    await warned;
    for (let n = 1; n < 40; n++) log.write(line);
    expect(dropped).toBeGreaterThan(15);
    await held.release();
    await end(log);
    expect(await readChronicle(path)).toHaveLength(40 - dropped);
  });

  it('is an error at the end, which is its last chance', async () => {
    const path = join(temporaryDirectory(), 'dir', 'app.log');
    mkdirSync(join(path, '..'));
    const log = logTo({ path, lockTimeout: 1 });
    await once(log, 'ready');
    const held = await lock(path);
    log.write('{"a":1}\n');
    log.end();
    const [error] = await once(log, 'error');
    expect(error).toMatchObject({ code: 'ELOCK_TIMEOUT' });
    await held.release();
  });
});
