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

const form = /^1-([0-9a-z]{1,11})-([0-9a-z]{1,11})-([0-9a-f]{12})-([0-9a-z]{1,11})$/;

/** @throws `EVALIDATION` for what is no position */
export function parsePosition(position: unknown, field: string): LinePlace {
  const [, offset = '', length = '', file = '', line = ''] =
    (typeof position === 'string' && form.exec(position)) || [];
  if (file === '') {
    throw invalid(field, `expected the position of an event, as reading gives it, got ${describe(position)}`);
  }
  const number = (text: string) => Number.parseInt(text, 36);
  const place = { offset: number(offset), length: number(length), file, line: number(line) };
  if (!Number.isSafeInteger(place.offset + place.length) || !Number.isSafeInteger(place.line)) {
    throw invalid(
      field,
      `is no position that reading gives: ${describe(position)} has too large a number in it`,
    );
  }
  return place;
}

/** The file that events are read from. */
export class FileSource {
  /** As it was called when it was opened. */
  readonly path: string;
  #fingerprint: string | undefined;

  /** @param fingerprint if it is known already */
  constructor(path: NativePath, fingerprint?: string) {
    this.path = path.toString();
    this.#fingerprint = fingerprint;
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
 * Of the line that is from `begin` to `end`, without its newline: a sum of all its bytes. It is for telling the lines of a
 * chronicle apart, of which as good as none have the same, not for safety.
 */
export function lineFingerprint(bytes: DataView, begin: number, end: number): number {
  // Two sums, since each multiplication waits for the one before; and together they have more bits.
  let [first, second] = [end - begin, ~(end - begin)];
  let at = begin;
  for (; at + 8 <= end; at += 8) {
    first = mixed(first, bytes.getInt32(at, true));
    second = mixed(second, bytes.getInt32(at + 4, true) ^ first);
  }
  for (; at < end; at++) {
    first = mixed(first, bytes.getUint8(at));
    second = mixed(second, first);
  }
  for (let round = 0; round < 2; round++) {
    first = mixed(first, second);
    second = mixed(second, first);
  }
  return (first >>> 0) * 2 ** 21 + (second >>> 11);
}

function mixed(sum: number, word: number): number {
  const product = Math.imul(sum ^ word, 0x85ebca6b);
  return product ^ (product >>> 13);
}

/** Bytes as {@link lineFingerprint} reads them, several at once. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The length of a line without its newline. */
export function contentLength(bytes: DataView, begin: number, end: number): number {
  return bytes.getUint8(end - 1) === newline ? end - begin - 1 : end - begin;
}
