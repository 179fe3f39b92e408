// Does what it is told to a chronicle, several callers at once, and sends what it begins and what came of it,
// and when. `plans` holds the operations of each caller, in their order.
import { openAt } from './open-at.mjs';

const lengthOf = (event) => JSON.stringify(event).length + 1;

async function perform(chronicle, { kind, eventId, atEnd }, known, begin) {
  if (kind === 'read') {
    begin({ kind });
    const eventIds = [];
    for await (const { event } of chronicle.read()) eventIds.push(event.eventId);
    return { kind, eventIds };
  }
  const event = { eventId };
  const length = lengthOf(event);
  const ifEnd = atEnd ? known.end : undefined;
  begin({ kind, eventId, length, ...(atEnd && { ifEnd }) });
  try {
    const { offset, duplicate } = await chronicle.append(event, atEnd ? { ifEnd } : undefined);
    if (!duplicate) known.end = offset + length;
    return { kind: 'appended', offset, duplicate };
  } catch (error) {
    if (error.code !== 'ECONFLICT') throw error;
    known.end = known.conflict = error.end;
    return { kind: 'conflict' };
  }
}

const now = () => String(process.hrtime.bigint());
let chronicle;
let close;
let plans;

const orders = {
  async open(order) {
    ({ chronicle, close } = await openAt(order.file, order.options));
    ({ plans } = order);
    process.send({ opened: true });
  },

  async go() {
    const run = async (plan, caller) => {
      // The place where this caller believes the file to end.
      const known = { end: 0 };
      for (const operation of plan) {
        const begin = (input) => process.send({ caller, input, call: now() });
        const output = await perform(chronicle, operation, known, begin);
        process.send({ caller, output, end: known.conflict, return: now() });
        known.conflict = undefined;
      }
    };
    await Promise.all(plans.map(run));
    await close();
    process.send({ finished: true });
  },
};

process.on('message', ({ order, ...rest }) => orders[order](rest));
