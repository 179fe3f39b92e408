/**
 * The files of a chronicle open one after the other, although others remove them meanwhile.
 */
import { type ChronicleFile, openRotated, type Snapshot } from '../lines/chronicle-files.js';

/** So many of the next files are opened ahead, so that they can be read when they are removed meanwhile. */
const openedAhead = 64;

/** Rotated files that are gone although they were listed, in the middle. */
interface Gone {
  readonly gone: readonly string[];
  readonly next: string | undefined;
}

/** The files of a snapshot from one of them on, open one after the other. */
export class FilesInOrder {
  readonly #current: Snapshot['current'];
  readonly #paths: readonly Buffer[];
  readonly #reverse: boolean;
  readonly #opened = new Map<Buffer, Awaited<ReturnType<typeof openRotated>>>();
  readonly #openRotated: typeof openRotated;
  #hasBegun: boolean;

  /**
   * @param index the first of the rotated files; their number for the current one alone
   * @param hasBegun events of the first file were read before
   */
  constructor(
    { current, rotated }: Snapshot,
    index: number,
    reverse: boolean,
    hasBegun: boolean,
    open: typeof openRotated = openRotated,
  ) {
    this.#hasBegun = hasBegun;
    this.#openRotated = open;
    this.#current = current;
    this.#paths = rotated.slice(index);
    this.#reverse = reverse;
  }

  async *each(): AsyncGenerator<(ChronicleFile & { readonly isFirst: boolean }) | Gone> {
    const current = this.#current && { ...this.#current, isFirst: this.#paths.length === 0 };
    if (this.#reverse) {
      if (current) yield current;
      let next = current?.path.toString();
      let gone: string[] = [];
      for (let index = this.#paths.length - 1; index >= 0; index--) {
        const path = this.#paths[index] as Buffer;
        const file = await this.#open(path);
        if (file === 'removed') {
          if (!this.#hasBegun) return; // as too old, and so all before it
          gone.unshift(path.toString());
          continue;
        }
        if (file === 'not ours') continue;
        if (gone.length > 0) yield { gone, next };
        gone = [];
        next = path.toString();
        yield { ...file, isFirst: index === 0 };
        await this.#close(path);
      }
      if (gone.length > 0) yield { gone, next };
      return;
    }
    let gone: string[] = [];
    for (const [index, path] of this.#paths.entries()) {
      for (const next of this.#paths.slice(index, index + openedAhead)) await this.#open(next);
      const file = await this.#open(path);
      // One that was removed before anything was read is just older than the chronicle now is.
      if (file === 'removed' && this.#hasBegun) gone.push(path.toString());
      if (typeof file === 'string') continue;
      if (gone.length > 0) yield { gone, next: path.toString() };
      gone = [];
      this.#hasBegun = true;
      yield { ...file, isFirst: index === 0 };
      await this.#close(path);
    }
    if (gone.length > 0) yield { gone, next: current?.path.toString() };
    if (current) yield current;
  }

  async close(): Promise<void> {
    await this.#current?.file.close();
    for (const path of [...this.#opened.keys()]) await this.#close(path);
  }

  async #open(path: Buffer): Promise<Awaited<ReturnType<typeof openRotated>>> {
    const opened = this.#opened.get(path) ?? (await this.#openRotated(path));
    this.#opened.set(path, opened);
    return opened;
  }

  async #close(path: Buffer): Promise<void> {
    const opened = this.#opened.get(path);
    this.#opened.delete(path);
    if (typeof opened === 'object') await opened.file.close();
  }
}
