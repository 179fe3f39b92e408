/** What is measured of one build, whose directory is given; told by messages which row, and for how long. */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { eventSource } from '../support/events.js';

const [build, directory] = process.argv.slice(2);
const { lock, lockSync, openChronicle, tryLock, writeFileAtomic } = createRequire(import.meta.url)(build);
mkdirSync(directory);

let number = 0;
const fresh = (name) => join(directory, `${name}-${number++}`);

/** Calls `work`, which resolves to how many things it did, until the time is over. */
async function repeat(seconds, work) {
  const [begin, cpu] = [performance.now(), process.cpuUsage()];
  let done = 0;
  let now;
  do {
    done += await work();
    now = performance.now();
  } while (now - begin < seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (done * 1000) / (now - begin), microseconds: (user + system) / done };
}

/** Sync work: `work` is called a hundred times between two looks at the clock. */
const hundred = (work) => async () => {
  for (let i = 0; i < 100; i++) work();
  return 100;
};

const path = fresh('lock');
const locking = {
  'tryLock, release': (seconds) =>
    repeat(seconds, async () => {
      for (let i = 0; i < 100; i++) await (await tryLock(path)).release();
      return 100;
    }),
  'lock, release': (seconds) =>
    repeat(seconds, async () => {
      for (let i = 0; i < 100; i++) await (await lock(path)).release();
      return 100;
    }),
  'lockSync, releaseSync': (seconds) =>
    repeat(
      seconds,
      hundred(() => lockSync(path).releaseSync()),
    ),
};

/** Callers that each wait for their append before they make the next. */
async function appending(seconds, callers, options, eventOf) {
  const chronicle = await openChronicle(fresh('chronicle'), options);
  const next = eventOf ?? eventSource(200, 'measured');
  let on = true;
  let done = 0;
  const caller = async () => {
    while (on) {
      await chronicle.append(next());
      done++;
    }
  };
  const [begin, cpu] = [performance.now(), process.cpuUsage()];
  const all = Array.from({ length: callers }, caller);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  on = false;
  await Promise.all(all);
  const { user, system } = process.cpuUsage(cpu);
  const rate = (done * 1000) / (performance.now() - begin);
  await chronicle.close();
  return { rate, microseconds: (user + system) / done };
}

const written = { durability: 'none' };
const again = Array.from({ length: 1000 }, (_, number) => ({ eventId: `again-${number}`, number }));
let place = 0;
const appends = {
  'append, 1 caller': (seconds) => appending(seconds, 1, written),
  'append, 64 callers': (seconds) => appending(seconds, 64, written),
  'append, 1,024 callers': (seconds) => appending(seconds, 1024, written),
  'append, 64 callers, of what is there already': (seconds) =>
    appending(seconds, 64, written, () => again[place++ % again.length]),
  'append, 1 caller, durable': (seconds) => appending(seconds, 1, {}),
  'append, 64 callers, durable': (seconds) => appending(seconds, 64, {}),
  appendSync: async (seconds) => {
    const chronicle = await openChronicle(fresh('chronicle'), written);
    const next = eventSource(200, 'measured');
    const result = await repeat(
      seconds,
      hundred(() => chronicle.appendSync(next())),
    );
    await chronicle.close();
    return result;
  },
};

let full;
/** A chronicle of 50,000 events, whose ids are in its `.ids` file. */
async function filled() {
  if (full) return full;
  full = fresh('full');
  const chronicle = await openChronicle(full, { ...written, dedupe: 'all' });
  const next = eventSource(200, 'full');
  for (let i = 0; i < 50; i++) await chronicle.appendMany(Array.from({ length: 1000 }, next));
  await chronicle.close();
  return full;
}

const openings = {
  'open of 50,000 events and first append, dedupe window': (seconds) => opening(seconds, {}),
  'open of 50,000 events and first append, dedupe all': (seconds) => opening(seconds, { dedupe: 'all' }),
};

async function opening(seconds, options) {
  const path = await filled();
  const next = eventSource(200, `opening ${number++}`);
  return repeat(seconds, async () => {
    const chronicle = await openChronicle(path, { ...written, ...options });
    await chronicle.append(next());
    await chronicle.close();
    return 1;
  });
}

const others = {
  'read, events': async (seconds) => {
    const path = await filled();
    const chronicle = await openChronicle(path, { ...written, dedupe: false });
    const result = await repeat(seconds, async () => {
      let events = 0;
      for await (const _ of chronicle.read()) events++;
      return events;
    });
    await chronicle.close();
    return result;
  },
  writeFileAtomic: (seconds) => replacing(seconds, written),
  'writeFileAtomic, durable': (seconds) => replacing(seconds, {}),
};

async function replacing(seconds, options) {
  const path = fresh('atomic');
  return repeat(seconds, async () => {
    await writeFileAtomic(path, 'settings', options);
    return 1;
  });
}

const rows = { ...locking, ...appends, ...openings, ...others };
process.on('message', async ({ row, seconds }) => process.send(await rows[row](seconds)));
process.send({ rows: Object.keys(rows) });
