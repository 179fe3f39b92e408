// One of the processes that are killed at random: a writer, a reader or a repairer, told by its first
// message. What it was acknowledged and what it has seen is sent at once, so that it is known outside when it
// is killed.
import { openChronicle } from 'holdfast';
import { eventOf } from './hammer-event.mjs';

const roles = {
  // `next` holds the number of the next event for each caller.
  async writer({ file, options, name, next }) {
    const chronicle = await openChronicle(file, options);
    const call = async (first, caller) => {
      for (let number = first; ; number++) {
        const { eventId, offset } = await chronicle.append(eventOf(name, caller, number));
        process.send({ acknowledged: { caller, number, eventId, offset } });
      }
    };
    await Promise.all(next.map(call));
  },

  // Puts damaged lines aside, for ever.
  async repairer({ file, options }) {
    const chronicle = await openChronicle(file, options);
    for (;;) {
      await chronicle.repair();
      process.send({ repaired: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  // Reads on from where it stopped, for ever; where events may be moved, from the beginning again.
  async reader({ file, options, moves }) {
    const chronicle = await openChronicle(file, options);
    for (let from = 0; ; from = moves ? 0 : from) {
      const seen = [];
      for await (const { event, offset, next } of chronicle.read({ from })) {
        seen.push({ event, offset });
        from = next;
      }
      process.send({ seen });
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

process.once('message', async ({ role, ...order }) => {
  try {
    await roles[role](order);
  } catch (error) {
    process.send({ failed: `${role}: ${error.stack}` });
  }
});
