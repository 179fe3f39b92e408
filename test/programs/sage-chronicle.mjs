// A program as users of @sage/chronicle have it. Each message { method, args } is answered with { value } or
// { error }.
import { openChronicle } from 'holdfast';
import * as chronicle from 'holdfast/sage-chronicle';

let lock;

const methods = {
  // `callers` callers at once, of which each appends `count` events one after the other. Tells the ids of
  // those that were acknowledged, one by one, so that they are known outside when this process is killed.
  async appendAll(path, name, callers, count) {
    const run = async (caller) => {
      for (let number = 0; number < count; number++) {
        const eventId = `${name}.${caller}.${number}`;
        await chronicle.appendEvent(
          path,
          {
            type: 'BUILD',
            timestamp: new Date().toISOString(),
            actor: { agent: 'test', id: name },
            eventId,
            number,
          },
          60_000,
        );
        process.send({ acknowledged: eventId });
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  },
  // As many callers, each with a causal link. Some events come from plain appends, which the links count too.
  async chainAll(path, name, callers, count, plainCallers) {
    const event = (fields) => ({
      type: 'BUILD',
      timestamp: new Date().toISOString(),
      actor: { agent: 'test', id: name },
      ...fields,
    });
    const chain = async (caller) => {
      for (let number = 0; number < count; number++) {
        const given = event({ caller, number });
        const { eventId, prevEventId } = await chronicle.appendWithCausalChain(path, given, {
          lockTimeoutMs: 60_000,
        });
        process.send({ acknowledged: { eventId, prevEventId } });
      }
    };
    let chaining = true;
    const append = async (caller) => {
      for (let number = 0; chaining; number++) {
        await chronicle.appendEvent(path, event({ plain: caller, number }), 60_000);
      }
    };
    const plain = Array.from({ length: plainCallers }, (_, caller) => append(caller));
    await Promise.all(Array.from({ length: callers }, (_, caller) => chain(caller)));
    chaining = false;
    await Promise.all(plain);
  },
  // Writes an event twice and has duplicates removed, again and again. Tells how many were.
  async repeatAndRemove(path, times) {
    const doubling = await openChronicle(path, { dedupe: false, lockTimeout: 60_000 });
    let removed = 0;
    for (let i = 0; i < times; i++) {
      const event = { eventId: `twice.${i}` };
      await doubling.appendMany([event, event]);
      removed += await chronicle.deduplicateConsecutiveEvents(path);
    }
    await doubling.close();
    return removed;
  },
  async lock(path) {
    lock = await chronicle.acquireLock(path, 0);
  },
  release: () => lock.release(),
  appendEvent: chronicle.appendEvent,
};

process.on('message', async ({ method, args }) => {
  try {
    process.send({ value: await methods[method](...args) });
  } catch ({ code, message }) {
    process.send({ error: { code, message } });
  }
});
process.send({ ready: true });
