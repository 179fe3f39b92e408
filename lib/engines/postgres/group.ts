/**
 * The calls whose lines are committed together, as the append function of the database takes them, and what becomes of
 * each by what that answers.
 */
import { hash } from 'node:crypto';
import { conflict } from '../../base/errors.js';
import type { Fence } from '../../base/lock-holder.js';
import type { AppendResult } from '../../chronicle/results.js';
import type { EventLine } from '../../event/event-line.js';

/** The lines of one call, which are acknowledged or rejected together: one line by its result, several by theirs. */
export type Call = (
  | { readonly isOne: true; readonly resolve: (result: AppendResult) => void }
  | { readonly isOne: false; readonly resolve: (results: AppendResult[]) => void }
) & {
  readonly lines: readonly EventLine[];
  /** Of the lines, with their newlines. */
  readonly bytes: number;
  /** Where the chronicle must end. */
  readonly ifEnd: number | undefined;
  /** What is no older than its lock must be; the same for all calls of a group. */
  readonly fence: Fence | undefined;
  readonly reject: (error: Error) => void;
};

/** A line of a {@link Call} that asks for another end. */
const notMet = 2;
const noId = '00'.repeat(32);

export class Group {
  readonly calls: readonly Call[];
  readonly bytes: number;
  readonly events: number;
  readonly #lines: EventLine[] = [];
  /** Of the lines with their newlines, counted from where the first begins. */
  readonly #ends: number[] = [];

  constructor(calls: readonly Call[]) {
    this.calls = calls;
    let bytes = 0;
    for (const call of calls) {
      for (const line of call.lines) {
        this.#lines.push(line);
        bytes += call.isOne ? call.bytes : Buffer.byteLength(line.text) + 1;
        this.#ends.push(bytes);
      }
    }
    this.events = this.#lines.length;
    this.bytes = bytes;
  }

  /**
   * The parameters from the lines to the ends, as append-sql.ts lists them.
   *
   * @param hasCopies whether some of the lines are likely to be there already
   */
  parameters(window: number, hasCopies: boolean): unknown[] {
    // Not joined: what `join` makes stays until the next collection of all garbage.
    let lines = '';
    let hashes = '';
    for (const { text, id } of this.#lines) {
      lines += lines === '' ? text : `\n${text}`;
      hashes += id === undefined ? noId : hash('sha256', id);
    }
    const hasConditions = this.calls.some(({ ifEnd }) => ifEnd !== undefined);
    return [
      lines,
      `{${this.#ends.join()}}`,
      // As text for so long: a Buffer of each costs six times as much.
      Buffer.from(hashes, 'hex'),
      Number.isFinite(window) ? window : null,
      hasConditions || (window > 0 && hasCopies),
      hasConditions ? `{${this.calls.map((call) => call.lines.length).join()}}` : null,
      hasConditions ? `{${this.calls.map(({ ifEnd }) => ifEnd ?? 'NULL').join()}}` : null,
    ];
  }

  /**
   * Settles the calls, by what the append function has answered. Returns how many lines were written, and how
   * many were not because they are copies.
   *
   * @param name of the chronicle, for errors
   */
  settle(
    name: string,
    { begin, end, fates, offsets, lengths }: Answer,
  ): { readonly written: number; readonly duplicates: number } {
    let duplicates = 0;
    let conflicts = 0;
    let index = 0;
    const result = (line: EventLine): AppendResult => {
      const own = index++;
      if (!fates) {
        const offset = begin + (this.#ends[own - 1] ?? 0);
        return { offset, next: begin + (this.#ends[own] as number), eventId: line.id, duplicate: false };
      }
      const offset = offsets?.[own] as number;
      const duplicate = fates[own] !== 0;
      if (duplicate) duplicates++;
      return { offset, next: offset + (lengths?.[own] as number), eventId: line.id, duplicate };
    };
    for (const call of this.calls) {
      if (fates?.[index] === notMet) {
        index += call.lines.length;
        conflicts += call.lines.length;
        call.reject(conflict(name, call.ifEnd as number, end));
      } else if (call.isOne) {
        call.resolve(result(call.lines[0] as EventLine));
      } else {
        call.resolve(call.lines.map(result));
      }
    }
    return { written: this.events - duplicates - conflicts, duplicates };
  }
}

/** What the append function says, as append-sql.ts lists it. */
export interface Answer {
  readonly begin: number;
  readonly end: number;
  /** In microseconds. */
  readonly waited: number;
  /** Whether somebody is to be told that follows. */
  readonly isFollowed: boolean;
  /** Of each line, where the lines were looked at one by one. */
  readonly fates: readonly number[] | undefined;
  readonly offsets: readonly number[] | undefined;
  readonly lengths: readonly number[] | undefined;
}

export function readAnswer(text: string): Answer {
  const [begin, end, waited, followed, ...arrays] = text.split(' ');
  const [fates, offsets, lengths] = arrays.map((array) => array.split(',').map(Number));
  const isFollowed = followed === '1';
  return {
    begin: Number(begin),
    end: Number(end),
    waited: Number(waited),
    isFollowed,
    fates,
    offsets,
    lengths,
  };
}
