/**
 * Verifying a chronicle: every line is checked, every byte counted, nothing changed.
 */
import { stat } from 'node:fs/promises';
import { throwIfAborted } from '../../../base/abort.js';
import { checkOptions, type FilePath, toNativePath } from '../../../base/arguments.js';
import {
  eachWithIoErrors,
  gapIn,
  HoldfastError,
  ioError,
  isMissing,
  withIoErrors,
} from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import {
  checkVerifyOptions,
  type VerifyOptions,
  type VerifyQuery,
  verifyOptionNames,
} from '../../../chronicle/call-options.js';
import { type ChronicleOptions, checkChronicleOptions, type Settings } from '../../../chronicle/options.js';
import type { ChainReport, DuplicateId, Verification, WrongId } from '../../../chronicle/results.js';
import { computedId, idOf, looksComputed } from '../../../event/event-id.js';
import type { JsonObject } from '../../../event/line.js';
import { lock } from '../../../lock/lock.js';
import { type Snapshot, takeSnapshot } from '../lines/chronicle-files.js';
import type { LineBatch } from '../lines/line-batch.js';
import { type ReadableFile, readAt } from '../lines/open-file.js';
import { scanForwards } from '../lines/scanner.js';
import { FilesInOrder } from '../read/files-in-order.js';
import { ChainCheck } from './chain-check.js';
import { DamageCount, maxListed } from './damage.js';
import { FirstOffsets } from './first-offsets.js';

const newline = 0x0a;

/**
 * Looks at every line of a chronicle that need not be open; see {@link Chronicle.verify}.
 *
 * @example
 *   const { intact } = await verifyChronicle('orders.ndjson');
 */
export async function verifyChronicle(
  path: FilePath,
  options?: VerifyOptions & Pick<ChronicleOptions, 'idKey' | 'lockTimeout' | 'maxLineBytes'>,
): Promise<Verification> {
  const given = checkOptions(options);
  return verify(
    toNativePath(path, 'path'),
    checkChronicleOptions(given, verifyOptionNames),
    checkVerifyOptions(given),
  );
}

export async function verify(
  path: NativePath,
  settings: Settings,
  { ids, chain, expect, onProgress, signal, files }: VerifyQuery,
): Promise<Verification> {
  throwIfAborted(signal);
  const { idKey, maxLineBytes, lockTimeout } = settings;
  // A chain goes through all files, whichever lines are counted.
  const snapshot = await takeSnapshot(path, chain ? 'all' : files);
  const lines = new Findings(path, ids ? idKey : undefined);
  const links = chain ? new ChainCheck(idKey, expect, snapshot.rotated.length > 0) : undefined;
  const opened = new FilesInOrder(snapshot);
  let done = 0;
  let total = await sizeOf(snapshot);
  try {
    for await (const each of opened.each()) {
      if ('gone' in each)
        throw gapIn(path.toString(), { after: undefined, files: each.gone, next: each.next });
      const { file, path: name } = each;
      const isCurrent = file === snapshot.current?.file;
      const size = isCurrent
        ? await sizeUnderLock(file, path, { lockTimeout, signal })
        : (await withIoErrors(file.stat(), name)).size;
      if (isCurrent) total = done + size;
      const isCounted = isCurrent || files === 'all';
      if (isCounted) lines.begin(name);
      const scanned = scanForwards(file, { from: 0, to: size, maxLineBytes });
      for await (const batch of eachWithIoErrors(scanned, name)) {
        throwIfAborted(signal);
        if (isCounted) lines.add(batch);
        links?.add(name, batch);
        onProgress?.({ done: Math.min(done + batch.end, total), total });
      }
      done += size;
    }
    return lines.report(links?.report());
  } finally {
    await opened.close();
  }
}

/** In bytes; of compressed files as they are on the disk. */
async function sizeOf({ current, rotated }: Snapshot): Promise<number> {
  let bytes = current ? (await withIoErrors(current.file.stat(), current.path)).size : 0;
  for (const path of rotated) bytes += (await stat(path).catch(() => ({ size: 0 }))).size;
  return bytes;
}

/**
 * The size of the file. If its last line has no newline, somebody may be writing it: then the size is taken
 * under the lock, so that a line is only called torn if nobody will complete it.
 */
async function sizeUnderLock(
  file: ReadableFile,
  path: NativePath,
  {
    lockTimeout: timeout,
    signal,
  }: { readonly lockTimeout: number; readonly signal: AbortSignal | undefined },
): Promise<number> {
  const { size } = await withIoErrors(file.stat(), path);
  if (size === 0) return size;
  const [last] = await withIoErrors(readAt(file, size - 1, Buffer.alloc(1)), path);
  if (last === newline) return size;
  try {
    const held = await lock(path, { mode: 'shared', timeout, create: false, ...(signal && { signal }) });
    try {
      return (await file.stat()).size;
    } finally {
      await held.release();
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    // Held for longer than we wait, or gone meanwhile: then what is there is checked as it is.
    if ((error instanceof HoldfastError && error.code === 'ELOCK_TIMEOUT') || isMissing(error)) return size;
    throw ioError(error, path);
  }
}

/** Counts what is found, in lines that are added in their order. */
export class Findings {
  readonly #path: string;
  readonly #idKey: string | undefined;
  readonly #damage = new DamageCount();
  readonly #firstOffsets = new FirstOffsets();
  readonly #duplicates = { count: 0, first: [] as DuplicateId[] };
  readonly #wrongIds = { count: 0, first: [] as WrongId[] };
  /** Where each file begins if they are one after the other. */
  readonly #files: { readonly path: string; readonly begin: number }[] = [];
  #events = 0;
  #blank = 0;
  #bytes = 0;

  /** Without `idKey`, ids are not checked. */
  constructor(path: NativePath, idKey: string | undefined) {
    this.#path = path.toString();
    this.#idKey = idKey;
  }

  /** The lines that are added from now on are of this file. */
  begin(path: NativePath): void {
    this.#files.push({ path: path.toString(), begin: this.#bytes });
  }

  add({ entries, nonEvents, end }: LineBatch): void {
    const { path, begin } = this.#files.at(-1) as { path: string; begin: number };
    this.#bytes = begin + end;
    this.#events += entries.length;
    if (this.#idKey !== undefined) {
      for (const { event, offset } of entries) this.#checkId(event, this.#idKey, path, begin, offset);
    }
    for (const line of nonEvents) {
      if (line.kind === 'blank') this.#blank++;
      else this.#damage.add({ path, offset: line.offset, length: line.length, reason: line.reason });
    }
  }

  #checkId(event: JsonObject, idKey: string, path: string, begin: number, offset: number): void {
    const eventId = idOf(event, idKey);
    if (eventId === undefined) return;
    const isComputed = looksComputed(eventId);
    const first = this.#firstOffsets.add(eventId, isComputed, begin + offset);
    if (first !== undefined) {
      this.#duplicates.count++;
      const file = this.#files.findLast((each) => each.begin <= first);
      const place = { firstPath: file?.path ?? path, firstOffset: first - (file?.begin ?? 0) };
      list(this.#duplicates.first, { eventId, path, offset, ...place });
    }
    if (!isComputed) return;
    const computed = computedId(event, idKey);
    if (computed === eventId) return;
    this.#wrongIds.count++;
    list(this.#wrongIds.first, { eventId, path, offset, computed });
  }

  report(chain: ChainReport | undefined): Verification {
    const { lines: corrupt } = this.#damage;
    return {
      path: this.#path,
      intact: corrupt === 0 && this.#wrongIds.count === 0 && chain?.intact !== false,
      bytes: this.#bytes,
      lines: this.#events + this.#blank + corrupt,
      events: this.#events,
      blank: this.#blank,
      corrupt: this.#damage,
      duplicates: this.#duplicates,
      wrongIds: this.#wrongIds,
      ...(chain && { chain }),
    };
  }
}

function list<T>(listed: T[], value: T): void {
  if (listed.length < maxListed) listed.push(value);
}
