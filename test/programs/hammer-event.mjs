// The events of hammer.mjs. Both sides make them, so that what is in the file can be compared with what was
// sent.

// Lines of several pages too: a kill can end such a write in its middle.
const sizes = [20, 300, 40_000];

// Every fifth event is sent by all writers, under one id.
export function eventOf(name, caller, number) {
  const sender = number % 5 === 0 ? 'all' : name;
  return {
    eventId: `${sender}.${caller}.${number}`,
    fill: 'x'.repeat(sizes[(caller + number) % sizes.length]),
  };
}

// The line of the event with this id.
export function lineOf(eventId) {
  const [name, caller, number] = eventId.split('.');
  return JSON.stringify({ ...eventOf(name, Number(caller), Number(number)), eventId });
}
