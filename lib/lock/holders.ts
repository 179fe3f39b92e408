/**
 * Who holds the lock on a file. Best effort: Linux tells in /proc, and only of processes that this one may
 * look at.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { type FilePath, toNativePath } from '../base/arguments.js';
import type { LockHolder, LockMode } from '../base/lock-holder.js';

/**
 * How long the error of a lock that was not free in time is held up to name the holders, in milliseconds.
 * After that it names those that were found: there may be thousands of processes, and all threads of libuv
 * may be blocked.
 */
const maxSearchMs = 1000;

/**
 * How many times /proc/locks is read if nobody is found. The kernel hands it out a page at a time, by numbers
 * that change when a lock before is released meanwhile: on a busy machine a lock can be skipped.
 */
const maxLooks = 3;

/** How many files of /proc this thread has open at once. */
const maxOpen = 8;

/**
 * The processes that hold a flock or fcntl lock on the file, in no order; `[]` if nobody does, and if the
 * platform cannot say. A process of another pid namespace, or of another user for fcntl locks, is not seen.
 *
 * @throws the system's error if the file cannot be looked at (`ENOENT`, …), `EVALIDATION` for a bad path
 * @example
 *   for (const { pid, command, mode } of await lockHolders('jobs.lock')) console.log(pid, mode, command);
 */
export async function lockHolders(file: FilePath): Promise<LockHolder[]> {
  const search = new Search(await stat(toNativePath(file, 'file'), { bigint: true }));
  await search.run();
  return search.holders;
}

/** The searches that run, of this thread: calls that time out together share one. */
const searches = new Map<string, Promise<LockHolder[]>>();

/** For an error: as {@link lockHolders}, but within a second, and `[]` if the file cannot be looked at. */
export function findHolders(path: string): Promise<LockHolder[]> {
  let search = searches.get(path);
  if (!search) {
    search = searchSoon(path).finally(() => searches.delete(path));
    searches.set(path, search);
  }
  return search;
}

async function searchSoon(path: string): Promise<LockHolder[]> {
  const ended = new AbortController();
  let search: Search | undefined;
  const run = async () => {
    search = new Search(await stat(path, { bigint: true }));
    await search.run(ended.signal);
  };
  const timeUp = setTimeout(maxSearchMs, undefined, { signal: ended.signal });
  await Promise.race([run().catch(() => {}), timeUp.catch(() => {})]);
  ended.abort();
  return search?.holders ?? [];
}

/** As {@link findHolders}, but blocks this thread. */
export function findHoldersSync(path: string): LockHolder[] {
  try {
    return findHoldersOfSync(statSync(path, { bigint: true }));
  } catch {
    return [];
  }
}

/** As {@link findHoldersSync}, without a look at the file itself. */
export function findHoldersOfSync(file: FileId): LockHolder[] {
  const search = new Search(file);
  search.runSync(performance.now() + maxSearchMs);
  return search.holders;
}

/** A file's device and inode. */
interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A look through /proc. What it has found so far can be asked for at any time. */
class Search {
  readonly #file: string;
  readonly #found = new Map<string, { pid: number; command: string; mode: LockMode }>();
  /** Whether the lock is one of an open file description, which belongs to no process. */
  #isAnonymous = false;

  constructor(file: FileId) {
    this.#file = fileOfLock(file);
  }

  get holders(): LockHolder[] {
    return [...this.#found.values()];
  }

  get #isEmpty(): boolean {
    return this.#found.size === 0 && !this.#isAnonymous;
  }

  async run(signal?: AbortSignal): Promise<void> {
    if (process.platform !== 'linux') return;
    for (let look = 0; look < maxLooks && this.#isEmpty && !signal?.aborted; look++) {
      for (const holder of this.#add(await read('/proc/locks'))) holder.command = await commandOf(holder.pid);
    }
    if (!this.#isAnonymous) return;
    const search = async (pid: number) => {
      if (signal?.aborted) return;
      for (const descriptor of await list(`/proc/${pid}/fdinfo`)) {
        if (signal?.aborted) return;
        const text = await read(`/proc/${pid}/fdinfo/${descriptor}`);
        for (const holder of this.#add(text, pid)) holder.command = await commandOf(pid);
      }
    };
    await Promise.all(pidsIn(await list('/proc')).map(search));
  }

  /** As {@link run}, until `deadline`. */
  runSync(deadline: number): void {
    if (process.platform !== 'linux') return;
    for (let look = 0; look < maxLooks && this.#isEmpty; look++) {
      for (const holder of this.#add(readSync('/proc/locks'))) holder.command = commandOfSync(holder.pid);
    }
    if (!this.#isAnonymous) return;
    for (const pid of pidsIn(listSync('/proc'))) {
      for (const descriptor of listSync(`/proc/${pid}/fdinfo`)) {
        if (performance.now() > deadline) return;
        const text = readSync(`/proc/${pid}/fdinfo/${descriptor}`);
        for (const holder of this.#add(text, pid)) holder.command = commandOfSync(pid);
      }
    }
  }

  /**
   * The holders that `text` tells of and that are new. `owner` is whose descriptor it is of, which no lock
   * itself says.
   */
  #add(text: string, owner?: number): { readonly pid: number; command: string }[] {
    const added = [];
    for (const { pid: told, mode } of locksIn(text, this.#file)) {
      const pid = owner ?? told;
      if (pid === -1) this.#isAnonymous = true;
      const key = `${pid} ${mode}`;
      if (pid <= 0 || this.#found.has(key)) continue;
      const holder = { pid, command: '', mode };
      this.#found.set(key, holder);
      added.push(holder);
    }
    return added;
  }
}

/**
 * A file as /proc/locks names it: major and minor number of the device in hex, and the inode (proc_locks(5)).
 */
function fileOfLock({ dev, ino }: FileId): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${ino}`;
}

/** The locks that are held (not those that are waited for) in lines as /proc/locks has them. */
function* locksIn(text: string, file: string): Generator<{ pid: number; mode: LockMode }> {
  if (!text.includes(file)) return;
  const held = /^(?:lock:\s*)?\d+: (?:FLOCK|OFDLCK|POSIX) +\S+ +(READ|WRITE) +(-?\d+) (\S+) /gm;
  for (const [, access, pid, locked] of text.matchAll(held)) {
    if (locked === file) yield { pid: Number(pid), mode: access === 'WRITE' ? 'exclusive' : 'shared' };
  }
}

function pidsIn(names: readonly string[]): number[] {
  return names.map(Number).filter(Number.isInteger);
}

/** The command line, or the command's name if that is all there is. */
async function commandOf(pid: number): Promise<string> {
  return words(await read(`/proc/${pid}/cmdline`)) || words(await read(`/proc/${pid}/comm`));
}

function commandOfSync(pid: number): string {
  return words(readSync(`/proc/${pid}/cmdline`)) || words(readSync(`/proc/${pid}/comm`));
}

function words(text: string): string {
  return text.split('\0').join(' ').trim();
}

// Of a process that has ended, or is not ours to look at, nothing can be read.

const read = (path: string) => withSlot(() => readFile(path, 'utf8'), '');
const list = (path: string) => withSlot(() => readdir(path), []);

function readSync(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listSync(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

let open = 0;
const waiting: (() => void)[] = [];

/** What `call` resolves to, or else `fallback`. Waits while as many files are open as may be. */
async function withSlot<T>(call: () => Promise<T>, fallback: T): Promise<T> {
  if (open === maxOpen) await new Promise<void>((resolve) => waiting.push(resolve));
  else open++;
  try {
    return await call();
  } catch {
    return fallback;
  } finally {
    const next = waiting.shift();
    if (next)
      next(); // which takes over the slot
    else open--;
  }
}
