/**
 * Who holds the lock on a file. Best effort: Linux tells, and only of processes that this one may look at.
 * How it is found: native/lock/holders.h.
 */
import { setTimeout } from 'node:timers/promises';
import { type FilePath, toNativePath } from '../base/arguments.js';
import { isNativeError, type NativeError, systemError } from '../base/errors.js';
import type { LockHolder } from '../base/lock-holder.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import { type FoundHolders, lockMode } from '../native/protocol.js';

/**
 * How long a search takes at most, in milliseconds. After that it names those that were found: there may be
 * thousands of processes.
 */
const maxSearchMs = 1000;

/**
 * How long an error waits to learn which file it is about, in milliseconds: on a network the server may be away, and
 * whoever gave a timeout has waited that long already.
 */
const maxIdentifyMs = { local: 1000, network: 100 };

/**
 * The processes that hold a flock or fcntl lock on the file, in no order: those that have it open with the
 * lock now, whoever asked for it. `[]` if nobody does, and if the platform cannot say. Not seen are processes
 * outside of this pid namespace; and of another user's processes, those that have inherited a flock, and
 * those with an fcntl lock. A search takes a second at most.
 *
 * @throws the system's error if the file cannot be looked at (`ENOENT`, …), `EVALIDATION` for a bad path
 * @example
 *   for (const { pid, command, mode } of await lockHolders('jobs.lock')) console.log(pid, mode, command);
 */
export async function lockHolders(file: FilePath): Promise<LockHolder[]> {
  const path = toNativePath(file, 'file');
  const id = await identify(path);
  if (typeof id !== 'string') throw systemError(id, path.toString());
  return search(id);
}

/** For an error: as {@link lockHolders}, but soon in any case, and `[]` if the file cannot be looked at. */
export async function findHolders(path: NativePath): Promise<LockHolder[]> {
  const ended = new AbortController();
  const wait = native.isKnownLocal(path) ? maxIdentifyMs.local : maxIdentifyMs.network;
  const late = setTimeout(wait, undefined, { signal: ended.signal }).catch(() => undefined);
  const id = await Promise.race([identify(path), late]);
  ended.abort();
  return typeof id === 'string' ? search(id) : [];
}

/** As {@link findHolders}, but blocks this thread. */
export function findHoldersSync(path: NativePath): LockHolder[] {
  const id = native.identifyForHoldersSync(path);
  if (typeof id !== 'string') return [];
  return native.findHoldersSync([id], maxSearchMs).flatMap(toHolders);
}

/** Those that are under way: on a network it might never end, and one thread for each path is enough for that. */
const identifications = new Map<string, Promise<string | NativeError>>();

function identify(path: NativePath): Promise<string | NativeError> {
  const key = path.toString('latin1');
  let found = identifications.get(key);
  if (!found) {
    found = onHelper<string>((done) => native.identifyForHolders(path, done));
    identifications.set(key, found);
    void found.finally(() => identifications.delete(key));
  }
  return found;
}

/** The files that the next search is for, with those who want to know. Of this thread, on purpose. */
let asked = new Map<string, ((holders: LockHolder[]) => void)[]>();
let isSearching = false;

function search(id: string): Promise<LockHolder[]> {
  return new Promise((resolve) => {
    const others = asked.get(id);
    if (others) others.push(resolve);
    else asked.set(id, [resolve]);
    if (!isSearching) void searchForAll();
  });
}

/** One look at all processes answers everybody who has asked before it began: calls time out together. */
async function searchForAll(): Promise<void> {
  isSearching = true;
  while (asked.size > 0) {
    const now = asked;
    asked = new Map();
    const found = await onHelper<FoundHolders>((done) =>
      native.findHolders([...now.keys()], maxSearchMs, done),
    );
    [...now.values()].forEach((resolves, index) => {
      const holders = 'errno' in found ? [] : toHolders(found[index]);
      for (const resolve of resolves) resolve([...holders]);
    });
  }
  isSearching = false;
}

/** What a call of the addon answers; its error also where no thread is to be had for it. */
function onHelper<T>(call: (done: (answer: T | NativeError) => void) => void): Promise<T | NativeError> {
  return new Promise((resolve, reject) => {
    try {
      call(resolve);
    } catch (error) {
      if (isNativeError(error)) resolve(error);
      else reject(error);
    }
  });
}

function toHolders(raw: FoundHolders[number] = []): LockHolder[] {
  return raw.map(({ pid, mode, command }) => ({
    pid,
    mode: mode === lockMode.exclusive ? 'exclusive' : 'shared',
    command,
  }));
}
