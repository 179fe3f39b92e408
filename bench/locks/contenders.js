/**
 * Ways to lock a file in Node. Each cycle starts from a path and ends with nothing open, as a service would use it:
 * `asyncCycle` without blocking the event loop, `syncCycle` blocking. `hold` runs a function with the lock held, and
 * waits for the lock where it is taken.
 */
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as holdfast from 'holdfast';
import dropIn from 'holdfast/proper-lockfile';
import { loadPeer } from '../support/peer.js';

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {(path: string) => Promise<void>} [asyncCycle]
 * @property {(path: string) => void} [syncCycle]
 * @property {(path: string, body: () => void) => void | Promise<void>} [hold]
 * @property {(path: string) => Promise<{ cycle: () => Promise<void>, close: () => Promise<void> }>} [openCycle] on
 *   a file that stays open
 */

async function withFile(path, body) {
  const file = await open(path, 'a+');
  try {
    await body(file.fd);
  } finally {
    await file.close();
  }
}

function withFileSync(path, body) {
  const file = openSync(path, 'a+');
  try {
    body(file);
  } finally {
    closeSync(file);
  }
}

/** A lock that closing the file releases. */
function ofDescriptors({ name, lock, unlock, lockSync }) {
  return {
    name,
    asyncCycle: (path) => withFile(path, lock),
    hold: (path, body) =>
      withFile(path, async (file) => {
        await lock(file);
        body();
        // Rather than left to close(), which takes a trip through the thread pool.
        await unlock(file);
      }),
    openCycle: async (path) => {
      const file = await open(path, 'a+');
      const cycle = async () => {
        await lock(file.fd);
        await unlock(file.fd);
      };
      return { cycle, close: () => file.close() };
    },
    ...(lockSync && { syncCycle: (path) => withFileSync(path, lockSync) }),
  };
}

/** @type {Contender[]} */
export const ours = [
  {
    name: 'holdfast',
    asyncCycle: async (path) => (await holdfast.lock(path)).release(),
    syncCycle: (path) => holdfast.lockSync(path).releaseSync(),
    hold: (path, body) => holdfast.withLock(path, body),
  },
  {
    name: 'holdfast/proper-lockfile',
    hold: async (path, body) => {
      const release = await dropIn.lock(path, { retries: { retries: 1000, factor: 1 } });
      body();
      await release();
    },
  },
  {
    name: 'holdfast lockSync',
    hold: (path, body) => {
      const held = holdfast.lockSync(path);
      body();
      held.releaseSync();
    },
  },
];

/** @returns {Promise<Contender[]>} those that are installed, holdfast first */
export async function loadContenders() {
  const contenders = [...ours];
  const properLockfile = await loadPeer('proper-lockfile');
  if (properLockfile) {
    const options = { realpath: false };
    const retries = { forever: true, factor: 1, minTimeout: 1, maxTimeout: 1 };
    contenders.push({
      name: 'proper-lockfile',
      asyncCycle: async (path) => (await properLockfile.lock(path, options))(),
      syncCycle: (path) => properLockfile.lockSync(path, options)(),
      hold: async (path, body) => {
        const release = await properLockfile.lock(path, { ...options, retries });
        body();
        await release();
      },
    });
  }

  const lockfile = await loadPeer('lockfile');
  if (lockfile) {
    const lock = promisify(lockfile.lock);
    const unlock = promisify(lockfile.unlock);
    contenders.push({
      name: 'lockfile',
      asyncCycle: async (path) => {
        await lock(`${path}.lock`, {});
        await unlock(`${path}.lock`);
      },
      syncCycle: (path) => {
        lockfile.lockSync(`${path}.lock`, {});
        lockfile.unlockSync(`${path}.lock`);
      },
      hold: async (path, body) => {
        await lock(`${path}.lock`, { wait: 60_000, pollPeriod: 1 });
        body();
        await unlock(`${path}.lock`);
      },
    });
  }

  const fsExt = await loadPeer('fs-ext');
  if (fsExt) {
    const flock = promisify(fsExt.flock);
    contenders.push(
      ofDescriptors({
        name: 'fs-ext',
        lock: (file) => flock(file, 'ex'),
        unlock: (file) => flock(file, 'un'),
        lockSync: (file) => fsExt.flockSync(file, 'ex'),
      }),
    );
  }

  const fsNativeExtensions = await loadPeer('fs-native-extensions');
  if (fsNativeExtensions) {
    contenders.push(
      ofDescriptors({
        name: 'fs-native-extensions',
        lock: (file) => fsNativeExtensions.waitForLock(file),
        unlock: (file) => fsNativeExtensions.unlock(file),
        lockSync: (file) => fsNativeExtensions.waitForLockSync(file),
      }),
    );
  }

  const osLock = await loadPeer('os-lock');
  if (osLock) {
    contenders.push(
      ofDescriptors({
        name: 'os-lock',
        lock: (file) => osLock.lock(file, { exclusive: true }),
        unlock: (file) => osLock.unlock(file),
      }),
    );
  }
  return contenders;
}
