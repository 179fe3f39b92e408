/**
 * Records what processes do to a file system, in the one order in which they did it, and what they were
 * promised when. To have that order, every call that changes or syncs something is let go only when the one
 * before it is done.
 */
import { appendFileSync, constants, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Answer, Call, SystemCalls } from '../../support/system-calls.js';
import type { Operation } from './crash-states.js';

/** What a sabotaged build would do. Made by answers to its calls, so that nothing of it is in the product. */
export const sabotages = [
  'without the sync of directories',
  'acknowledging before the sync',
  'without healing the torn tail',
  'acknowledging a duplicate before the first copy is durable',
  "acknowledging by another process's sync that had begun before the write",
] as const;
// Commands of fcntl on Linux, by which processes share a sync.
const F_OFD_GETLK = 36;
const F_OFD_SETLKW = 38;

export type Sabotage = (typeof sabotages)[number];

export class Recorder {
  readonly operations: Operation[] = [];
  readonly #root: string;
  readonly #sabotage: Sabotage | undefined;
  /** The files by their paths now. */
  readonly #files = new Map<string, { readonly number: number; size: number }>();
  readonly #directories = new Set(['.']);
  /** The processes that have written since their last sync. */
  readonly #dirty = new Set<number>();
  readonly #held: {
    readonly process: number;
    readonly reached: () => void;
    readonly released: Promise<void>;
  }[] = [];
  /** The processes that have not yet asked, since their last write, which syncs of others have begun. */
  readonly #unasked = new Set<number>();
  #afterSync:
    | { readonly process: number; synced: boolean; reached(): void; released: Promise<void> }
    | undefined;
  #waiting: { readonly process: number; reached(): void } | undefined;
  #late: Operation[] = [];
  #lastFile = 0;
  #before: Promise<void> = Promise.resolve();

  constructor(root: string, calls: SystemCalls, sabotage?: Sabotage) {
    this.#root = root;
    this.#sabotage = sabotage;
    calls.answerAll((call) => this.#answer(call));
  }

  /** What a process was promised; `of` names it. */
  promised(of: string, offset = 0): void {
    this.operations.push({ kind: 'promise', of, offset }, ...this.#late);
    this.#late = [];
  }

  /** The next sync of a file by this process waits until `release` is called. */
  holdSync(process: number): { reached: Promise<void>; release: () => void } {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      this.#held.push({ process, reached: resolve, released });
    });
    return { reached, release };
  }

  /** What this process tells others behind its next sync of a file waits until `release` is called. */
  holdAfterSync(process: number): { reached: Promise<void>; release: () => void } {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      this.#afterSync = { process, synced: false, reached: resolve, released };
    });
    return { reached, release };
  }

  /** Until this process is about to wait for the sync of another. */
  waitsForSync(process: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { process, reached: resolve };
    });
  }

  /** Appends to a file as a writer does that dies behind the first bytes of its write. */
  tear(path: string, text: string): void {
    const name = relative(this.#root, path);
    appendFileSync(path, text);
    this.#wrote(name, text.length);
  }

  async #answer(call: Call): Promise<Answer> {
    const { name, path, process, argument } = call;
    const isFile = !this.#directories.has(path);
    const isFileSync = (name === 'fdatasync' || name === 'fsync') && isFile;
    const held = isFileSync ? this.#held.findIndex((hold) => hold.process === process) : -1;
    if (held !== -1) {
      const [hold] = this.#held.splice(held, 1);
      hold?.reached();
      await hold?.released;
    }
    if (name === 'fcntl') {
      const after = this.#afterSync;
      if (after?.process === process && after.synced) {
        this.#afterSync = undefined;
        after.reached();
        await after.released;
      }
      if (argument === F_OFD_SETLKW && this.#waiting?.process === process) this.#waiting.reached();
    }
    const asks = name === 'fcntl' && argument === F_OFD_GETLK && this.#unasked.delete(process);
    switch (this.#sabotage) {
      case 'without the sync of directories':
        if (name === 'fsync' && !isFileSync) return 'skip';
        break;
      case 'acknowledging before the sync':
        if (!isFileSync) break;
        this.#late.push({ kind: 'sync', file: this.#numberOf(path) });
        return 'skip';
      case 'without healing the torn tail':
        // Wherever it learns of the last byte.
        if (name === 'pread' && isFile) return { last: '\n'.charCodeAt(0) };
        break;
      case 'acknowledging a duplicate before the first copy is durable':
        if (isFileSync && !this.#dirty.has(process)) return 'skip';
        break;
      case "acknowledging by another process's sync that had begun before the write":
        // Of what began since it last asked, it sees nothing.
        if (asks && this.#waiting?.process === process) return 'skip';
        break;
    }
    if (!changing.has(name) || (name === 'open' && (argument & constants.O_CREAT) === 0)) return 'go';
    return this.#inOrder(call);
  }

  async #inOrder(call: Call): Promise<Answer> {
    const before = this.#before;
    let done = () => {};
    this.#before = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    const existed = existsSync(join(this.#root, call.path));
    return {
      tell: ({ result }) => {
        if (result >= 0) this.#record(call, result, existed);
        done();
      },
    };
  }

  #record({ name, path, to, process, argument }: Call, result: number, existed: boolean): void {
    const place = { directory: dirname(path), name: basename(path) };
    switch (name) {
      case 'open':
        if (existed) return;
        this.#files.set(path, { number: ++this.#lastFile, size: 0 });
        this.operations.push({ kind: 'create', ...place, file: this.#lastFile });
        return;
      case 'mkdir':
        this.#directories.add(path);
        this.operations.push({ kind: 'mkdir', ...place });
        return;
      case 'rename': {
        const file = this.#files.get(path);
        if (!file || to === undefined || dirname(to) !== place.directory)
          throw new Error(`rename ${path} ${to}`);
        this.#files.delete(path);
        this.#files.set(to, file);
        this.operations.push({ kind: 'rename', ...place, from: place.name, name: basename(to) });
        return;
      }
      case 'link': {
        const file = this.#files.get(path);
        if (!file || to === undefined || dirname(to) !== place.directory)
          throw new Error(`link ${path} ${to}`);
        this.#files.set(to, file);
        this.operations.push({ kind: 'link', ...place, from: place.name, name: basename(to) });
        return;
      }
      case 'unlink':
        this.#files.delete(path);
        this.operations.push({ kind: 'unlink', ...place });
        return;
      case 'write':
      case 'writev':
        this.#dirty.add(process);
        this.#unasked.add(process);
        this.#wrote(path, result);
        return;
      case 'ftruncate': {
        const file = this.#files.get(path);
        if (!file) return;
        file.size = argument;
        this.operations.push({ kind: 'truncate', file: file.number, size: argument });
        return;
      }
      default:
        this.#dirty.delete(process);
        if (this.#afterSync?.process === process && !this.#directories.has(path))
          this.#afterSync.synced = true;
        this.operations.push(
          this.#directories.has(path)
            ? { kind: 'syncDirectory', directory: path }
            : { kind: 'sync', file: this.#numberOf(path) },
        );
    }
  }

  #wrote(path: string, length: number): void {
    const file = this.#files.get(path);
    if (!file) throw new Error(`a write into a file that nobody made: ${path}`);
    const bytes = readFileSync(join(this.#root, path)).subarray(file.size, file.size + length);
    this.operations.push({ kind: 'write', file: file.number, offset: file.size, bytes });
    file.size += length;
  }

  #numberOf(path: string): number {
    const file = this.#files.get(path);
    if (!file) throw new Error(`a file that nobody made: ${path}`);
    return file.number;
  }
}

const changing = new Set([
  'open',
  'mkdir',
  'rename',
  'link',
  'unlink',
  'write',
  'writev',
  'ftruncate',
  'fsync',
  'fdatasync',
]);
