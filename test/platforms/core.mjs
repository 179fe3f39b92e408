// The promises that hold on every platform, in a form that every runtime can run: no test runner, no IPC.
//
//   core.mjs RESULTS    runs all of it; writes one JSON line per test to the file RESULTS
//
// HOLDFAST_RUNTIME is a JSON array: the command that runs a program here, with its arguments.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  appendEvent,
  lock,
  lockSync,
  openChronicle,
  readChronicle,
  tailChronicle,
  tryLock,
  tryLockSync,
  withLock,
  writeFileAtomic,
} from 'holdfast';
import lockfile from 'holdfast/proper-lockfile';

const runtime = JSON.parse(process.env.HOLDFAST_RUNTIME ?? JSON.stringify([process.execPath]));
const directory = mkdtempSync(join(tmpdir(), 'holdfast-core-'));
const programs = new Set();
let files = 0;

const newFile = () => join(directory, `file-${++files}`);
const timedOut = { code: 'ELOCK_TIMEOUT' };

/** Another process that runs peer.mjs; see there. */
class Peer {
  constructor() {
    const [command, ...parameters] = runtime;
    const program = fileURLToPath(new URL('peer.mjs', import.meta.url));
    this.child = spawn(command, [...parameters, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.exited = new Promise((resolve) => this.child.on('exit', resolve));
    programs.add(this);
  }

  async ask(command, ...parameters) {
    this.child.stdin.write(`${JSON.stringify([command, ...parameters])}\n`);
    const { value } = await this.lines.next();
    if (value === undefined) throw new Error('the other process has ended');
    const { error, result } = JSON.parse(value);
    if (error) throw Object.assign(new Error(error.message), error);
    return result;
  }

  async kill() {
    programs.delete(this);
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

const tests = {
  async 'require() loads what import loads, without a flag and without a warning'() {
    const [command, ...parameters] = runtime;
    const program = fileURLToPath(new URL('load.cjs', import.meta.url));
    const child = spawn(command, [...parameters, program], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const names = Object.keys(await import('holdfast')).filter(
      (name) => !/^(default|__esModule|module\.exports)$/.test(name),
    );
    assert.deepEqual(JSON.parse(out), names.sort());
    assert.equal(err, '');
  },

  async 'two processes exclude each other'() {
    const file = newFile();
    const other = new Peer();
    assert.equal(await other.ask('lock', file), true);
    assert.equal(await tryLock(file), null);
    assert.equal(tryLockSync(file), null);
    const waiting = lock(file);
    await other.ask('release', file);
    const held = await waiting;
    assert.equal(await other.ask('tryLock', file), false);
    await held.release();
    assert.equal(await other.ask('tryLock', file), true);
  },

  async 'a killed process frees its lock at once'() {
    const file = newFile();
    const other = new Peer();
    await other.ask('lock', file);
    const waiting = lock(file);
    await other.kill();
    await (await waiting).release();
  },

  async 'a wait ends at its deadline, and a grant that comes later is kept by nobody'() {
    const file = newFile();
    const other = new Peer();
    await other.ask('lock', file);
    await assert.rejects(lock(file, { timeout: 20 }), timedOut);
    assert.throws(() => lockSync(file, { timeout: 20 }), timedOut);
    await assert.rejects(lock(file, { timeout: 20, mode: 'shared' }), timedOut);
    await Promise.all(Array.from({ length: 20 }, () => assert.rejects(lock(file, { timeout: 5 }), timedOut)));
    await other.ask('release', file);
    await (await lock(file)).release();
    assert.equal(await other.ask('lock', file), true);
  },

  async 'a wait ends at its abort'() {
    const file = newFile();
    const held = await lock(file);
    const controller = new AbortController();
    const waiting = lock(file, { signal: controller.signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await held.release();
    await (await lock(file)).release();
  },

  async 'waits for more files than there are threads for end as well'() {
    const other = new Peer();
    const taken = Array.from({ length: 80 }, newFile);
    for (const file of taken) await other.ask('lock', file);
    await Promise.all(taken.map((file) => assert.rejects(lock(file, { timeout: 50 }), timedOut)));
    const waiting = Promise.all(taken.map((file) => lock(file)));
    for (const file of taken) await other.ask('release', file);
    for (const held of await waiting) await held.release();
  },

  async 'calls for one file are served in their order'() {
    const file = newFile();
    const held = await lock(file);
    const order = [];
    const waiting = Array.from({ length: 100 }, async (_, index) => {
      const mine = await lock(file);
      order.push(index);
      await mine.release();
    });
    await held.release();
    await Promise.all(waiting);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
  },

  async 'shared holders share, and exclude an exclusive one; a lock can be downgraded and upgraded'() {
    const file = newFile();
    const other = new Peer();
    const held = await lock(file);
    await held.downgrade();
    assert.equal(await other.ask('tryLock', file), false);
    assert.equal(await other.ask('tryLock', file, { mode: 'shared' }), true);
    assert.equal(await tryLock(file), null);
    await other.ask('release', file);
    await held.upgrade();
    assert.equal(await other.ask('tryLock', file, { mode: 'shared' }), false);
    await held.release();
  },

  async 'ranges of bytes exclude each other where they overlap'() {
    const file = newFile();
    const other = new Peer();
    const range = (start, length) => ({ kind: 'fcntl', range: { start, length } });
    const held = await lock(file, range(10, 10));
    assert.equal(await other.ask('tryLock', file, range(19, 1)), false);
    assert.equal(await other.ask('tryLock', file, range(20, 0)), true);
    await held.release();
  },

  async 'a lock on an open descriptor is a lock on its file'() {
    const { closeSync, openSync } = await import('node:fs');
    const file = newFile();
    const descriptor = openSync(file, 'w+');
    const held = await lock(descriptor);
    assert.equal(await tryLock(file), null);
    await held.release();
    const byPath = await lock(file);
    await assert.rejects(lock(descriptor, { timeout: 10 }), timedOut);
    const waiting = lock(descriptor);
    await byPath.release();
    await (await waiting).release();
    closeSync(descriptor);
  },

  async 'a file can be read, and written by others, while it is locked'() {
    const file = newFile();
    const other = new Peer();
    await other.ask('lock', file);
    writeFileSync(file, 'from somebody who does not lock');
    assert.equal(readFileSync(file, 'utf8'), 'from somebody who does not lock');
    const chronicle = newFile();
    await appendEvent(chronicle, { number: 1 });
    await other.ask('lock', chronicle);
    assert.equal((await readChronicle(chronicle)).length, 1);
    await assert.rejects(appendEvent(chronicle, { number: 2 }, 20), timedOut);
  },

  async 'a child process does not keep the lock of its parent'() {
    const file = newFile();
    const other = new Peer();
    await other.ask('lock', file);
    await other.ask('startChild', runtime);
    await other.kill();
    await (await lock(file)).release();
  },

  async 'names that are not ASCII, and paths of more than 260 characters'() {
    let deep = directory;
    for (let i = 0; i < 6; i++) {
      deep = join(
        deep,
        `${'ordner-日本語-ä-🎉-'.repeat(3)}${i}`.slice(0, 60).replace(/[\ud800-\udbff]$/, ''),
      );
    }
    const file = join(deep, 'zeichen-ж.ndjson');
    assert.ok(file.length > 260);
    await appendEvent(file, { text: 'ü' });
    assert.equal((await readChronicle(file))[0].text, 'ü');
    const other = new Peer();
    assert.equal(await other.ask('lock', `${file}.lock`), true);
    assert.equal(await tryLock(`${file}.lock`), null);
    assert.ok(readdirSync(deep).includes('zeichen-ж.ndjson.lock'));
  },

  async 'a lock file that is removed on release is made again by whoever waits'() {
    const file = newFile();
    const other = new Peer();
    await other.ask('lock', file);
    const waiting = lock(file);
    await other.ask('release', file, { remove: true });
    const held = await waiting;
    assert.ok(existsSync(file));
    await held.release({ remove: true });
    assert.ok(!existsSync(file));
  },

  async 'a lock file stays where others share it, and goes with the last of them'() {
    const file = newFile();
    const other = new Peer();
    const range = { kind: 'fcntl', range: { start: 10, length: 10 } };
    for (const options of [{ mode: 'shared' }, range]) {
      await other.ask(
        'lock',
        file,
        options === range ? { kind: 'fcntl', range: { start: 0, length: 1 } } : options,
      );
      await (await lock(file, options)).release({ remove: true });
      assert.ok(existsSync(file));
      await other.ask('release', file);
      await (await lock(file, options)).release({ remove: true });
      assert.ok(!existsSync(file));
    }
  },

  async 'errors have the codes of node:fs'() {
    await assert.rejects(lock(join(directory, 'missing', 'file')), { code: 'ENOENT', syscall: 'open' });
    await assert.rejects(lock(directory), { code: 'EISDIR' });
    await assert.rejects(lock(''), { code: 'EVALIDATION', field: 'file' });
    await assert.rejects(openChronicle(directory), { code: 'EIO' });
  },

  async 'what is appended is read, and an id is written once'() {
    const file = join(directory, 'new', 'directories', 'events.ndjson');
    const chronicle = await openChronicle(file);
    const first = await chronicle.append({ number: 1 });
    const again = await chronicle.append({ number: 1 });
    assert.equal(first.duplicate, false);
    assert.deepEqual([again.duplicate, again.offset], [true, first.offset]);
    await chronicle.appendMany([{ number: 2 }, { number: 3 }]);
    const numbers = [];
    for await (const { event } of chronicle.read()) numbers.push(event.number);
    assert.deepEqual(numbers, [1, 2, 3]);
    await chronicle.close();
    const other = new Peer();
    assert.equal(await other.ask('append', file, { number: 3 }), true);
    assert.deepEqual(
      (await tailChronicle(file, 2)).map(({ number }) => number),
      [2, 3],
    );
  },

  async 'processes that append at once lose and split no line'() {
    const file = newFile();
    const peers = Array.from({ length: 4 }, () => new Peer());
    const count = 100;
    await Promise.all(peers.map((peer, name) => peer.ask('appendMany', file, name, count, 700)));
    const events = await readChronicle(file, { onCorrupt: 'throw' });
    assert.equal(events.length, 4 * count);
    assert.equal(new Set(events.map(({ name, number }) => `${name} ${number}`)).size, 4 * count);
  },

  async 'what was acknowledged before a kill is there, and the next append stands on a line of its own'() {
    const file = newFile();
    const writer = new Peer();
    const acknowledged = await writer.ask('appendMany', file, 'killed', 50, 3000);
    const going = writer.ask('appendMany', file, 'going', 2000, 3000).catch(() => undefined);
    await writer.kill();
    await going;
    appendFileSync(file, '{"torn":');
    await appendEvent(file, { name: 'after' });
    const events = await readChronicle(file, { onCorrupt: 'skip' });
    assert.equal(events.filter(({ name }) => name === 'killed').length, acknowledged);
    assert.equal(events.at(-1).name, 'after');
  },

  async 'writeFileAtomic replaces a file whole'() {
    const file = newFile();
    writeFileSync(file, 'old');
    await writeFileAtomic(file, 'new');
    assert.equal(readFileSync(file, 'utf8'), 'new');
    const folder = join(directory, 'atomic');
    mkdirSync(folder);
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => writeFileAtomic(join(folder, 'file'), `${i}`.repeat(10_000))),
    );
    assert.match(readFileSync(join(folder, 'file'), 'utf8'), /^(\d)\1{9999}$/);
    assert.deepEqual(readdirSync(folder), ['file']);
  },

  async 'withLock releases, and proper-lockfile can be replaced'() {
    const file = newFile();
    writeFileSync(file, '');
    assert.equal(await withLock(file, async () => tryLockSync(file)), null);
    const release = await lockfile.lock(file);
    assert.equal(await lockfile.check(file), true);
    await release();
    assert.equal(await lockfile.check(file), false);
  },

  async 'worker threads exclude each other, and a terminated one frees its lock'() {
    const { Worker } = await import('node:worker_threads');
    const file = newFile();
    const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { file } });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.equal(await tryLock(file), null);
    await worker.terminate();
    await (await lock(file)).release();
  },
};

const timeLimit = 60_000; // milliseconds; only ends what hangs
for (const [name, body] of Object.entries(tests)) {
  let timer;
  let outcome = { name, passed: true };
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('does not end')), timeLimit);
    });
    await Promise.race([body(), late]);
  } catch (error) {
    outcome = { name, passed: false, message: String(error?.stack ?? error) };
  }
  clearTimeout(timer);
  for (const program of programs) await program.kill();
  appendFileSync(process.argv[2], `${JSON.stringify(outcome)}\n`);
}
process.exit(0);
