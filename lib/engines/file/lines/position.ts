/**
 * Positions: where an event is in a chronicle, as a short string that outlives rotation, `repair` and compression
 * (docs/format.md). It has the offset and the length of the event's line, a fingerprint of the first line of its file
 * and one of the line itself. Names and inodes of files are not in it, since these change, or come again.
 */
import { hash } from 'node:crypto';
import { describe } from '../../../base/arguments.js';
import { invalid } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { type ReadableFile, readAt } from './open-file.js';

const newline = 0x0a;
const version = '1';
/** Of the first line, so many bytes tell files apart. */
const headBytes = 512;

/** A position in its parts. */
export interface LinePlace {
  /** Where the line began, in bytes. */
  readonly offset: number;
  /** Without its newline, in bytes. */
  readonly length: number;
  /** Of the first line of the file. */
  readonly file: string;
  /** Of the line. */
  readonly line: number;
}

export function positionOf({ offset, length, file, line }: LinePlace): string {
  return `${version}-${offset.toString(36)}-${length.toString(36)}-${file}-${line.toString(36)}`;
}

const form = /^1-([0-9a-z]{1,11})-([0-9a-z]{1,11})-([0-9a-f]{12})-([0-9a-z]{1,7})$/;

/** @throws `EVALIDATION` for what is no position */
export function parsePosition(position: unknown, field: string): LinePlace {
  const [, offset = '', length = '', file = '', line = ''] =
    (typeof position === 'string' && form.exec(position)) || [];
  if (file === '') {
    throw invalid(field, `expected the position of an event, as reading gives it, got ${describe(position)}`);
  }
  const number = (text: string) => Number.parseInt(text, 36);
  return { offset: number(offset), length: number(length), file, line: number(line) };
}

/** The file that events are read from. */
export class FileSource {
  /** As it was called when it was opened. */
  readonly path: string;
  #fingerprint: string | undefined;

  constructor(path: NativePath) {
    this.path = path.toString();
  }

  /** What tells the files of a chronicle apart; undefined as long as it is not known. */
  get fingerprint(): string | undefined {
    return this.#fingerprint;
  }

  /** From the beginning of the file; `isWhole` if it is all that the first line has. */
  take(head: Buffer, isWhole = false): void {
    if (this.#fingerprint !== undefined) return;
    const end = head.subarray(0, headBytes).indexOf(newline);
    if (end === -1 && head.length < headBytes && !isWhole) return;
    this.#fingerprint = hash('sha256', head.subarray(0, end === -1 ? headBytes : end)).slice(0, 12);
  }

  /** Reads it, unless the first line of the file is not finished yet. */
  async load(file: ReadableFile): Promise<void> {
    if (this.#fingerprint === undefined) this.take(await readAt(file, 0, Buffer.allocUnsafe(headBytes)));
  }
}

/**
 * Of the line that is from `begin` to `end`, without its newline: of all its bytes if they are few, and else of some
 * all over it, most of them at its end, where the id is. It is for telling lines of one file apart, not for safety.
 */
export function lineFingerprint(bytes: Buffer, begin: number, end: number): number {
  let sum = end - begin;
  if (sum <= 48) {
    for (let at = begin; at < end; at++) sum = Math.imul(sum ^ (bytes[at] as number), 0x01000193);
    return sum >>> 0;
  }
  const step = (sum - 32) >>> 2;
  let at = begin;
  for (let count = 0; count < 4; count++, at += step) sum = mixed(sum, bytes, at);
  for (at = end - 28; at < end; at += 4) sum = mixed(sum, bytes, at);
  return (sum ^ (sum >>> 15)) >>> 0;
}

function mixed(sum: number, bytes: Buffer, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  const product = Math.imul(sum ^ word, 0x85ebca6b);
  return product ^ (product >>> 13);
}

/** The length of a line without its newline. */
export function contentLength(bytes: Buffer, begin: number, end: number): number {
  return bytes[end - 1] === newline ? end - begin - 1 : end - begin;
}
