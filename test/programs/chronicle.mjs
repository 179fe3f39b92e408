// A chronicle in a process of its own. A message { call, method, args } is answered with { call, value } or
// { call, error }, whenever the method is done; test/support/chronicle-process.ts is the other side.
import { readFileSync } from 'node:fs';
import * as holdfast from 'holdfast';

let chronicle;

const methods = {
  async open(path, options) {
    chronicle = await holdfast.openChronicle(path, options);
    return chronicle.path;
  },
  append: (event) => chronicle.append(event),
  appendMany: (events) => chronicle.appendMany(events),
  close: () => chronicle.close(),
  appendEvent: holdfast.appendEvent,
  readChronicle: holdfast.readChronicle,

  // `callers` callers at once, of which each appends `count` events one after the other. Every acknowledgement is
  // sent as it comes, so that it is known outside when this process is killed.
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

  ping: () => 'pong',
  chdir: (directory) => process.chdir(directory),
  setuid: (user) => process.setuid(user),

  // Stops the event loop until somebody writes to the FIFO. Says so first, for the answer comes too late.
  stop(fifo) {
    process.send({ stopped: true });
    readFileSync(fifo);
  },
};

process.on('message', async ({ call, method, args }) => {
  try {
    process.send({ call, value: await methods[method](...args) });
  } catch (error) {
    const { name, code, field, path, message, outcomeUnknown, cause } = error;
    const of = cause && { code: cause.code, syscall: cause.syscall, path: cause.path, errno: cause.errno };
    process.send({ call, error: { name, code, field, path, message, outcomeUnknown, cause: of } });
  }
});
