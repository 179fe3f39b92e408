/**
 * Events, no two of them alike, and files of them.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * @param {number} bytes the length of the event's JSON
 * @param {string} source makes the events of several processes differ
 * @returns {() => object}
 */
export function eventSource(bytes, source) {
  let number = 1e9;
  const frame = JSON.stringify({ number, source, type: 'measured', text: '' });
  const text = 'x'.repeat(Math.max(0, bytes - frame.length));
  return () => ({ number: ++number, source, type: 'measured', text });
}

const types = ['order.created', 'order.paid', 'order.shipped', 'order.returned'];
const names = [
  'Ada Lovelace',
  'Grace Hopper',
  'Alan Turing',
  'Zoë Müller',
  'Edsger Dijkstra',
  'Barbara Liskov',
];

/**
 * Events as a service might write them, of 330 bytes in the mean, with ids as hashes look. One in a hundred is not ASCII.
 *
 * @returns {() => object}
 */
export function serviceEventSource() {
  let number = 1e6;
  let ids = '';
  return () => {
    number++;
    if (ids === '') ids = randomBytes(32 * 1024).toString('hex');
    const eventId = ids.slice(-64);
    ids = ids.slice(0, -64);
    const name = names[number % 100 === 0 ? 3 : number % 3];
    return {
      type: types[number % types.length],
      at: new Date(1.7e12 + number * 37).toISOString(),
      number,
      customer: { id: number % 9973, name, returning: number % 3 === 0 },
      total: (number % 100_000) / 100,
      note: `Please leave parcel ${number} with the neighbours at number ${number % 90} if nobody opens`,
      request: { method: 'POST', path: `/orders/${number}`, status: 201, milliseconds: (number % 977) / 10 },
      eventId,
    };
  };
}

/** Writes whole lines until the file holds at least `bytes`. */
export function writeEvents(path, bytes, nextEvent) {
  const file = openSync(path, 'w');
  for (let written = 0; written < bytes; ) {
    let chunk = '';
    while (chunk.length < 2 ** 20 && written + chunk.length < bytes)
      chunk += `${JSON.stringify(nextEvent())}\n`;
    written += writeSync(file, chunk);
  }
  closeSync(file);
}
