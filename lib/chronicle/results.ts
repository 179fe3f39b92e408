/**
 * What the calls of a chronicle answer, whatever engine keeps it.
 */
import type { CorruptLine, CorruptReason } from '../event/corrupt-line.js';

/**
 * A place between two events of a chronicle. Pass it on as it is, to `from` and `to` of reading, to `from` of
 * following, or to `ifEnd` of appending; do not calculate with it. 0 is the beginning.
 */
export type Position = number;

/** An event, and where it is. */
export interface Entry<T> {
  readonly event: T;
  /** Where its line begins in the file, in bytes. */
  readonly offset: number;
  /** Of its line with the newline, in bytes. */
  readonly length: number;
  /** Where the chronicle goes on after this event: reading from here begins with the next one. */
  readonly next: Position;
}

/** What became of an event that was appended. */
export interface AppendResult {
  /** Where its line begins in the file, in bytes. Of a duplicate: that of the first copy. */
  readonly offset: number;
  /**
   * Where the chronicle goes on after this event; of a duplicate: after the first copy, in its file. `ifEnd`
   * takes it.
   */
  readonly next: Position;
  /** Undefined for an event without id (`computeId: false`). */
  readonly eventId: string | undefined;
  /** True if the event was in the chronicle already and was not written again. */
  readonly duplicate: boolean;
  /** Of a duplicate whose first copy is in a file that was rotated away: the path of that file. */
  readonly rotated?: string;
}

/** How far work on a large chronicle has come. */
export interface Progress {
  /** In bytes. */
  readonly done: number;
  /** In bytes. */
  readonly total: number;
}

/** Corrupt lines. */
export interface Damage {
  /** How many lines. */
  readonly lines: number;
  /** How many bytes they are, with their newlines. */
  readonly bytes: number;
  /** How many lines for each reason that there was. */
  readonly reasons: { readonly [reason in CorruptReason]?: number };
  /** The first 100 of them. */
  readonly first: readonly CorruptLine[];
}

/** An event that has the id of an earlier one. */
export interface DuplicateId {
  readonly eventId: string;
  /** Where the event is, in bytes. */
  readonly offset: number;
  /** Where the first event with this id is, in bytes. */
  readonly firstOffset: number;
}

export interface WrongId {
  readonly eventId: string;
  /** Where the event is, in bytes. */
  readonly offset: number;
  /** The id that the event should have; undefined if it has no canonical JSON. */
  readonly computed: string | undefined;
}

export interface Verification {
  /** The absolute path of the file. */
  readonly path: string;
  /**
   * True if no line is corrupt and no id is wrong. Duplicates are no damage: options may have allowed them.
   */
  readonly intact: boolean;
  /** The size of the file: of all lines, with their newlines. */
  readonly bytes: number;
  /** All lines: events, blank lines and corrupt lines. */
  readonly lines: number;
  readonly events: number;
  readonly blank: number;
  readonly corrupt: Damage;
  /** Events whose id an earlier event has. */
  readonly duplicates: { readonly count: number; readonly first: readonly DuplicateId[] };
  /**
   * Events whose id looks like a computed one (64 lowercase hexadecimal digits) and is not that of the event:
   * it was changed after it was written, or the id is the SHA-256 of something else.
   */
  readonly wrongIds: { readonly count: number; readonly first: readonly WrongId[] };
}

export interface Repair {
  /** The absolute path of the file. */
  readonly path: string;
  /** What was taken out of the file, and where it was there. */
  readonly removed: Damage;
  /** Where it is now: `<path>.damaged`. Undefined if nothing was damaged, and so nothing was written. */
  readonly damagedPath: string | undefined;
}
