/**
 * Importing: the lines of a chronicle that is kept in files, appended to one on a server.
 */
import { throwIfAborted } from '../../base/abort.js';
import { checkOptions, type FilePath, toNativePath } from '../../base/arguments.js';
import { eachWithIoErrors, gapIn, invalid } from '../../base/errors.js';
import { checkWork } from '../../chronicle/call-options.js';
import type { Chronicle } from '../../chronicle/chronicle.js';
import { checkReadOptions, type Settings } from '../../chronicle/options.js';
import type { AppendResult, Entry, Progress } from '../../chronicle/results.js';
import { linkIn } from '../../event/chain-link.js';
import { type OnCorrupt, reportCorruptLine } from '../../event/corrupt-line.js';
import { idOf } from '../../event/event-id.js';
import type { EventLine } from '../../event/event-line.js';
import { byteOrderMark, type JsonObject } from '../../event/line.js';
import { takeSnapshot } from '../file/lines/chronicle-files.js';
import type { LineBatch } from '../file/lines/line-batch.js';
import { scanForwards } from '../file/lines/scanner.js';
import { filesOf } from '../file/read/files.js';
import { FilesInOrder } from '../file/read/files-in-order.js';
import { ReadFilter, splitAtDamage } from '../file/read/read-filter.js';
import { engineBehind, type PostgresEngine } from './postgres-engine.js';

/**
 * Options of {@link importFile}.
 *
 * @example
 *   await importFile('orders.ndjson', orders, { onCorrupt: ({ path, offset }) => console.warn(path, offset) });
 */
export interface ImportOptions {
  /** What to do with a line that is no event; it is left out. Default: `'warn'`. */
  onCorrupt?: OnCorrupt | undefined;
  /** Called again and again; what it throws ends the work. Default: none. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the work; the call then rejects with `signal.reason`. What is imported stays. Default: none. */
  signal?: AbortSignal | undefined;
}

/** What {@link importFile} has done. */
export interface Imported {
  /** How many events were appended. */
  readonly events: number;
  /** How many were left out, because an event with their id was there already. */
  readonly duplicates: number;
  /** How many lines were left out, because they are no event. */
  readonly corrupt: number;
}

/**
 * Appends the events of a chronicle that is kept in a file, and in its rotated files before it, to one on PostgreSQL: in
 * their order, and byte for byte, so that ids, numbers and everything else stay. What others append to the file
 * meanwhile is left out. Memory stays bounded however large the files are.
 *
 * It may be killed at any moment, and begun again: what is there already is recognised, by its id, and nothing is lost or
 * doubled. An event without id is recognised by its place: it is not to be moved between two attempts, as `repair` may.
 *
 * Into a chronicle with a chain goes a file with a chain. Its links are made anew, and are the same where the chronicle
 * has the events of the file from the first one on, and no others.
 *
 * @param path of the file
 * @param chronicle opened by `openChronicle` of `holdfast/postgres` with `dedupe: 'all'`, the `idKey` of the file, and the
 *   schema and the `maxLineBytes` that are to hold: lines that do not fit are corrupt
 * @throws `EVALIDATION` for a bad argument; `EIO` for what the file system or the server fails, and with `onCorrupt:
 *   'throw'` for a corrupt line; `ECLOSED`; `EGAP` if rotated files are removed before they are read; the reason of an abort
 * @example
 *   const { events, duplicates, corrupt } = await importFile('orders.ndjson', orders);
 */
export async function importFile<T extends object>(
  path: FilePath,
  chronicle: Chronicle<T>,
  options?: ImportOptions,
): Promise<Imported> {
  const nativePath = toNativePath(path, 'path');
  const { engine, settings, checkOpen } = engineBehind(chronicle, 'chronicle');
  const given = checkOptions(options, ['onCorrupt', 'onProgress', 'signal']);
  const { onCorrupt } = checkReadOptions({ onCorrupt: given.onCorrupt });
  const { onProgress, signal } = checkWork<NonNullable<ImportOptions['onProgress']>>(given);
  if (settings.window !== Number.POSITIVE_INFINITY) {
    throw invalid('chronicle', "open it with dedupe: 'all', so that what is there already is recognised");
  }
  const filter = new ReadFilter({ ...settings, onCorrupt }, undefined);
  const commits = new Commits(engine, settings, checkOpen);
  let corrupt = 0;
  throwIfAborted(signal);
  const snapshot = await takeSnapshot(nativePath, 'all');
  const files = new FilesInOrder(snapshot);
  const sizes = new Map((await filesOf(nativePath, false)).map((file) => [file.path, file.bytes]));
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  let before = 0;
  try {
    for await (const each of files.each()) {
      if ('gone' in each) {
        throw gapIn(nativePath.toString(), { after: undefined, files: each.gone, next: each.next });
      }
      const { file, source } = each;
      const name = each.path.toString();
      const size = sizes.get(name) ?? 0;
      // What comes from now on is left out.
      const to = each.path === snapshot.current?.path ? (await file.stat()).size : Number.MAX_SAFE_INTEGER;
      const range = { from: 0, to, maxLineBytes: settings.maxEventBytes, source };
      for await (const lines of eachWithIoErrors(scanForwards(file, range), each.path)) {
        throwIfAborted(signal);
        for (const part of splitAtDamage(await filter.apply(lines, false), false)) {
          if (Array.isArray(part)) {
            await commits.add(part, lines);
            continue;
          }
          corrupt++;
          reportCorruptLine({ path: name, ...part }, onCorrupt);
        }
        // What was compressed has more lines than it has bytes.
        onProgress?.({ done: before + Math.min(lines.end, size), total });
      }
      before += size;
    }
    return { ...(await commits.finish()), corrupt };
  } finally {
    await files.close();
    await engine.drain();
  }
}

/** Of the lines of a commit, in bytes: as much as the engine takes into one. */
const commitBytes = 1024 * 1024;

/**
 * What is appended together. The next lines are read meanwhile, but not sent before: else they would be there in front of
 * those of a commit that fails.
 */
class Commits {
  readonly #engine: PostgresEngine;
  readonly #idKey: string;
  readonly #chained: boolean;
  readonly #checkOpen: () => void;
  #lines: EventLine[] = [];
  #bytes = 0;
  #underway: Promise<AppendResult[]> = Promise.resolve([]);
  #events = 0;
  #duplicates = 0;

  constructor(engine: PostgresEngine, { idKey, chain }: Settings, checkOpen: () => void) {
    this.#engine = engine;
    this.#idKey = idKey;
    this.#chained = chain;
    this.#checkOpen = checkOpen;
  }

  async add(entries: readonly Entry<JsonObject>[], batch: LineBatch): Promise<void> {
    for (const { event, offset, length, position } of entries) {
      const begin = offset - batch.begin;
      const text = batch.bytes.toString('utf8', begin, begin + length).replace(/\n$/, '');
      if (this.#chained && linkIn(text) === undefined) {
        const path = batch.source?.path;
        throw invalid(
          'path',
          `the event at offset ${offset} of '${path}' has no link, and the chronicle has a chain`,
        );
      }
      const id = idOf(event, this.#idKey);
      this.#lines.push({
        text: offset === 0 && text.startsWith(byteOrderMark) ? text.slice(1) : text,
        // As UTF-8 two halves of surrogate pairs would be one id.
        id: id?.isWellFormed() ? id : position,
      });
      this.#bytes += length;
    }
    if (this.#bytes >= commitBytes) await this.#send();
  }

  async finish(): Promise<Omit<Imported, 'corrupt'>> {
    if (this.#lines.length > 0) await this.#send();
    await this.#count();
    return { events: this.#events, duplicates: this.#duplicates };
  }

  async #send(): Promise<void> {
    await this.#count();
    this.#checkOpen();
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    this.#underway = new Promise((resolve, reject) => {
      this.#engine.appendMany(lines, undefined, resolve, reject);
    });
    this.#underway.catch(() => {}); // whoever awaits it is told
  }

  /** When what is under way is done. */
  async #count(): Promise<void> {
    for (const { duplicate } of await this.#underway) {
      if (duplicate) this.#duplicates++;
      else this.#events++;
    }
    this.#underway = Promise.resolve([]);
  }
}
