/**
 * An event of a file as it is read.
 */
import type { Entry } from '../../../chronicle/results.js';
import type { JsonObject } from '../../../event/line.js';
import { contentLength, type FileSource, type LinePlace, lineFingerprint, positionOf } from './position.js';

export class LineEntry implements Entry<JsonObject> {
  readonly event: JsonObject;
  readonly offset: number;
  readonly length: number;
  readonly next: number;
  readonly #source: FileSource | undefined;
  readonly #line: number;
  readonly #length: number;

  /** @param bytes hold the line, from `begin` to `end` */
  constructor(
    event: JsonObject,
    offset: number,
    bytes: DataView,
    begin: number,
    end: number,
    source: FileSource | undefined,
  ) {
    this.event = event;
    this.offset = offset;
    this.length = end - begin;
    this.next = offset + end - begin;
    this.#source = source;
    // Now, since the bytes are overwritten; and not of the event, which its reader may change.
    this.#length = contentLength(bytes, begin, end);
    this.#line = source ? lineFingerprint(bytes, begin, begin + this.#length) : 0;
  }

  get path(): string {
    return this.#source?.path ?? '';
  }

  /** Whether it is the event that had this place, here or in front of lines that `repair` has taken out. */
  was({ length, line }: LinePlace): boolean {
    return this.#line === line && this.#length === length;
  }

  // A property of the prototype: made for each event, the text would cost more than to read it.
  get position(): string {
    const { offset } = this;
    return positionOf({
      offset,
      length: this.#length,
      file: this.#source?.fingerprint ?? '',
      line: this.#line,
    });
  }
}
