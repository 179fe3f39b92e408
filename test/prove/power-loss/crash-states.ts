/**
 * What a disk may hold after a crash. From the operations of a recording that came before the crash, builds
 * the states that a file system may leave behind, by one of two rules:
 *
 * - ordered (a journal, as ext4 has it): what was done is there up to some moment, which no sync lies behind;
 *   the last write may be torn.
 * - unordered (what POSIX promises and no more): every operation since the last sync of its file or directory
 *   is lost, kept, or, where it writes, torn at sector boundaries or left as zeros; each for itself. Only of
 *   a name in a directory nothing is kept whose predecessor is lost: a new file does not take the name of one
 *   whose renaming has not happened.
 *
 * A sector is written whole or not at all, as drives promise it.
 */
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../prove.js';

/** One entry of a recording. Files are numbers, directories are their paths. */
export type Operation =
  | { readonly kind: 'create'; readonly directory: string; readonly name: string; readonly file: number }
  | { readonly kind: 'mkdir'; readonly directory: string; readonly name: string }
  | { readonly kind: 'rename'; readonly directory: string; readonly from: string; readonly name: string }
  | { readonly kind: 'link'; readonly directory: string; readonly from: string; readonly name: string }
  | { readonly kind: 'unlink'; readonly directory: string; readonly name: string }
  | { readonly kind: 'write'; readonly file: number; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'syncDirectory'; readonly directory: string }
  /** What a process was promised: not an operation of the disk, but its place among them matters. */
  | { readonly kind: 'promise'; readonly of: string; readonly offset: number };

const sector = 512;

/** What becomes of an operation in a crash. */
type Fate = 'kept' | 'lost' | 'zeros' | 'torn';

const fatesOf = {
  create: ['kept', 'lost'],
  mkdir: ['kept', 'lost'],
  rename: ['kept', 'lost'],
  link: ['kept', 'lost'],
  unlink: ['kept', 'lost'],
  write: ['kept', 'lost', 'zeros', 'torn'],
  truncate: ['kept', 'lost'],
} as const satisfies Record<string, readonly Fate[]>;

type Change = Extract<Operation, { kind: keyof typeof fatesOf }>;

const isChange = (operation: Operation): operation is Change => operation.kind in fatesOf;

export class Disk {
  readonly #files = new Map<number, Buffer>();
  /** The entries of each directory: a file, or another directory. */
  readonly #directories = new Map<string, Map<string, number | 'directory'>>();

  apply(change: Change, fate: Fate, random: Random): void {
    if (fate === 'lost') return;
    switch (change.kind) {
      case 'create':
        this.#entries(change.directory).set(change.name, change.file);
        return;
      case 'mkdir':
        this.#entries(change.directory).set(change.name, 'directory');
        return;
      case 'rename': {
        const entries = this.#entries(change.directory);
        const file = entries.get(change.from);
        // The entry that is renamed may be one that was lost.
        if (file !== undefined) entries.set(change.name, file);
        entries.delete(change.from);
        return;
      }
      case 'link': {
        const file = this.#entries(change.directory).get(change.from);
        if (file !== undefined) this.#entries(change.directory).set(change.name, file);
        return;
      }
      case 'unlink':
        this.#entries(change.directory).delete(change.name);
        return;
      case 'truncate':
        this.#resize(change.file, change.size);
        return;
      case 'write':
        this.#write(change, fate, random);
    }
  }

  /** Puts the files where the product can open them. */
  restore(root: string, directory = '.', made = new Map<number, string>()): void {
    for (const [name, entry] of this.#entries(directory)) {
      const path = join(directory, name);
      if (entry === 'directory') {
        mkdirSync(join(root, path));
        this.restore(root, path, made);
      } else if (made.has(entry)) {
        linkSync(join(root, made.get(entry) as string), join(root, path));
      } else {
        writeFileSync(join(root, path), this.#content(entry));
        made.set(entry, path);
      }
    }
  }

  /** The same text for the same state. */
  key(directory = '.'): string {
    return [...this.#entries(directory)]
      .map(([name, entry]) => {
        const path = join(directory, name);
        return `${path}:${entry === 'directory' ? this.key(path) : `${entry} ${this.#content(entry).toString('latin1')}`}`;
      })
      .sort()
      .join('\n');
  }

  #write({ file, offset, bytes }: Extract<Change, { kind: 'write' }>, fate: Fate, random: Random): void {
    const before = this.#content(file).length;
    const after = this.#resize(file, Math.max(before, offset + bytes.length));
    if (fate === 'kept') bytes.copy(after, offset);
    if (fate !== 'torn') return; // the file has its new length, but what was appended is zeros
    for (let at = offset; at < offset + bytes.length; ) {
      const next = Math.min(offset + bytes.length, (Math.floor(at / sector) + 1) * sector);
      if (random.below(2) === 0) bytes.copy(after, at, at - offset, next - offset);
      at = next;
    }
  }

  #resize(file: number, size: number): Buffer {
    const resized = Buffer.alloc(size);
    this.#content(file).copy(resized);
    this.#files.set(file, resized);
    return resized;
  }

  #content(file: number): Buffer {
    return this.#files.get(file) ?? Buffer.alloc(0);
  }

  #entries(directory: string): Map<string, number | 'directory'> {
    let entries = this.#directories.get(directory);
    if (!entries) {
      entries = new Map();
      this.#directories.set(directory, entries);
    }
    return entries;
  }
}

/** Yields states that a crash behind the first `end` operations may leave; all of them where they are few. */
export function* crashStates(
  recording: readonly Operation[],
  end: number,
  max: number,
  random: Random,
): Generator<Disk, void, undefined> {
  const past = recording.slice(0, end);
  yield* ordered(past, random);
  yield* unordered(past, max, random);
}

function* ordered(past: readonly Operation[], random: Random): Generator<Disk, void, undefined> {
  const synced = past.findLastIndex(({ kind }) => kind === 'sync' || kind === 'syncDirectory') + 1;
  for (let end = synced; end <= past.length; end++) {
    const last = past[end - 1];
    for (const fate of end > synced && last?.kind === 'write'
      ? (['kept', 'torn'] as const)
      : ['kept' as const]) {
      const disk = new Disk();
      past.slice(0, end).forEach((operation, index) => {
        if (isChange(operation)) disk.apply(operation, index === end - 1 ? fate : 'kept', random);
      });
      yield disk;
    }
  }
}

function* unordered(
  past: readonly Operation[],
  max: number,
  random: Random,
): Generator<Disk, void, undefined> {
  const open = past.filter((operation, index) => isChange(operation) && !isSynced(past, index)) as Change[];
  const count = open.reduce((product, { kind }) => product * fatesOf[kind].length, 1);
  for (let number = 0; number < Math.min(count, max); number++) {
    let rest = count <= max ? number : undefined;
    const fates = new Map<Operation, Fate>();
    for (const change of open) {
      const choices: readonly Fate[] = fatesOf[change.kind];
      fates.set(change, rest === undefined ? random.pick(choices) : (choices[rest % choices.length] as Fate));
      if (rest !== undefined) rest = Math.floor(rest / choices.length);
    }
    const disk = new Disk();
    const lost = new Set<string>();
    for (const operation of past) {
      if (!isChange(operation)) continue;
      const names = namesIn(operation);
      const fate = names.some((name) => lost.has(name)) ? 'lost' : (fates.get(operation) ?? 'kept');
      if (fate === 'lost') for (const name of names) lost.add(name);
      disk.apply(operation, fate, random);
    }
    yield disk;
  }
}

/** The paths of the entries that an operation changes. */
function namesIn(change: Change): string[] {
  if (!('directory' in change)) return [];
  const names = 'from' in change ? [change.from, change.name] : [change.name];
  return names.map((name) => join(change.directory, name));
}

/** Whether a sync of its file or directory lies behind the operation. */
function isSynced(past: readonly Operation[], index: number): boolean {
  const change = past[index] as Change;
  return past.slice(index).some((later) => {
    if (later.kind === 'sync')
      return 'file' in change && change.kind !== 'create' && change.file === later.file;
    return later.kind === 'syncDirectory' && 'directory' in change && change.directory === later.directory;
  });
}
