/**
 * The file `<path>.damaged`, to which repairs append corrupt lines as they are, each with a newline. It is
 * locked, so that repairs which run at the same time do not mix.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { copyRights, syncDirectory, syncFile } from '../../../atomic/sync.js';
import type { Durability } from '../../../base/durability.js';
import { HoldfastError, ioError, irregular, systemError, withIoErrors } from '../../../base/errors.js';
import { followLinks, followLinksToWrite, type NativePath, withSuffix } from '../../../base/paths.js';
import type { FileLock } from '../../../lock/file-lock.js';
import { lock } from '../../../lock/lock.js';
import { stillNames } from '../../../lock/named-file.js';
import { type OpenFile, readAt } from '../lines/open-file.js';

const newline = 0x0a;

/**
 * Its path: beside the file that a link leads to, so that there is one such file whatever path names the
 * chronicle.
 */
export async function damagedPathOf(chronicle: NativePath): Promise<NativePath> {
  return withSuffix(await followLinks(chronicle), '.damaged');
}

interface Opening {
  /** In milliseconds. */
  readonly lockTimeout: number;
  readonly signal: AbortSignal | undefined;
}

export class DamagedFile {
  readonly path: string;
  readonly #nativePath: NativePath;
  readonly #file: FileHandle;
  readonly #lock: FileLock;
  readonly #start: number;
  #lastByte = newline;

  /** @param source The file of the chronicle, whose rights this one has if it is new. */
  static async open(
    chronicle: NativePath,
    source: OpenFile,
    { lockTimeout: timeout, signal }: Opening,
  ): Promise<DamagedFile> {
    const target = await withIoErrors(followLinksToWrite(chronicle), chronicle);
    const path = withSuffix(target, '.damaged');
    let file: FileHandle | undefined;
    let held: FileLock | undefined;
    try {
      for (;;) {
        // Never through a link: in a directory that others can write to, somebody may have put one there.
        const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
        file = await open(path, flags | (constants.O_NONBLOCK ?? 0), 0o600);
        held = await lock(path, { timeout, ...(signal && { signal }) });
        if (await stillNames(path, file, { followLink: false })) {
          const [stats, chronicleStats] = await Promise.all([file.stat(), source.stat()]);
          checkOwner(stats, chronicleStats, path);
          if (stats.size === 0) await copyRights(source, file, path);
          else await endLastLine(file, stats.size);
          return new DamagedFile(path, file, held, (await file.stat()).size);
        }
        // Removed meanwhile, by a repair that had nothing to put into it.
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
  async finish(durability: Durability): Promise<void> {
    // A torn tail: what a later repair appends must begin a line of its own.
    if (this.#lastByte !== newline) await this.append(Buffer.from('\n'));
    await this.#withIoErrors(syncFile(this.#file, durability, this.#nativePath));
    if (durability === 'none') return;
    const entries = this.#start === 0 ? 'withAncestors' : 'own';
    await this.#withIoErrors(syncDirectory(this.#nativePath, entries));
  }

  /** Takes back what was appended. */
  async undo(): Promise<void> {
    await this.#withIoErrors(this.#file.truncate(this.#start));
    this.#lastByte = newline;
  }

  /** A file with nothing in it is removed. */
  async close(): Promise<void> {
    let isEmpty = false;
    try {
      isEmpty = (await this.#withIoErrors(this.#file.stat())).size === 0;
    } finally {
      await this.#lock.release({ remove: isEmpty });
      await this.#file.close();
    }
  }

  #withIoErrors<T>(call: Promise<T>): Promise<T> {
    return withIoErrors(call, this.path);
  }
}

/**
 * Throws if somebody else made the file: whoever may not read the chronicle must not read these lines either.
 */
export function checkOwner(stats: Stats, chronicle: Stats, path: NativePath): void {
  if (!stats.isFile()) throw irregular(stats, path.toString());
  const ours = stats.uid === chronicle.uid || stats.uid === (process.geteuid?.() ?? stats.uid);
  // A second name is one that somebody may have given a file of ours, to have us write there.
  if (!ours || stats.nlink > 1) throw systemError(foreign, path.toString());
}

/** A repair that was killed may have left a part of a line; what comes now begins a line of its own. */
async function endLastLine(file: FileHandle, size: number): Promise<void> {
  const [last] = await readAt(file, size - 1, Buffer.alloc(1));
  if (last !== newline) await file.writeFile('\n');
}

const foreign = {
  errno: osConstants.errno.EPERM,
  syscall: 'open',
  text: 'the file belongs to somebody else, or has another name',
};
