/**
 * The ways to read every event of a file, one after the other. Each resolves to how many there were.
 */
import { createReadStream, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openChronicle } from 'holdfast';
import { loadPeer } from '../support/peer.js';

/** So much of the file is in memory as lines where JSON.parse is measured alone. */
export const bytesInMemory = 100e6;

const split2 = await loadPeer('split2');
const ndjson = await loadPeer('ndjson');

/** @typedef {{ name: string, prepare: (path: string) => { bytes?: number, run: () => Promise<number> | number } }} Contender */

/** The whole lines in the first bytes of a file, as strings. */
function linesInMemory(path) {
  const buffer = Buffer.allocUnsafeSlow(bytesInMemory);
  const bytes = buffer.subarray(0, readSync(openSync(path, 'r'), buffer));
  const lines = [];
  let begin = 0;
  for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', begin)) {
    lines.push(bytes.toString('utf8', begin, end));
    begin = end + 1;
  }
  return { bytes: begin, lines };
}

function parseAll(lines) {
  let events = 0;
  for (const line of lines) if (JSON.parse(line)) events++;
  return events;
}

/** Work on an open chronicle that resolves to a number. */
function withChronicle(work, options) {
  return (path) => ({
    run: async () => {
      const chronicle = await openChronicle(path, { ...options, dedupe: false });
      try {
        return await work(chronicle);
      } finally {
        await chronicle.close();
      }
    },
  });
}

/** Counts what comes out of a stream of objects. */
function counted(stream) {
  return new Promise((resolve, reject) => {
    let events = 0;
    stream.on('data', () => events++);
    stream.on('end', () => resolve(events));
    stream.on('error', reject);
  });
}

/** @type {Contender[]} */
export const contenders = [
  {
    name: 'JSON.parse alone',
    prepare: (path) => {
      const { bytes, lines } = linesInMemory(path);
      return { bytes, run: () => parseAll(lines) };
    },
  },
  {
    name: 'holdfast, readBatches()',
    prepare: withChronicle(async (chronicle) => {
      let events = 0;
      for await (const batch of chronicle.readBatches()) events += batch.length;
      return events;
    }),
  },
  {
    name: 'holdfast, read()',
    prepare: withChronicle(async (chronicle) => {
      let events = 0;
      for await (const { event } of chronicle.read()) if (event) events++;
      return events;
    }),
  },
  {
    name: 'readline + JSON.parse',
    prepare: (path) => ({
      run: () =>
        new Promise((resolve, reject) => {
          let events = 0;
          const input = createReadStream(path).on('error', reject);
          const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
          lines.on('line', (line) => {
            if (JSON.parse(line)) events++;
          });
          lines.on('close', () => resolve(events));
        }),
    }),
  },
  split2 && {
    name: 'split2 + JSON.parse',
    prepare: (path) => ({ run: () => counted(createReadStream(path).pipe(split2(JSON.parse))) }),
  },
  ndjson && {
    name: 'ndjson',
    prepare: (path) => ({ run: () => counted(createReadStream(path).pipe(ndjson.parse())) }),
  },
  { name: 'nothing', prepare: () => ({ run: () => 0 }) },
].filter(Boolean);

const selectNothing = async (chronicle) => (await chronicle.toArray({ where: { type: 'none' } })).length;

/** @type {Contender[]} What looks at the whole file without parsing all of it, and what does more than to parse it. */
export const searches = [
  {
    name: 'find() of the last event',
    prepare: withChronicle(async (chronicle) => {
      const [last] = await chronicle.tail(1);
      const found = await chronicle.find(last.event.eventId);
      if (found?.offset !== last.offset) throw new Error('found another event');
      return 1;
    }),
  },
  { name: 'read({ where }) that selects nothing', prepare: withChronicle(selectNothing) },
  {
    name: "the same with onCorrupt: 'skip'",
    prepare: withChronicle(selectNothing, { onCorrupt: 'skip' }),
  },
  {
    name: 'verify()',
    prepare: withChronicle(async (chronicle) => (await chronicle.verify()).events),
  },
];
