/**
 * Ways to append durably in Node. `open` gives a function that appends one event and resolves (or returns) when it is
 * synced; it may be called while earlier calls are on their way. Peers write the event as it is; only holdfast gives
 * it an id and looks for duplicates.
 */
import { appendFile, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { openChronicle } from 'holdfast';
import { loadPeer } from '../support/peer.js';
import { groupCommit, oneByOne } from './queues.js';

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean} [oneProcessOnly] has no lock, or refuses a second process
 * @property {boolean} [apart] is no peer, and measured by another benchmark
 * @property {boolean} [groups] shares a sync between the callers of one process
 * @property {(path: string, process: number) => Promise<(event: object) => unknown>} open
 */

const toLine = (event) => `${JSON.stringify(event)}\n`;

async function writeAll(file, events) {
  await file.appendFile(events.map(toLine).join(''));
  await file.datasync();
}

async function openDatabase(path) {
  const Database = await loadPeer('better-sqlite3');
  const database = new Database(path, { timeout: 60_000 });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, event TEXT NOT NULL)');
  return { database, insert: database.prepare('INSERT INTO events (event) VALUES (?)') };
}

/** @type {Contender[]} */
export const contenders = [
  {
    name: 'holdfast',
    groups: true,
    open: async (path) => {
      const chronicle = await openChronicle(path, { lockTimeout: 60_000 });
      return (event) => chronicle.append(event);
    },
  },
  {
    name: 'holdfast with a chain',
    apart: true,
    groups: true,
    open: async (path) => {
      const chronicle = await openChronicle(path, { lockTimeout: 60_000, chain: true });
      return (event) => chronicle.append(event);
    },
  },
  {
    name: 'better-sqlite3',
    needs: 'better-sqlite3',
    open: async (path) => {
      const { insert } = await openDatabase(path);
      return (event) => insert.run(JSON.stringify(event));
    },
  },
  {
    name: 'better-sqlite3 in batches',
    needs: 'better-sqlite3',
    groups: true,
    open: async (path) => {
      const { database, insert } = await openDatabase(path);
      const transaction = database.transaction((events) => {
        for (const event of events) insert.run(JSON.stringify(event));
      });
      return groupCommit((events) => transaction.immediate(events));
    },
  },
  {
    name: 'lmdb',
    needs: 'lmdb',
    groups: true,
    open: async (path, process) => {
      const { open: openLmdb } = await loadPeer('lmdb');
      // Without overlapping sync, put() resolves only when the event is durable.
      const database = openLmdb({ path: `${path}.lmdb`, encoding: 'string', overlappingSync: false });
      let number = 0;
      return (event) => database.put([process, number++], JSON.stringify(event));
    },
  },
  {
    name: 'classic-level',
    needs: 'classic-level',
    groups: true,
    oneProcessOnly: true,
    open: async (path) => {
      const { ClassicLevel } = await import('classic-level');
      const database = new ClassicLevel(`${path}.level`);
      await database.open();
      let number = 1e12;
      return (event) => database.put(`${number++}`, JSON.stringify(event), { sync: true });
    },
  },
  {
    name: 'fs-ext',
    needs: 'fs-ext',
    open: async (path) => {
      const flock = promisify((await loadPeer('fs-ext')).flock);
      const file = await open(path, 'a');
      return oneByOne(async (event) => {
        await flock(file.fd, 'ex');
        await writeAll(file, [event]);
        await flock(file.fd, 'un');
      });
    },
  },
  {
    name: 'proper-lockfile',
    needs: 'proper-lockfile',
    open: async (path) => {
      const { lock } = await loadPeer('proper-lockfile');
      const file = await open(path, 'a');
      const retries = { forever: true, factor: 1, minTimeout: 1, maxTimeout: 1 };
      return oneByOne(async (event) => {
        const release = await lock(path, { realpath: false, retries });
        await appendFile(path, toLine(event));
        await file.datasync();
        await release();
      });
    },
  },
  {
    name: 'plain fs, without a lock',
    groups: true,
    oneProcessOnly: true,
    open: async (path) => {
      const file = await open(path, 'a');
      return groupCommit((events) => writeAll(file, events));
    },
  },
];

/** @returns {Promise<Contender[]>} those that are installed, holdfast first */
export async function loadContenders() {
  const installed = [];
  for (const contender of contenders) {
    if (!contender.needs || (await loadPeer(contender.needs))) installed.push(contender);
  }
  return installed;
}
