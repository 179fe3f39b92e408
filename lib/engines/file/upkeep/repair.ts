/**
 * Repairing a chronicle: its corrupt lines are put aside, and the others stay as they are.
 */

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { keepOwnerAndMode } from '../../../atomic/replace-file.js';
import { syncDirectory, syncFile } from '../../../atomic/sync.js';
import { throwIfAborted } from '../../../base/abort.js';
import { type FilePath, toNativePath } from '../../../base/arguments.js';
import { HoldfastError, ioError, irregular, systemError, withIoErrors } from '../../../base/errors.js';
import { followLinks, withSuffix } from '../../../base/paths.js';
import { checkRepairOptions, type RepairOptions } from '../../../chronicle/call-options.js';
import { channels } from '../../../chronicle/diagnostics.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from '../../../chronicle/options.js';
import type { Repair } from '../../../chronicle/results.js';
import type { FileLock } from '../../../lock/file-lock.js';
import { lock } from '../../../lock/lock.js';
import type { NativePath } from '../../../native/addon.js';
import { DamageCount } from './damage.js';
import { rewriteChronicle, type Selection } from './rewrite.js';

const newline = 0x0a;

/** Puts the corrupt lines of a file aside that need not be open; see {@link Chronicle.repair}. */
export async function repairChronicle(
  path: FilePath,
  options?: RepairOptions & Pick<ChronicleOptions, 'durability' | 'lockTimeout' | 'maxLineBytes'>,
): Promise<Repair> {
  return repair(toNativePath(path, 'path'), checkChronicleOptions(options), checkRepairOptions(options));
}

export async function repair(
  path: NativePath,
  settings: Settings,
  { onProgress, signal }: RepairOptions,
): Promise<Repair> {
  throwIfAborted(signal);

  let removed = new DamageCount();
  let damaged: DamagedFile | undefined;
  const begin = (): Selection => {
    removed = new DamageCount();
    return {
      keepsNonEvent(line) {
        if (line.kind === 'blank') return true;
        const { offset, length, reason } = line;
        removed.add({ path: path.toString(), offset, length, reason });
        return false;
      },
      async prepare() {
        damaged ??= await DamagedFile.open(path, settings, signal);
        await damaged.undo();
      },
      drop: async (bytes) => damaged?.append(bytes),
      finish: async () => damaged?.finish(settings.durability),
    };
  };
  const { lockTimeout, durability, maxLineBytes } = settings;
  const progress =
    onProgress &&
    ((phase: 'look' | 'copy', done: number, total: number) => onProgress({ phase, done, total }));
  try {
    const rewriting = { lockTimeout, durability, maxLineBytes, signal, onProgress: progress };
    const rewritten = await rewriteChronicle(path, rewriting, begin);
    const result = { path: path.toString(), removed, damagedPath: rewritten ? damaged?.path : undefined };
    if (rewritten && channels.repair.hasSubscribers) channels.repair.publish(result);
    return result;
  } catch (error) {
    // With an unknown outcome the lines may be gone from the file: what was put aside stays.
    if (!(error instanceof HoldfastError && error.outcomeUnknown)) await damaged?.undo().catch(() => {});
    throw error;
  } finally {
    await damaged?.close();
  }
}

/** Beside what a link leads to, so that there is one such file whatever way leads to the chronicle. */
export async function damagedPathOf(chronicle: NativePath): Promise<NativePath> {
  return withSuffix(await followLinks(chronicle), '.damaged');
}

/**
 * The file `<path>.damaged`, to which corrupt lines are appended as they stood, each with a newline. It is locked, so
 * that repairs which run at the same time do not mix.
 */
class DamagedFile {
  readonly path: string;
  readonly #nativePath: NativePath;
  readonly #file: FileHandle;
  readonly #lock: FileLock;
  readonly #start: number;
  #lastByte = newline;

  static async open(
    chronicle: NativePath,
    { lockTimeout: timeout }: Settings,
    signal: AbortSignal | undefined,
  ): Promise<DamagedFile> {
    const path = await damagedPathOf(chronicle);
    let file: FileHandle | undefined;
    let held: FileLock | undefined;
    try {
      for (;;) {
        // Never through a link: in a directory that others can write to, somebody may have put one there.
        const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
        file = await open(path, flags | (constants.O_NONBLOCK ?? 0), 0o600);
        held = await lock(path, { timeout, ...(signal && { signal }) });
        const [opened, named] = await Promise.all([file.stat(), lstat(path)]);
        if (opened.ino === named.ino && opened.dev === named.dev) {
          await keepFromOthers(file, opened, await stat(chronicle), path);
          await endLastLine(file, opened.size);
          return new DamagedFile(path, file, held, (await file.stat()).size);
        }
        // Removed meanwhile by a repair that had nothing to put into it.
        await held.release();
        await file.close();
      }
    } catch (error) {
      await held?.release();
      await file?.close();
      if (error instanceof HoldfastError || signal?.aborted) throw error;
      throw ioError(error, path);
    }
  }

  private constructor(path: NativePath, file: FileHandle, held: FileLock, start: number) {
    this.path = path.toString();
    this.#nativePath = path;
    this.#file = file;
    this.#lock = held;
    this.#start = start;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#withIoErrors(this.#file.writeFile(bytes));
    this.#lastByte = bytes.at(-1) ?? this.#lastByte;
  }

  /** Makes what was appended durable. */
  async finish(durability: Settings['durability']): Promise<void> {
    // A torn tail: what a later repair appends must begin a line of its own.
    if (this.#lastByte !== newline) await this.append(Buffer.from('\n'));
    await this.#withIoErrors(syncFile(this.#file, durability, this.#nativePath));
    if (durability !== 'none')
      await this.#withIoErrors(syncDirectory(this.#nativePath, this.#start === 0 ? 'withAncestors' : 'own'));
  }

  /** Takes back what was appended. */
  async undo(): Promise<void> {
    await this.#withIoErrors(this.#file.truncate(this.#start));
    this.#lastByte = newline;
  }

  /** A file with nothing in it is removed. */
  async close(): Promise<void> {
    const { size } = await this.#withIoErrors(this.#file.stat());
    await this.#lock.release({ remove: size === 0 });
    await this.#file.close();
  }

  #withIoErrors<T>(call: Promise<T>): Promise<T> {
    return withIoErrors(call, this.path);
  }
}

/** Whoever may not read the chronicle must not read these lines either, nor have made the file for that purpose. */
async function keepFromOthers(
  file: FileHandle,
  stats: Stats,
  chronicle: Stats,
  path: NativePath,
): Promise<void> {
  if (!stats.isFile()) throw irregular(stats, path.toString());
  const ours = stats.uid === chronicle.uid || stats.uid === (process.geteuid?.() ?? stats.uid);
  if (!ours) throw systemError(foreign, path.toString());
  if (stats.size === 0) await keepOwnerAndMode(file, chronicle);
}

/** A repair that was killed may have left a part of a line; what comes now begins a line of its own. */
async function endLastLine(file: FileHandle, size: number): Promise<void> {
  if (size === 0) return;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] !== newline) await file.writeFile('\n');
}

const foreign = {
  errno: osConstants.errno.EPERM,
  syscall: 'open',
  text: 'the file belongs to somebody else',
};
