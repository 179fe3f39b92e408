/**
 * The promises of chronicles, and of writeFileAtomic, that can be seen on every platform.
 */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendEvent,
  openChronicle,
  readChronicle,
  tailChronicle,
  tryLock,
  writeFileAtomic,
} from '../../index.js';
import type { Check } from './bench.js';

export const chronicleChecks: { readonly [promise: string]: Check } = {
  'what is appended is read, and an id is written once': async (bench) => {
    const file = join(bench.directory, 'new', 'directories', 'events.ndjson');
    const chronicle = await openChronicle(file);
    const first = await chronicle.append({ number: 1 });
    const again = await chronicle.append({ number: 1 });
    assert.equal(first.duplicate, false);
    assert.deepEqual([again.duplicate, again.offset], [true, first.offset]);
    await chronicle.appendMany([{ number: 2 }, { number: 3 }]);
    const numbers: unknown[] = [];
    for await (const { event } of chronicle.read()) numbers.push(event.number);
    assert.deepEqual(numbers, [1, 2, 3]);
    await chronicle.close();
    const other = bench.startPeer();
    assert.equal(await other.ask('append', file, { number: 3 }), true);
    const tail = await tailChronicle(file, 2);
    assert.deepEqual(
      tail.map(({ number }) => number),
      [2, 3],
    );
  },

  'a chronicle can be read, and not appended to, while it is locked': async (bench) => {
    const file = bench.newFile();
    const other = bench.startPeer();
    await appendEvent(file, { number: 1 });
    await other.ask('lock', file);
    assert.equal((await readChronicle(file)).length, 1);
    await assert.rejects(appendEvent(file, { number: 2 }, 20), { code: 'ELOCK_TIMEOUT' });
  },

  'a chronicle that cannot be one is EIO': async ({ directory }) => {
    await assert.rejects(openChronicle(directory), { code: 'EIO' });
  },

  'processes that append at once lose and split no line': async (bench) => {
    const file = bench.newFile();
    const peers = Array.from({ length: 4 }, () => bench.startPeer());
    const count = 100;
    await Promise.all(peers.map((peer, index) => peer.ask('appendMany', file, `${index}`, count, 700)));
    const events = await readChronicle(file, { onCorrupt: 'throw' });
    assert.equal(events.length, peers.length * count);
    assert.equal(new Set(events.map(({ name, number }) => `${name} ${number}`)).size, events.length);
  },

  'what was acknowledged before a kill is there, and the next append has a line of its own': async (
    bench,
  ) => {
    const file = bench.newFile();
    const writer = bench.startPeer();
    const acknowledged = await writer.ask('appendMany', file, 'killed', 50, 3000);
    const going = writer.ask('appendMany', file, 'going', 2000, 3000).catch(() => undefined);
    await writer.kill();
    await going;
    appendFileSync(file, '{"torn":');
    await appendEvent(file, { name: 'after' });
    const events = await readChronicle(file, { onCorrupt: 'skip' });
    assert.equal(events.filter(({ name }) => name === 'killed').length, acknowledged);
    assert.equal(events.at(-1)?.name, 'after');
  },

  'names that are not ASCII, and paths of more than 260 characters': async (bench) => {
    const folders = Array.from(
      { length: 6 },
      (_, index) => `ordner-日本語-ä-🎉-${'lang-'.repeat(6)}${index}`,
    );
    const deep = join(bench.directory, ...folders);
    const file = join(deep, 'zeichen-ж.ndjson');
    assert.ok(file.length > 260);
    await appendEvent(file, { text: 'ü' });
    assert.equal((await readChronicle(file))[0]?.text, 'ü');
    const other = bench.startPeer();
    await other.ask('lock', `${file}.lock`);
    assert.equal(await tryLock(`${file}.lock`), null);
    assert.ok(readdirSync(deep).includes('zeichen-ж.ndjson.lock'));
  },

  'writeFileAtomic replaces a file whole': async (bench) => {
    const file = bench.newFile();
    writeFileSync(file, 'old');
    await writeFileAtomic(file, 'new');
    assert.equal(readFileSync(file, 'utf8'), 'new');
    const folder = join(bench.directory, 'atomic');
    mkdirSync(folder);
    const path = join(folder, 'file');
    await Promise.all(Array.from({ length: 10 }, (_, i) => writeFileAtomic(path, `${i}`.repeat(10_000))));
    assert.match(readFileSync(path, 'utf8'), /^(\d)\1{9999}$/);
    assert.deepEqual(readdirSync(folder), ['file']);
  },
};
