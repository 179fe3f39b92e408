/**
 * Who holds the lock on a file. Best effort: Linux tells in /proc, and only of processes that this one may look at.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type FilePath, toNativePath } from '../base/arguments.js';
import type { LockHolder, LockMode } from '../base/lock-holder.js';

/**
 * The processes that hold a flock or fcntl lock on the file, in no order; `[]` where nobody does, and where the
 * platform cannot say. A process of another pid namespace, or of another user for fcntl locks, is not seen.
 *
 * @throws the system's error where the file cannot be looked at (`ENOENT`, …), `EVALIDATION` for a bad path
 */
export async function lockHolders(file: FilePath): Promise<LockHolder[]> {
  const { dev, ino } = await stat(toNativePath(file, 'file'), { bigint: true });
  return holdersOfFile(dev, ino);
}

/** As {@link lockHolders}; `[]` where the file cannot be looked at. */
export function holdersOf(path: string | Buffer): LockHolder[] {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return holdersOfFile(dev, ino);
  } catch {
    return [];
  }
}

/** As {@link lockHolders}, without a look at the file itself. */
export function holdersOfFile(dev: bigint, ino: bigint): LockHolder[] {
  return process.platform === 'linux' ? holdersIn(fileOfLock(dev, ino)) : [];
}

/** A file as /proc/locks names it: major and minor number of the device in hex, and the inode (proc_locks(5)). */
function fileOfLock(dev: bigint, ino: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${ino}`;
}

/** The locks that are held (not those that are waited for) in lines as /proc/locks has them. */
function* locksIn(text: string, file: string): Generator<{ pid: number; mode: LockMode }> {
  const held = /^(?:lock:\s*)?\d+: (?:FLOCK|OFDLCK|POSIX) +\S+ +(READ|WRITE) +(-?\d+) (\S+) /gm;
  for (const [, access, pid, place] of text.matchAll(held)) {
    if (place === file) yield { pid: Number(pid), mode: access === 'WRITE' ? 'exclusive' : 'shared' };
  }
}

function holdersIn(file: string): LockHolder[] {
  const holders = new Map<string, LockHolder>();
  const add = (pid: number, mode: LockMode) => {
    if (pid > 0) holders.set(`${pid} ${mode}`, { pid, command: commandOf(pid), mode });
  };
  let anonymous = false;
  for (const { pid, mode } of locksIn(read('/proc/locks'), file)) {
    // An open file description lock belongs to no process; who has it open is said in /proc/PID/fdinfo.
    if (pid === -1) anonymous = true;
    else add(pid, mode);
  }
  if (anonymous) {
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      for (const descriptor of list(`/proc/${pid}/fdinfo`)) {
        const text = read(`/proc/${pid}/fdinfo/${descriptor}`);
        if (text.includes('lock:')) for (const { mode } of locksIn(text, file)) add(pid, mode);
      }
    }
  }
  return [...holders.values()];
}

function commandOf(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return words || read(`/proc/${pid}/comm`).trim();
}

/** Empty where the process has ended, or is not ours to look at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
