/**
 * What an event's id costs: each step by itself with the ways there are to do it, and the whole of it. No file is
 * touched.
 *
 * Everybody's blocks alternate, and each round gives its own ratios.
 */
import { createHash, hash, webcrypto } from 'node:crypto';
import { canonicalJson } from '../dist/lib/event/canonical-json.js';
import { lineOfEvent } from '../dist/lib/event/event-line.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { eventSource } from './support/events.js';
import { loadPeer, missingPeers, printMissingPeers } from './support/peer.js';
import { format, formatTime, printTable, writeResult } from './support/report.js';
import { summary } from './support/statistics.js';

const options = numbersFromCommandLine({ rounds: 9 });
const blockNs = 25e6;
/** So many different inputs, as no program hashes the same event all the time. */
const inputs = 256;

const canonicalize = await loadPeer('canonicalize');
const jsonCanonicalize = await loadPeer('json-canonicalize');
const safeStableStringify = await loadPeer('safe-stable-stringify');
const noble = await loadPeer('@noble/hashes/sha2.js');
const wasm = await (await loadPeer('hash-wasm'))?.createSHA256();

const flat = (bytes) => eventSource(bytes, 'bench');
const nested = (bytes) => {
  const next = eventSource(bytes - 110, 'bench');
  return () => ({
    type: 'order',
    timestamp: '2026-11-23T12:00:00.000Z',
    actor: { agent: 'shop', id: 'a-17' },
    tags: ['new', 'paid'],
    order: next(),
  });
};
const inOrder = (bytes) => {
  const next = flat(bytes);
  return () => {
    const { number, source, text, type } = next();
    return { number, source, text, type };
  };
};

const canonicalizers = (events) => {
  const texts = events.map((event) => JSON.stringify(event));
  return [
    { name: 'holdfast, on the text', run: (i) => canonicalJson(texts[i]) },
    {
      name: 'JSON.parse + canonicalize',
      needs: canonicalize,
      run: (i) => canonicalize(JSON.parse(texts[i])),
    },
    { name: 'canonicalize, on the event', needs: canonicalize, run: (i) => canonicalize(events[i]) },
    {
      name: 'json-canonicalize, on the event',
      needs: jsonCanonicalize,
      run: (i) => jsonCanonicalize.canonicalize(events[i]),
    },
    {
      name: 'safe-stable-stringify, on the event (not RFC 8785)',
      needs: safeStableStringify,
      run: (i) => safeStableStringify(events[i]),
    },
    { name: 'JSON.stringify alone', run: (i) => JSON.stringify(events[i]) },
  ];
};

const hashers = (events) => {
  const texts = events.map((event) => JSON.stringify(event));
  return [
    { name: 'crypto.hash', run: (i) => hash('sha256', texts[i]) },
    { name: 'crypto.createHash', run: (i) => createHash('sha256').update(texts[i]).digest('hex') },
    {
      name: 'webcrypto',
      run: async (i) =>
        Buffer.from(await webcrypto.subtle.digest('SHA-256', Buffer.from(texts[i]))).toString('hex'),
    },
    {
      name: 'hash-wasm',
      needs: wasm,
      run: (i) => wasm.init().update(texts[i]).digest('hex'),
    },
    {
      name: '@noble/hashes',
      needs: noble,
      run: (i) => Buffer.from(noble.sha256(Buffer.from(texts[i]))).toString('hex'),
    },
  ];
};

const settings = { idKey: 'eventId', computeId: true, maxLineBytes: 8 * 1024 * 1024, schema: undefined };

const wholes = (events) => [
  { name: 'holdfast', run: (i) => lineOfEvent(events[i], 'event', settings).id },
  {
    name: 'JSON.stringify + JSON.parse + canonicalize + crypto.hash',
    needs: canonicalize,
    run: (i) => hash('sha256', canonicalize(JSON.parse(JSON.stringify(events[i])))),
  },
  {
    name: 'canonicalize + crypto.createHash',
    needs: canonicalize,
    run: (i) => createHash('sha256').update(canonicalize(events[i])).digest('hex'),
  },
  { name: 'JSON.stringify + crypto.hash', run: (i) => hash('sha256', JSON.stringify(events[i])) },
];

/** Nanoseconds for one run. */
async function timeOf(run, count) {
  const began = process.hrtime.bigint();
  if (run(0) instanceof Promise) for (let i = 1; i < count; i++) await run(i % inputs);
  else for (let i = 1; i < count; i++) run(i % inputs);
  return Number(process.hrtime.bigint() - began) / count;
}

async function measure(title, make, next) {
  const entrants = make(Array.from({ length: inputs }, next)).filter((entrant) =>
    'needs' in entrant ? entrant.needs : true,
  );
  const counts = new Map();
  for (const { name, run } of entrants) {
    await timeOf(run, 20_000);
    counts.set(name, Math.max(50, Math.round(blockNs / (await timeOf(run, 2000)))));
  }
  const times = new Map(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? entrants : [...entrants].reverse();
    for (const { name, run } of order) times.get(name).push(await timeOf(run, counts.get(name)));
  }
  const first = times.get(entrants[0].name);
  const rows = [...times].map(([name, rounds]) => {
    const ratio = summary(rounds.map((time, round) => time / first[round]));
    return { name, ns: summary(rounds), ratio };
  });
  printTable(
    title,
    ['', 'median', `times ${entrants[0].name}`, 'quartiles'],
    rows.map(({ name, ns, ratio }) => [
      name,
      formatTime(ns.median),
      format(ratio.median),
      ratio.quartiles.map(format).join(' .. '),
    ]),
  );
  return rows;
}

const result = { options };
for (const bytes of [200, 10_000]) {
  const kinds = { 'properties in order': inOrder(bytes), 'out of order': flat(bytes), nested: nested(bytes) };
  for (const [kind, next] of Object.entries(kinds)) {
    const title = `Canonical JSON, ${bytes} bytes, ${kind}`;
    result[title] = await measure(title, canonicalizers, next);
  }
  result[`SHA-256, ${bytes} bytes`] = await measure(`SHA-256 of ${bytes} bytes`, hashers, flat(bytes));
  for (const [kind, next] of Object.entries(kinds)) {
    const title = `From event to id, ${bytes} bytes, ${kind}`;
    result[title] = await measure(title, wholes, next);
  }
}
printMissingPeers();
writeResult('event-ids', { ...result, missing: missingPeers() });
