// A chronicle in a process of its own. A message { call, method, args } is answered with { call, value } or
// { call, error }, whenever the method is done; test/support/chronicle-process.ts is the other side.
import { closeSync, openSync, readSync } from 'node:fs';
import * as holdfast from 'holdfast';
import { openAt } from './open-at.mjs';

let chronicle;
let following;
const filling = [];

const methods = {
  async open(path, options) {
    ({ chronicle } = await openAt(path, options));
    return chronicle.path;
  },
  append: (event, options) => chronicle.append(event, options),
  appendMany: (events) => chronicle.appendMany(events),
  appendSync: (events) => events.map((event) => chronicle.appendSync(event)),
  appendAtOnce: (events) => Promise.all(events.map((event) => outcomeOf(() => chronicle.append(event)))),
  stats: () => chronicle.stats(),
  async readOpen() {
    const entries = [];
    for await (const entry of chronicle.read()) entries.push(entry);
    return entries;
  },
  toArray: (range) => chronicle.toArray(range),
  close: () => chronicle.close(),
  async followNext() {
    following ??= chronicle.follow();
    return (await following.next()).value.event;
  },
  verify: () => chronicle.verify(),
  repair: () => chronicle.repair(),
  repairChronicle: holdfast.repairChronicle,
  appendEvent: holdfast.appendEvent,
  readChronicle: holdfast.readChronicle,
  writeFileAtomic: holdfast.writeFileAtomic,
  exitInTheMiddleOf(file) {
    return new Promise((answer) => {
      async function* pieces() {
        yield 'x'.repeat(1_000_000);
        answer();
        await new Promise((resolve) => setImmediate(resolve));
        process.exit();
      }
      holdfast.writeFileAtomic(file, pieces());
    });
  },

  // `callers` callers at once, of which each appends `count` events one after the other. Every
  // acknowledgement is sent as it comes, so that it is known outside when this process is killed.
  async flood(name, callers, count, sizes) {
    const run = async (caller) => {
      for (let number = 0; number < count; number++) {
        const fill = 'x'.repeat(sizes[(caller + number) % sizes.length]);
        const eventId = `${name}.${caller}.${number}`;
        const result = await chronicle.append({ eventId, name, caller, number, fill });
        process.send({ acknowledged: result });
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  },

  // One lock, taken and released.
  async lock(path, options) {
    const held = await holdfast.lock(path, options);
    await held.release();
  },

  // Opens files until no descriptor is left, and closes so many of them.
  fillDescriptors(left) {
    try {
      for (;;) filling.push(openSync('/dev/null', 'r'));
    } catch (error) {
      if (error.code !== 'EMFILE') throw error;
    }
    for (let n = 0; n < left; n++) closeSync(filling.pop());
  },
  freeDescriptors() {
    for (const descriptor of filling.splice(0)) closeSync(descriptor);
  },

  ping: () => 'pong',
  chdir: (directory) => process.chdir(directory),
  setuid: (user) => process.setuid(user),

  // Stops the event loop until the gate opens. Says so first, for the answer comes too late.
  stopAt(gate) {
    process.send({ stopped: true });
    readSync(openSync(gate, 'r'), Buffer.alloc(1));
  },
};

// What became of a call, as plain data.
async function outcomeOf(call) {
  try {
    return { value: await call() };
  } catch (error) {
    const { name, code, field, path, message, outcomeUnknown, cause } = error;
    const of = cause && { code: cause.code, syscall: cause.syscall, path: cause.path, errno: cause.errno };
    return { error: { name, code, field, path, message, outcomeUnknown, cause: of } };
  }
}

process.on('message', async ({ call, method, args }) => {
  process.send({ call, ...(await outcomeOf(() => methods[method](...args))) });
});
