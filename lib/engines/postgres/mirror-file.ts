/**
 * The local file of a mirror. It holds lines of the chronicle, byte for byte and without a gap, so its end says where to
 * go on: its size is the next offset of the chronicle, but for what {@link MirrorNote} says. It is only ever appended to
 * at the end that is known, under its lock, so that a second mirror of the same file doubles nothing.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { syncDirectory, syncFile } from '../../atomic/sync.js';
import type { Durability } from '../../base/durability.js';
import {
  conflict,
  divergedFrom,
  HoldfastError,
  ioError,
  irregular,
  withIoErrors,
} from '../../base/errors.js';
import { directoryOf, followLinksToWrite, type NativePath } from '../../base/paths.js';
import { longestLine } from '../../event/line.js';
import { lock } from '../../lock/lock.js';
import { readAt } from '../file/lines/open-file.js';
import { FileSource, type LinePlace, parsePosition } from '../file/lines/position.js';
import { lastLineStart, scanBackwards } from '../file/lines/scanner.js';
import { type MirrorNote, readNote, writeNote } from './mirror-note.js';

export interface MirrorSettings {
  /** In milliseconds. */
  readonly lockTimeout: number;
  readonly durability: Durability;
}

/** Lines of the chronicle, as they are to be appended. */
export interface MirroredLines {
  readonly bytes: Buffer;
  /** Where they begin in the chronicle. */
  readonly offset: number;
  /** What tells the chronicle from others. */
  readonly fingerprint: string;
}

const chunkBytes = 64 * 1024;

export class MirrorFile {
  readonly path: string;
  /** The chronicle that the lines are of; undefined if there are none. */
  fingerprint: string | undefined;
  /** The last line, and where it is in the chronicle; undefined if the note says that those before it are gone. */
  last: LinePlace | undefined;
  readonly #path: NativePath;
  readonly #settings: MirrorSettings;
  readonly #stop: AbortSignal;
  #note: MirrorNote | undefined;
  /** Of the whole lines. */
  #end = 0;
  /** How long a line after them is that was not finished. */
  #unfinished = 0;

  /**
   * Makes the file and the directories above it, if they are missing. A line that a mirror has not finished which was
   * killed is finished by {@link append}.
   *
   * @param name of the chronicle
   */
  static async open(
    path: NativePath,
    name: string,
    settings: MirrorSettings,
    stop: AbortSignal,
  ): Promise<MirrorFile> {
    const target = await withIoErrors(followLinksToWrite(path), path);
    await withIoErrors(mkdir(directoryOf(target), { recursive: true }), target);
    const mirror = new MirrorFile(target, settings, stop);
    await mirror.#withFile((file) => mirror.#look(file, name));
    return mirror;
  }

  private constructor(path: NativePath, settings: MirrorSettings, stop: AbortSignal) {
    this.path = path.toString();
    this.#path = path;
    this.#settings = settings;
    this.#stop = stop;
  }

  /** Where the chronicle goes on after what is in the file. */
  get next(): number {
    return this.#end + this.#shift;
  }

  /** How much farther on than in the file everything is in the chronicle, in bytes. */
  get #shift(): number {
    return this.#note ? this.#note.offset - this.#note.at : 0;
  }

  /** When it resolves, the lines are durable. Rejects if somebody else has written to the file. */
  append({ bytes, offset, fingerprint }: MirroredLines, name: string): Promise<void> {
    return this.#withFile(async (file) => {
      const { size } = await file.stat();
      const end = this.#end;
      if (size !== end + this.#unfinished) throw conflict(this.path, end, size);
      const isGap = offset !== this.next;
      // Behind a gap, it was the beginning of an event that is gone.
      if (this.#unfinished > 0 && !(isGap && end > 0)) await this.#checkUnfinished(file, bytes, name);
      if (isGap) {
        const note = { file: fingerprint, at: end, offset };
        await writeNote(this.#path, file, note, this.#settings.durability);
        this.#note = note;
      }
      try {
        await file.write(bytes, 0, bytes.length, end);
        if (this.#unfinished > bytes.length) await file.truncate(end + bytes.length);
        await syncFile(file, this.#settings.durability, this.#path);
      } catch (error) {
        // Also what may not have reached the disk: whoever goes on later writes it again.
        await file.truncate(end).catch(() => {});
        throw error;
      }
      if (end === 0 && this.#settings.durability !== 'none') await syncDirectory(this.#path, 'withAncestors');
      this.#end += bytes.length;
      this.#unfinished = 0;
    });
  }

  async #look(file: FileHandle, name: string): Promise<void> {
    const { size } = await file.stat();
    if (size === 0) return;
    const end = (await lastLineStart(file, 0, size + 1, chunkBytes)) ?? 0;
    this.#note = await readNote(this.#path, file);
    if (end > 0) await this.#findLast(file, end, name);
    // A mirror that was killed may not have come to that.
    await syncFile(file, this.#settings.durability, this.#path);
    this.#end = end;
    this.#unfinished = size - end;
  }

  /** It must be the beginning of what comes, or what some file systems leave of it after a power loss. */
  async #checkUnfinished(file: FileHandle, bytes: Buffer, name: string): Promise<void> {
    const length = Math.min(this.#unfinished, bytes.length);
    const found = await readAt(file, this.#end, Buffer.alloc(length));
    const isOurs = found.equals(bytes.subarray(0, length)) || found.every((byte) => byte === 0);
    if (!isOurs) throw divergedFrom(this.path, name);
  }

  async #findLast(file: FileHandle, end: number, name: string): Promise<void> {
    const source = new FileSource(this.#path);
    const range = { from: 0, to: end, maxLineBytes: longestLine, source };
    for await (const { entries } of scanBackwards(file, range)) {
      const [entry] = entries;
      if (entry?.next !== end || end < (this.#note?.at ?? 0)) break;
      const place = parsePosition(entry.position, 'path');
      this.fingerprint = this.#note?.file ?? place.file;
      if (end !== this.#note?.at) {
        this.last = { ...place, offset: place.offset + this.#shift, file: this.fingerprint };
      }
      return;
    }
    throw divergedFrom(this.path, name);
  }

  /** The file is locked and open for as long as `use` takes. */
  async #withFile(use: (file: FileHandle) => Promise<void>): Promise<void> {
    const { lockTimeout: timeout } = this.#settings;
    try {
      const held = await lock(this.#path, { timeout, signal: this.#stop });
      let file: FileHandle | undefined;
      try {
        file = await open(this.#path, constants.O_RDWR | (constants.O_NONBLOCK ?? 0));
        const stats = await file.stat();
        if (!stats.isFile()) throw irregular(stats, this.path);
        await use(file);
      } finally {
        await file?.close();
        await held.release();
      }
    } catch (error) {
      if (error instanceof HoldfastError || error === this.#stop.reason) throw error;
      throw ioError(error, this.path);
    }
  }
}
