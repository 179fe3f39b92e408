/**
 * The files of a chronicle open one after the other, although others remove them meanwhile.
 */
import { withIoErrors } from '../../../base/errors.js';
import { type ChronicleFile, openRotated, type Snapshot } from '../lines/chronicle-files.js';
import { comesAfter, comesAfterIn, type Succession, successionOf } from '../lines/succession.js';

/** So many of the next files are opened ahead, so that they can be read when they are removed meanwhile. */
const openedAhead = 64;

/** Rotated files that are gone, in the middle: although they were listed, or before that, and then without names. */
interface Gone {
  readonly gone: readonly string[];
  readonly next: string | undefined;
}

type Attempt = <T>(call: () => Promise<T>) => Promise<T>;

interface Order {
  /** The first of the rotated files; their number for the current one alone. Default: 0. */
  readonly index?: number;
  readonly reverse?: boolean;
  /** Events of the first file, or of one before it, were read before; so no file may be missing. */
  readonly hasBegun?: boolean;
  /** Whether each file is to be the one after the file before it, as far as that is noted. */
  readonly isComplete?: boolean;
  /** A file after them, if that is not the current one of the snapshot. */
  readonly newest?: Pick<ChronicleFile, 'file' | 'path'> | undefined;
  /** Makes a call, perhaps again where it fails. */
  readonly attempt?: Attempt;
}

/** The files of a snapshot from one of them on, open one after the other. */
export class FilesInOrder {
  readonly #current: Snapshot['current'];
  readonly #paths: readonly Buffer[];
  readonly #reverse: boolean;
  readonly #isComplete: boolean;
  readonly #newest: Pick<ChronicleFile, 'file' | 'path'> | undefined;
  readonly #opened = new Map<Buffer, Awaited<ReturnType<typeof openRotated>>>();
  readonly #attempt: Attempt;
  #hasBegun: boolean;

  constructor({ current, rotated }: Snapshot, order: Order = {}) {
    this.#hasBegun = order.hasBegun ?? false;
    this.#isComplete = order.isComplete ?? false;
    this.#newest = order.newest ?? current;
    this.#attempt = order.attempt ?? ((call) => call());
    this.#current = current;
    this.#paths = rotated.slice(order.index ?? 0);
    this.#reverse = order.reverse ?? false;
  }

  async *each(): AsyncGenerator<(ChronicleFile & { readonly isFirst: boolean }) | Gone> {
    let before: { readonly file: ChronicleFile; readonly noted: Succession | undefined } | undefined;
    let gone: string[] = [];
    const gap = (next: ChronicleFile | undefined) => ({
      gone: this.#reverse ? gone.reverse() : gone,
      next: (this.#reverse ? before?.file : next)?.path.toString(),
    });
    const newest = await this.#notedOn(this.#newest);
    for await (const next of this.#reverse ? this.#backwards() : this.#forwards()) {
      if (Buffer.isBuffer(next)) {
        gone.push(next.toString());
        continue;
      }
      const noted = await this.#notedOn(next);
      if (this.#isComplete) await this.#attempt(() => withIoErrors(next.source.load(next.file), next.path));
      const [older, newer, own] = this.#reverse
        ? [next, before?.file, before?.noted]
        : [before?.file, next, noted];
      const follows =
        comesAfter(own, older?.source) ?? (newer && comesAfterIn(newest, newer.source, older?.source));
      if (gone.length > 0 || follows === false) yield gap(next);
      gone = [];
      before = { file: next, noted };
      this.#hasBegun = true;
      yield next;
    }
    if (gone.length > 0) yield gap(undefined);
  }

  /** The files, and the paths of those that are gone where one may not be. */
  async *#forwards(): AsyncGenerator<(ChronicleFile & { readonly isFirst: boolean }) | Buffer> {
    for (const [index, path] of this.#paths.entries()) {
      for (const next of this.#paths.slice(index, index + openedAhead)) await this.#open(next);
      const file = await this.#open(path);
      // One that was removed before anything was read is just older than the chronicle now is.
      if (file === 'removed' && this.#hasBegun) yield path;
      if (typeof file === 'object') yield { ...file, isFirst: index === 0 };
      await this.#close(path);
    }
    if (this.#current) yield { ...this.#current, isFirst: this.#paths.length === 0 };
  }

  async *#backwards(): AsyncGenerator<(ChronicleFile & { readonly isFirst: boolean }) | Buffer> {
    const hasBegun = this.#hasBegun;
    if (this.#current) yield { ...this.#current, isFirst: this.#paths.length === 0 };
    for (let index = this.#paths.length - 1; index >= 0; index--) {
      const path = this.#paths[index] as Buffer;
      const file = await this.#open(path);
      if (file === 'removed') {
        if (!hasBegun) return; // as too old, and so all before it
        yield path;
      }
      if (typeof file === 'object') yield { ...file, isFirst: index === 0 };
      await this.#close(path);
    }
  }

  async close(): Promise<void> {
    await this.#current?.file.close();
    for (const path of [...this.#opened.keys()]) await this.#close(path);
  }

  async #notedOn(file: Pick<ChronicleFile, 'file' | 'path'> | undefined): Promise<Succession | undefined> {
    if (!this.#isComplete || !file) return undefined;
    return this.#attempt(() => withIoErrors(successionOf(file), file.path));
  }

  async #open(path: Buffer): Promise<Awaited<ReturnType<typeof openRotated>>> {
    const opened = this.#opened.get(path) ?? (await this.#attempt(() => openRotated(path)));
    this.#opened.set(path, opened);
    return opened;
  }

  async #close(path: Buffer): Promise<void> {
    const opened = this.#opened.get(path);
    this.#opened.delete(path);
    if (typeof opened === 'object') await opened.file.close();
  }
}
