/**
 * One file that is followed: how far it was read, and whether that part of it is still the same.
 */
import type { NativePath } from '../../../base/paths.js';
import { fileId, namedFileId } from '../../../lock/named-file.js';
import { type ChronicleFile, openRotated } from '../lines/chronicle-files.js';
import { offsetOfLast } from '../lines/last-events.js';
import { hasMark, type Mark, markAt } from '../lines/mark.js';
import { type ReadableFile, readAt } from '../lines/open-file.js';
import type { FileSource } from '../lines/position.js';
import { isCompressed } from '../lines/rotated-files.js';
import { scanBackwards, scanForwards } from '../lines/scanner.js';

/** Where following begins: at an offset, at the end, or with the last events. */
export type Start = number | 'end' | { readonly last: number };

const newline = 0x0a;
/** How many earlier offsets are kept, to find how far back a truncated file is still the same. */
const maxMarks = 128;

/** The methods reject with the system's own errors. */
export class FollowedFile {
  readonly path: NativePath;
  readonly handle: ReadableFile;
  readonly source: FileSource;
  readonly id: string;
  /** When it was opened, in bytes; 0 for a compressed file, which is never the current one. */
  readonly #size: number;
  /** Where it was read up to, the last one last. */
  readonly #marks: Mark[] = [];

  private constructor({ path, file, source }: ChronicleFile, id: string, size: number) {
    this.path = path;
    this.handle = file;
    this.source = source;
    this.id = id;
    this.#size = size;
  }

  /** Of a file that is open. */
  static async of(file: ChronicleFile): Promise<FollowedFile> {
    const stats = await file.file.stat({ bigint: true });
    return new FollowedFile(file, fileId(stats), Number(stats.size));
  }

  /** Whether it has no name any more. */
  async isRemoved(): Promise<boolean> {
    return (await this.handle.stat({ bigint: true })).nlink === 0n;
  }

  /**
   * Whether it was there, under whatever name, when the other one, which has no name any more, lost its last: as what
   * takes a file's place is. Where that is not known, or it was at the same tick of the clock, the answer is no.
   */
  async wasThereBefore(removed: FollowedFile): Promise<boolean> {
    const [{ birthtimeNs }, { ctimeNs }] = await Promise.all([
      this.handle.stat({ bigint: true }),
      removed.handle.stat({ bigint: true }),
    ]);
    return birthtimeNs > 0n && birthtimeNs < ctimeNs;
  }

  /** Where the next line begins. */
  get offset(): number {
    return this.#marks.at(-1)?.end ?? 0;
  }

  /** Goes to the offset of a mark in this file. */
  advance(mark: Mark): void {
    this.#marks.push(mark);
    if (this.#marks.length > maxMarks) this.#marks.shift();
  }

  async advanceTo(offset: number): Promise<void> {
    this.advance(await markAt(this.handle, offset));
  }

  /**
   * Goes to where following begins. An offset after the end of the file means its beginning.
   *
   * @returns how many of the last events are missing here
   */
  async begin(start: Start, maxLineBytes: number): Promise<number> {
    let offset = start;
    let missing = 0;
    if (typeof offset !== 'number') {
      const end = await this.#endOfLines(maxLineBytes);
      if (offset === 'end') offset = end;
      else ({ offset, missing } = await offsetOfLast(this.handle, end, offset.last, maxLineBytes));
    }
    if (offset <= this.#size) await this.advanceTo(offset);
    return missing;
  }

  /** False if the file was truncated before {@link offset}, whatever was written since. */
  async isUnchanged(): Promise<boolean> {
    const mark = this.#marks.at(-1);
    return mark === undefined || (await hasMark(this.handle, mark));
  }

  /**
   * Goes back to the last offset up to which the file is unchanged: a little if a writer has cut off a failed
   * write (C6), to the beginning if somebody has emptied the file.
   */
  async goBack(): Promise<void> {
    while (!(await this.isUnchanged())) this.#marks.pop();
  }

  /** The end of the last line that has a newline: a line without one has yet to come. */
  async #endOfLines(maxLineBytes: number): Promise<number> {
    const size = this.#size;
    if (size === 0) return 0;
    const [last] = await readAt(this.handle, size - 1, Buffer.alloc(1));
    if (last === newline) return size;
    for await (const { entries, nonEvents } of scanBackwards(this.handle, {
      from: 0,
      to: size,
      maxLineBytes,
    })) {
      return Math.max(entries[0]?.offset ?? 0, nonEvents[0]?.offset ?? 0);
    }
    return 0;
  }
}

/**
 * Where to go on in a file that took the place of another one: after the same lines, if it begins with all
 * lines of the old file that are not corrupt, as repair() leaves it; undefined, if it is a different file.
 */
export async function continuationIn(
  current: FollowedFile,
  old: FollowedFile,
  maxLineBytes: number,
): Promise<number | undefined> {
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER, maxLineBytes };
  let offset = 0;
  for await (const { begin, end, nonEvents } of scanForwards(old.handle, range)) {
    let from = begin;
    const corrupt = nonEvents.filter(({ kind }) => kind === 'corrupt');
    for (const gap of [...corrupt, { offset: end, length: 0 }]) {
      const length = gap.offset - from;
      const [before, now] = await Promise.all([
        readAt(old.handle, from, Buffer.allocUnsafe(length)),
        readAt(current.handle, offset, Buffer.allocUnsafe(length)),
      ]);
      if (!before.equals(now)) return undefined;
      offset += length;
      from = gap.offset + gap.length;
    }
  }
  return offset;
}

/** Which of these files it is, the oldest first: by its inode, or if it was compressed, by its first line. */
export async function indexOf(file: FollowedFile, paths: readonly Buffer[]): Promise<number> {
  for (const [index, path] of paths.entries()) {
    const named = isCompressed(path) ? undefined : await namedFileId(path);
    if (named === file.id) return index;
    if (named !== undefined) continue;
    const opened = await openRotated(path); // it may have been compressed since it was listed
    if (typeof opened === 'string') continue;
    try {
      await Promise.all([file.source.load(file.handle), opened.source.load(opened.file)]);
      if (file.source.fingerprint === opened.source.fingerprint) return index;
    } finally {
      await opened.file.close();
    }
  }
  return -1;
}
