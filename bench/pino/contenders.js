/**
 * Where pino writes to: `open` gives the stream that a logger is made of. All but one are transports in a worker thread.
 */
import logTo from 'holdfast/pino';
import { loadPeer } from '../support/peer.js';

const pino = await loadPeer('pino');
const transport = (target, options) => pino.transport({ target, options });
const durability = (durable) => (durable ? 'data' : 'none');

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean} rotates
 * @property {(path: string, durable: boolean, maxBytes?: number) => object} open
 */

/** @type {Contender[]} */
export const contenders = [
  {
    name: 'holdfast/pino, transport',
    rotates: true,
    open: (path, durable, maxBytes) =>
      transport('holdfast/pino', {
        path,
        durability: durability(durable),
        ...(maxBytes && { rotate: { maxBytes } }),
        lockTimeout: 60_000,
      }),
  },
  {
    name: 'holdfast/pino, stream',
    rotates: true,
    open: (path, durable, maxBytes) =>
      logTo({
        path,
        durability: durability(durable),
        ...(maxBytes && { rotate: { maxBytes } }),
        lockTimeout: 60_000,
      }),
  },
  {
    name: 'pino/file',
    rotates: false,
    open: (path, durable) => transport('pino/file', { destination: path, fsync: durable }),
  },
  {
    name: 'pino-roll',
    rotates: true,
    open: (path, durable, maxBytes) =>
      transport('pino-roll', {
        file: path,
        fsync: durable,
        ...(maxBytes && { size: `${maxBytes / 1024}k` }),
      }),
  },
];
