/**
 * Records what processes do to a file system, in the one order in which they did it, and what they were
 * promised when. To have that order, every call that changes or syncs something is let go only when the one
 * before it is done.
 */
import {
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Answer, Call, SystemCalls } from '../../support/system-calls.js';
import type { Operation } from './crash-states.js';

/** What a sabotaged build would do. Made by answers to its calls, so that nothing of it is in the product. */
export const sabotages = [
  'without the sync of directories',
  'acknowledging before the sync',
  'without healing the torn tail',
  'acknowledging a duplicate before the first copy is durable',
] as const;

/** The same, of what only a side journal has. */
export const journalSabotages = [
  'without the sync of the side journal',
  'without the sync of the file when the side journal is full',
  'putting nothing back',
] as const;
export type Sabotage = (typeof sabotages | typeof journalSabotages)[number];

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
  #late: Operation[] = [];
  /** A record was written to a side journal. */
  #hasRecords = false;
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

  /** Makes a file of zeros and the directories above it, all of it durable, as if it was there before. */
  make(path: string, size: number): void {
    const name = relative(this.#root, path);
    const parents: string[] = [];
    for (let parent = dirname(name); parent !== '.'; parent = dirname(parent)) parents.unshift(parent);
    mkdirSync(dirname(path), { recursive: true });
    for (const parent of parents) {
      this.#directories.add(parent);
      this.operations.push({ kind: 'mkdir', directory: dirname(parent), name: basename(parent) });
    }
    writeFileSync(path, Buffer.alloc(size));
    this.#created(name);
    this.#wrote(name, size);
    this.operations.push({ kind: 'sync', file: this.#numberOf(name) });
    for (const directory of ['.', ...parents]) this.operations.push({ kind: 'syncDirectory', directory });
  }

  /** How many syncs there were of the file that has the path now. */
  syncsOf(path: string): number {
    const file = this.#files.get(relative(this.#root, path))?.number;
    return this.operations.filter((operation) => operation.kind === 'sync' && operation.file === file).length;
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
    const isJournal = path.endsWith('.journal');
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
      case 'without the sync of the side journal':
        if (isFileSync && isJournal) return 'skip';
        break;
      case 'without the sync of the file when the side journal is full':
        // Until there is a journal, the file is synced as ever.
        if (isFileSync && !isJournal && this.#hasRecords) return 'skip';
        break;
      case 'acknowledging a duplicate before the first copy is durable':
        if (isFileSync && !this.#dirty.has(process)) return 'skip';
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
        if (!existed) this.#created(path);
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
        this.#wrote(path, result);
        return;
      case 'pwrite':
        this.#dirty.add(process);
        this.#wrote(path, result, argument);
        // Not its heads, and not the zeros that it is made of.
        if (path.endsWith('.journal') && argument % 4096 !== 0) this.#hasRecords = true;
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
        this.operations.push(
          this.#directories.has(path)
            ? { kind: 'syncDirectory', directory: path }
            : { kind: 'sync', file: this.#numberOf(path) },
        );
    }
  }

  #created(path: string): void {
    this.#files.set(path, { number: ++this.#lastFile, size: 0 });
    const { birthtimeNs } = statSync(join(this.#root, path), { bigint: true });
    const born = Number(birthtimeNs / 1_000_000n);
    this.operations.push({
      kind: 'create',
      directory: dirname(path),
      name: basename(path),
      file: this.#lastFile,
      born,
    });
  }

  /** At its end, unless it is said where. */
  #wrote(path: string, length: number, at?: number): void {
    const file = this.#files.get(path);
    if (!file) throw new Error(`a write into a file that nobody made: ${path}`);
    const offset = at ?? file.size;
    const bytes = readFileSync(join(this.#root, path)).subarray(offset, offset + length);
    this.operations.push({ kind: 'write', file: file.number, offset, bytes });
    file.size = Math.max(file.size, offset + length);
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
  'pwrite',
  'ftruncate',
  'fsync',
  'fdatasync',
]);
