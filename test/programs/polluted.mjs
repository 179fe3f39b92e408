// Uses the public face as a service does, and prints what it came to: `<directory> <server> [<value>]`. The server is
// a PostgreSQL, or `none`. With a value, which is JSON, `Object.prototype` has it under the name of every option.
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [directory, server, value] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const holdfast = require('holdfast');
const lockfile = require('holdfast/proper-lockfile');
const sage = require('holdfast/sage-chronicle');
const logTo = require('holdfast/pino');
const { connect } = require('holdfast/postgres');
const { Pool } = require('pg');
const pool = new Pool({ connectionString: server });
// Node's sockets read `fd` of their options: these are open before.
const clients = server === 'none' ? [] : await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
for (const client of clients) client.release();
process.umask(0o022);
mkdirSync(directory);

/** Not among them are names that Node itself reads of objects that we give to it: signal, mode, recursive, … */
const names = `fd href protocol auth path kind range start length create permissions timeout remove onCorrupt
  maxLineBytes schema lockTimeout durability idKey computeId dedupe window rotate maxBytes maxAge keep chain ifEnd from to
  limit reverse where ids expect onProgress parents blocks order stale update retries onCompromised realpath
  lockfilePath factor minTimeout maxTimeout randomize forever maxRetryTime unref lockTimeoutMs windowSize useIndex
  forcePrevEventId dryRun after onGap files force sync signals
  fence retain maxEvents pool connectionString answerTimeout`.split(/\s+/);
if (value !== undefined) {
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, {
      value: JSON.parse(value),
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
}

const file = (name) => join(directory, name);
const seen = [];
const see = (name, what) => seen.push(`${name}: ${JSON.stringify(what)}`);

const held = await holdfast.lock(file('lock'), { create: true });
see('excluded', (await holdfast.tryLock(Buffer.from(file('lock')))) === null);
see('excluded, sync', holdfast.tryLockSync(new URL(`file://${file('lock')}`)) === null);
await held.release();
see('the file stays', existsSync(file('lock')));
const other = await holdfast.lock(file('lock'), {});
await other.release({});
see('and stays', existsSync(file('lock')));
await holdfast.withLock(file('lock'), async (lock) => see('within', [lock.mode, lock.path === file('lock')]));

const chronicle = await holdfast.openChronicle(file('a.ndjson'), {});
for (const n of [1, 2, 1]) see('append', (await chronicle.append({ n })).duplicate);
see(
  'appendMany',
  (await chronicle.appendMany([{ n: 2 }, { n: 3 }], {})).map(({ duplicate }) => duplicate),
);
see('appendSync', chronicle.appendSync({ n: 4 }).duplicate);
const read = [];
for await (const { event } of chronicle.read()) read.push(event.n);
for await (const { event } of chronicle.read({ limit: 2 })) read.push(event.n);
see('read', read);
see(
  'tail',
  (await chronicle.tail(2)).map(({ event }) => event.n),
);
const { events, intact } = await chronicle.verify();
see('verify', [events, intact]);
see('repair', (await chronicle.repair()).removed);
await chronicle.close();
see('lines', readFileSync(file('a.ndjson'), 'utf8'));
see('appendEvent', (await holdfast.appendEvent(file('b.ndjson'), { a: 1 }, 500)).duplicate);
see('again', (await holdfast.appendEventWithId(file('b.ndjson'), { a: 1 })).duplicate);
see('readChronicle', await holdfast.readChronicle(file('b.ndjson')));
see('tailChronicle', (await holdfast.tailChronicle(file('b.ndjson'), 1)).length);
see('verifyChronicle', (await holdfast.verifyChronicle(file('b.ndjson'))).intact);
await holdfast.writeFileAtomic(file('atomic'), 'content');
see('writeFileAtomic', readFileSync(file('atomic'), 'utf8'));

writeFileSync(file('guarded'), '');
const release = await lockfile.lock(file('guarded'));
see('lockfile', [await lockfile.check(file('guarded')), existsSync(`${file('guarded')}.lock`)]);
see('its error', await lockfile.lock(file('guarded'), { retries: 0 }).catch(({ code }) => code));
await release();
see('released', existsSync(`${file('guarded')}.lock`));
const event = {
  type: 'PLAN_APPROVED',
  timestamp: '2026-01-31T12:00:00Z',
  actor: { agent: 'guardian', id: 'x' },
};
await sage
  .appendEvent(file('c.sage'), { ...event, planHash: 'p' }, 500)
  .catch(({ message }) => see('sage', message));
see('sage', (await sage.readChronicle(file('c.sage'))).length);
const log = logTo({ path: file('log') });
log.end('{"a":1}\n');
await once(log, 'close');
see('pino', readFileSync(file('log'), 'utf8'));
if (server !== 'none') {
  const name = file('name');
  const postgres = await connect({ pool });
  const orders = await postgres.openChronicle(name, {});
  for (const n of [1, 2, 1]) see('append', (await orders.append({ n }, {})).duplicate);
  see(
    'toArray',
    (await orders.toArray()).map(({ n }) => n),
  );
  const { fence, mode } = await postgres.lock(name, {});
  see('lock', [fence, mode, await postgres.tryLock(name)]);
}
console.log(seen.join('\n').replaceAll(directory, ''));
process.exit();
