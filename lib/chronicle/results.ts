/**
 * What the calls of a chronicle answer, whatever engine keeps it.
 */
import type { CorruptLine, CorruptReason } from '../event/corrupt-line.js';

/**
 * A place between two events of a chronicle. Pass it on as it is, to `from` and `to` of reading, to `from` of
 * following, or to `ifEnd` of appending; do not calculate with it. 0 is the beginning.
 */
export type Position = number;

/**
 * An event as it is read, with its id. Every event that was appended has one, but for those that were appended
 * without `computeId`, or with another `idKey`, under which it is then. Lines that others wrote may have none.
 */
export type Recorded<T> = T & Identified;

/** What carries an id. */
export interface Identified {
  /** The id that the event carried when it was appended, or was given then. */
  readonly eventId?: string;
}

/**
 * An event, and where it is.
 *
 * @example
 *   for await (const { event, position } of chronicle.read()) console.log(event.eventId, position);
 */
export interface Entry<T> {
  /** The event, as `JSON.parse` makes it of its line. */
  readonly event: Recorded<T>;
  /** Where its line begins in the file, in bytes. */
  readonly offset: number;
  /** Of its line with the newline, in bytes. */
  readonly length: number;
  /** Where the file goes on after this event: reading from here begins with the next one. */
  readonly next: Position;
  /**
   * Where the chronicle goes on after this event, whatever becomes of its file: `read({ after })` and `follow({ after
   * })` take it, also in another process, after rotation, `repair` and restarts. A string of at most 64 characters,
   * for JSON or a database column. A property of the prototype: `{ ...entry }` and `JSON.stringify` leave it out.
   */
  readonly position: string;
  /** The absolute path of the file that it is in, as the file was called when it was opened. Likewise. */
  readonly path: string;
}

/** A file of a chronicle. */
export interface ChronicleFile {
  /** Its absolute path. */
  readonly path: string;
  /** Its size. Of a compressed file: as it is on the disk. */
  readonly bytes: number;
  /** When it was last written. */
  readonly modified: Date;
  /** When it was rotated, as its name says; undefined for the file that is written. */
  readonly rotated: Date | undefined;
  /** Whether it was compressed with gzip. */
  readonly compressed: boolean;
  /**
   * Whether files are gone that were between the one before and this one, as far as rotation has noted that: on Linux, on
   * file systems with extended attributes. Files that were older than all that are there do not count: `rotate.keep`
   * removes these.
   */
  readonly afterGap: boolean;
  /** Why it is no part of the chronicle, though it is called like a rotated file; undefined for one that is. */
  readonly ignored: IgnoredReason | undefined;
}

/**
 * Why a file that is called like a rotated one is neither read nor removed, since it need not be ours:
 * - `'kind'`: it is no regular file, but a directory, say, or a link.
 * - `'links'`: it has another name, too.
 * - `'owner'`: it belongs to somebody else than the chronicle, this user and root.
 * - `'time'`: there is no such time as its name has, or it is more than a day in the future.
 */
export type IgnoredReason = 'kind' | 'links' | 'owner' | 'time';

/**
 * What became of an event that was appended.
 *
 * @example
 *   const { offset, duplicate } = await chronicle.append({ type: 'order', number: 17 });
 *   console.log(duplicate ? `already there, at byte ${offset}` : `written at byte ${offset}`);
 */
export interface AppendResult {
  /** Where its line begins in the file, in bytes. Of a duplicate: that of the first copy. */
  readonly offset: number;
  /**
   * Where the chronicle goes on after this event; of a duplicate: after the first copy, in its file. `ifEnd`
   * takes it.
   */
  readonly next: Position;
  /** The id that the event carries, or was given. Undefined for an event without id (`computeId: false`). */
  readonly eventId: string | undefined;
  /** True if the event was in the chronicle already and was not written again. */
  readonly duplicate: boolean;
  /** Of a duplicate whose first copy is in a file that was rotated away: the path of that file. */
  readonly rotated?: string;
}

/** As {@link AppendResult}, of an event that has an id. */
export interface IdentifiedResult extends AppendResult {
  /** The id that the event carries, or was given. */
  readonly eventId: string;
}

/** How far work on a large chronicle has come. */
export interface Progress {
  /** What is done, in bytes. */
  readonly done: number;
  /** What there is to do, in bytes. */
  readonly total: number;
}

/** Corrupt lines. */
export interface Damage {
  /** How many lines. */
  readonly lines: number;
  /** How many bytes they are, with their newlines. */
  readonly bytes: number;
  /** How many lines for each reason that there was. */
  readonly reasons: Readonly<Partial<Record<CorruptReason, number>>>;
  /** The first 100 of them. */
  readonly first: readonly CorruptLine[];
}

/** An event that has the id of an earlier one. */
export interface DuplicateId {
  /** The id that both have. */
  readonly eventId: string;
  /** The file that the event is in. */
  readonly path: string;
  /** Where the event is in it, in bytes. */
  readonly offset: number;
  /** The file that the first event with this id is in. */
  readonly firstPath: string;
  /** Where that is in it, in bytes. */
  readonly firstOffset: number;
}

/** An event whose id looks like a computed one, and is not that of the event. */
export interface WrongId {
  /** The id that the event has. */
  readonly eventId: string;
  /** The file that the event is in. */
  readonly path: string;
  /** Where the event is in it, in bytes. */
  readonly offset: number;
  /** The id that the event should have; undefined if it has no canonical JSON. */
  readonly computed: string | undefined;
}

/** How far a chain goes: what its owner signs, prints or stores elsewhere. */
export interface Head {
  /** Where the chronicle goes on after the last event. */
  readonly position: Position;
  /** Of the last event: 64 lowercase hexadecimal digits. */
  readonly link: string;
}

/** An event at which a chain does not hold. */
export interface ChainBreak {
  /** The file that it is in. */
  readonly path: string;
  /** Where its line begins in that file, in bytes. */
  readonly offset: number;
  /** Its id, if it has one. */
  readonly eventId: string | undefined;
  /**
   * - `'link'`: the link is not that of this event after the one before. The event was changed, put in or
   *   moved, or one before it was taken out.
   * - `'unlinked'`: the event has no link.
   * - `'damage'`: a line before it is damaged, which may have been the event that the link goes on from.
   * - `'head'`, only on PostgreSQL: no event, but the end, which is not where the server knows it to be. Events were
   *   taken out or put in there.
   */
  readonly reason: 'link' | 'unlinked' | 'damage' | 'head';
}

/** An event with which a repair began a new chain after one that did not hold. */
export interface ChainRestart {
  /** The file that it is in. */
  readonly path: string;
  /** Where its line begins in that file, in bytes. */
  readonly offset: number;
  /** The last link of the old chain, as this event says. */
  readonly after: string | undefined;
}

/** Whether the links of a chronicle's events hold. */
export interface ChainReport {
  /**
   * True if every event is linked to the one before it, from the last restart on, and the expected link, if
   * one was given, is among theirs.
   */
  readonly intact: boolean;
  /** How many events were looked at, those of rotated files among them. */
  readonly events: number;
  /**
   * False if the first event that is there goes on from one that is not: with rotation, one that was removed as
   * too old. Then nothing tells whether more was taken away at the beginning.
   */
  readonly complete: boolean;
  /** Undefined if there is no event with a link. */
  readonly head: Head | undefined;
  /** Where it does not hold, before a restart too. */
  readonly breaks: Findings<ChainBreak>;
  /** Where a repair began a new chain. */
  readonly restarts: readonly ChainRestart[];
  /** Only if a link was expected: which event has it. */
  readonly expected?: EventPlace | 'missing';
}

/** Where an event is. */
export interface EventPlace {
  /** The file that it is in. */
  readonly path: string;
  /** Where its line begins in that file, in bytes. */
  readonly offset: number;
}

/**
 * What was found in a chronicle; nothing was changed.
 *
 * @example
 *   const { intact, corrupt, duplicates } = await verifyChronicle('orders.ndjson');
 *   if (!intact) console.error(`${corrupt.lines} corrupt lines, the first at byte ${corrupt.first[0]?.offset}`);
 *   console.log(`${duplicates.count} ids stand twice`);
 */
export interface Verification {
  /** The absolute path of the file that is written. */
  readonly path: string;
  /**
   * True if no line is corrupt, no id is wrong, and the chain, if it was asked for, is intact. Duplicates are
   * no damage: options may have allowed them.
   */
  readonly intact: boolean;
  /** The size of all lines, with their newlines, those of rotated files among them. */
  readonly bytes: number;
  /** All lines: events, blank lines and corrupt lines. */
  readonly lines: number;
  /** How many lines are events. */
  readonly events: number;
  /** How many lines are blank, which is no damage. */
  readonly blank: number;
  /** The lines that are no event, and not blank. */
  readonly corrupt: Damage;
  /** Events whose id an earlier event has. */
  readonly duplicates: Findings<DuplicateId>;
  /**
   * Events whose id looks like a computed one (64 lowercase hexadecimal digits) and is not that of the event:
   * it was changed after it was written, or the id is the SHA-256 of something else.
   */
  readonly wrongIds: Findings<WrongId>;
  /** Only if the chain was asked for. */
  readonly chain?: ChainReport;
}

/** How many there are of a kind, and the first of them. */
export interface Findings<Finding> {
  /** How many there are. */
  readonly count: number;
  /** The first 100 of them. */
  readonly first: readonly Finding[];
}

/**
 * What a repair has done.
 *
 * @example
 *   const { removed, damagedPath } = await repairChronicle('orders.ndjson');
 *   if (damagedPath) console.log(`${removed.lines} lines were moved to ${damagedPath}`);
 */
export interface Repair {
  /** The absolute path of the file. */
  readonly path: string;
  /** What was taken out of the file, and where it was there. */
  readonly removed: Damage;
  /** Where it is now: `<path>.damaged`. Undefined if nothing was damaged, and so nothing was written. */
  readonly damagedPath: string | undefined;
  /** If the chain did not hold: the event that begins the new one. */
  readonly chainRestart?: ChainRestart;
}
