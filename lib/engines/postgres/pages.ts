/**
 * A chronicle's lines as they come from the database: a page at a time, by key. The lines of a page are next to each
 * other, as in a file, so they are parsed as those of a file.
 */

import { HoldfastError } from '../../base/errors.js';
import { type LineBatch, parseLines, reversed } from '../file/lines/line-batch.js';
import { FileSource } from '../file/lines/position.js';
import { failureOf, missing } from './failure.js';
import type { Session } from './session.js';

/** What is kept of a chronicle besides its events. */
export interface Head {
  /** Where the first event begins that is kept. */
  readonly begins: number;
  readonly ends: number;
  /** Of the first line that there ever was; undefined if there was none. */
  readonly fingerprint: string | undefined;
  /** Of the last event; undefined if there is no chain, or no event yet. */
  readonly link: string | undefined;
}

/** What there is of a chronicle at one moment. */
export interface Extent {
  readonly head: Head;
  /** Where the first line begins. */
  readonly first: number;
  /** Just past where the last line begins; what there is after it came later. */
  readonly to: number;
}

/** Lines as the table has them, also where some are missing, or were put in. */
export interface Runs {
  readonly head: Head;
  /** Each of lines that are next to each other. */
  readonly runs: readonly LineBatch[];
  /** Lines from here on were not looked at. */
  readonly next: number;
}

/** What is to be read next. */
export interface PageQuery {
  /** In bytes; a page begins with the first line from here on, or in reverse ends with the last one before `to`. */
  readonly from: number;
  readonly to: number;
  readonly reverse: boolean;
  /** How many events at most. */
  readonly limit: number;
  /** Only lines that hold one of these; undefined: all. */
  readonly needles: readonly string[] | undefined;
}

export interface Page {
  readonly head: Head;
  /** Undefined if there is no line in the range. */
  readonly lines:
    | {
        readonly batch: LineBatch;
        /** Where this page begins, and where it ends: lines from here on, or before, were not looked at. */
        readonly begin: number;
        readonly end: number;
      }
    | undefined;
}

/** As much as is taken at once, in bytes: one line at least. */
const pageBytes = 256 * 1024;
/** As much as is looked through at once for lines with needles. */
const searchedBytes = 4 * 1024 * 1024;
const maxPageEvents = 10_000;

/** Of a row c of the chronicles, for Pages.#headOf. */
const headColumns = 'c.begins, c.ends, c.fingerprint, c.chain_link';

export class Pages {
  readonly #session: Session;
  readonly #chronicle: number;
  readonly #name: string;
  readonly #maxLineBytes: number;

  constructor(session: Session, chronicle: number, name: string, maxLineBytes: number) {
    this.#session = session;
    this.#chronicle = chronicle;
    this.#name = name;
    this.#maxLineBytes = maxLineBytes;
  }

  async head(): Promise<Head> {
    const { schema } = this.#session;
    const [row] = await this.#query(`SELECT ${headColumns} FROM ${schema}.chronicles c WHERE c.id = $1`, [
      this.#chronicle,
    ]);
    return this.#headOf(row);
  }

  async extent(): Promise<Extent> {
    const { schema } = this.#session;
    const [row] = await this.#query(
      `SELECT ${headColumns}, found.first, found.last
      FROM ${schema}.chronicles c LEFT JOIN LATERAL (
        SELECT min(begins) AS first, max(begins) AS last FROM ${schema}.events WHERE chronicle = c.id
      ) found ON true
      WHERE c.id = $1`,
      [this.#chronicle],
    );
    const [, , , , first, last] = row ?? [];
    return { head: this.#headOf(row), first: Number(first), to: Number(last) + 1 };
  }

  async runs(from: number, to: number): Promise<Runs> {
    const { schema } = this.#session;
    const rows = await this.#query(
      `SELECT ${headColumns}, page.begins, page.line
      FROM ${schema}.chronicles c
      LEFT JOIN LATERAL (
        SELECT begins AS at FROM ${schema}.events
        WHERE chronicle = c.id AND begins >= $2::bigint AND begins < $3::bigint
        ORDER BY begins LIMIT 1
      ) start ON true
      LEFT JOIN LATERAL (
        SELECT begins, line FROM ${schema}.events
        WHERE chronicle = c.id AND begins >= start.at AND begins < least(start.at + $4::bigint, $3::bigint)
        ORDER BY begins LIMIT $5
      ) page ON true
      WHERE c.id = $1
      ORDER BY page.begins`,
      [this.#chronicle, from, to, pageBytes, maxPageEvents],
    );
    const head = this.#headOf(rows[0]);
    const runs: LineBatch[] = [];
    let next = from;
    for (let index = 0; index < rows.length && rows[index]?.[4] !== null; ) {
      const begin = Number(rows[index]?.[4]);
      const lines: Buffer[] = [];
      let end = begin;
      for (; index < rows.length && Number(rows[index]?.[4]) === end; index++) {
        const line = Buffer.from(`${rows[index]?.[5]}\n`);
        lines.push(line);
        next = end + 1;
        end += line.length;
      }
      runs.push(parseLines(Buffer.concat(lines), begin, this.#maxLineBytes));
    }
    return { head, runs, next };
  }

  /** All of it is of one moment. */
  async page({ from, to, reverse, limit, needles }: PageQuery): Promise<Page> {
    const { schema } = this.#session;
    const [direction, before] = reverse ? ['DESC', true] : ['', false];
    const size = needles ? searchedBytes : pageBytes;
    const most = Math.min(limit, maxPageEvents);
    const parameters: unknown[] = [this.#chronicle, from, to, size, most];
    const matches = needles
      ? `AND (${needles.map((_, i) => `strpos(line, $${i + 6}) > 0`).join(' OR ')})`
      : '';
    // Needles are bytes, one character for each.
    for (const needle of needles ?? []) parameters.push(Buffer.from(needle, 'latin1').toString());
    const range = before
      ? 'begins <= start.at AND begins >= greatest($2::bigint, least(start.at, $3::bigint - $4::bigint))'
      : 'begins >= start.at AND begins < least(start.at + $4::bigint, $3::bigint)';
    const [row] = await this.#query(
      `SELECT ${headColumns}, start.at, page.count, page.begins, page.ends, page.lines, page.places
      FROM ${schema}.chronicles c
      LEFT JOIN LATERAL (
        SELECT begins AS at FROM ${schema}.events
        WHERE chronicle = c.id AND begins >= $2::bigint AND begins < $3::bigint
        ORDER BY begins ${direction} LIMIT 1
      ) start ON true
      LEFT JOIN LATERAL (
        SELECT count(*) AS count, min(e.begins) AS begins, max(e.begins + octet_length(e.line) + 1) AS ends,
          string_agg(e.line, E'\\n' ORDER BY e.begins) AS lines,
          ${needles ? "string_agg(e.begins::text, ',' ORDER BY e.begins)" : 'NULL'} AS places
        FROM (
          SELECT begins, line FROM ${schema}.events WHERE chronicle = c.id AND ${range} ${matches}
          ORDER BY begins ${direction} LIMIT $5
        ) e
      ) page ON true
      WHERE c.id = $1`,
      parameters,
    );
    const head = this.#headOf(row);
    const [, , , , at, count, begins, ends, lines, places] = row ?? [];
    if (at === null || at === undefined) return { head, lines: undefined };
    const source = new FileSource(this.#name, head.fingerprint);
    const isFull = Number(count) === most;
    const first = Number(begins);
    const last = Number(ends);
    const text = lines ?? null;
    const batch = needles
      ? this.#scattered(text ?? '', places ?? '', source)
      : this.#contiguous(text as string, first, last, source);
    const start = Number(at);
    if (reverse) {
      const begin =
        isFull || !needles ? (text === null ? start : first) : Math.max(from, Math.min(start, to - size));
      return { head, lines: { batch: reversed(batch), begin, end: to } };
    }
    const end = isFull || !needles ? last : Math.min(start + size, to);
    return { head, lines: { batch, begin: start, end } };
  }

  /** The line that begins at this place, if there is one. */
  async lineAt(place: number): Promise<{ readonly head: Head; readonly batch: LineBatch | undefined }> {
    const { head, lines } = await this.page({
      from: place,
      to: place + 1,
      reverse: false,
      limit: 1,
      needles: undefined,
    });
    return { head, batch: lines?.batch };
  }

  /** How many events there are, and when the last one was appended. */
  async facts(): Promise<Head & { readonly events: number; readonly appended: Date | undefined }> {
    const { schema } = this.#session;
    const end = (direction: string) =>
      `SELECT number, appended FROM ${schema}.events WHERE chronicle = c.id ORDER BY begins ${direction} LIMIT 1`;
    const [row] = await this.#query(
      `SELECT ${headColumns}, last.number - first.number + 1, extract(epoch FROM last.appended)
      FROM ${schema}.chronicles c LEFT JOIN LATERAL (${end('')}) first ON true LEFT JOIN LATERAL (${end('DESC')}) last ON true
      WHERE c.id = $1`,
      [this.#chronicle],
    );
    const [events, seconds] = row?.slice(4) ?? [];
    const appended = seconds ? new Date(Number(seconds) * 1000) : undefined;
    return { ...this.#headOf(row), events: Number(events ?? 0), appended };
  }

  /** Where the last `count` events begin; where the chronicle begins if it has fewer. */
  async placeOfLast(count: number): Promise<number> {
    const { begins, ends } = await this.head();
    if (count === 0) return ends;
    const { schema } = this.#session;
    const [row] = await this.#query(
      `SELECT begins FROM ${schema}.events WHERE chronicle = $1 ORDER BY begins DESC OFFSET $2 LIMIT 1`,
      [this.#chronicle, count - 1],
    );
    return row ? Number(row[0]) : begins;
  }

  /** The first lines with this id. */
  async withId(idHash: Buffer, limit: number): Promise<LineBatch> {
    const { schema } = this.#session;
    const [row] = await this.#query(
      `SELECT ${headColumns}, found.lines, found.places
      FROM ${schema}.chronicles c LEFT JOIN LATERAL (
        SELECT string_agg(e.line, E'\\n' ORDER BY e.begins) AS lines, string_agg(e.begins::text, ',' ORDER BY e.begins) AS places
        FROM (SELECT begins, line FROM ${schema}.events WHERE chronicle = c.id AND id_hash = $2
          ORDER BY copy LIMIT $3) e
      ) found ON true
      WHERE c.id = $1`,
      [this.#chronicle, idHash, limit],
    );
    const head = this.#headOf(row);
    return this.#scattered(row?.[4] ?? '', row?.[5] ?? '', new FileSource(this.#name, head.fingerprint));
  }

  #contiguous(text: string, first: number, last: number, source: FileSource): LineBatch {
    const bytes = Buffer.from(`${text}\n`);
    if (bytes.length !== last - first) {
      throw missing(`events between the offsets ${first} and ${last} are missing`, this.#name);
    }
    return parseLines(bytes, first, this.#maxLineBytes, undefined, source);
  }

  #scattered(text: string, places: string, source: FileSource): LineBatch {
    const merged = parseLines(Buffer.alloc(0), 0, this.#maxLineBytes, undefined, source);
    if (places === '') return merged;
    const lines = text.split('\n');
    for (const [index, place] of places.split(',').entries()) {
      const bytes = Buffer.from(`${lines[index]}\n`);
      const { entries, nonEvents } = parseLines(bytes, Number(place), this.#maxLineBytes, undefined, source);
      merged.entries.push(...entries);
      merged.nonEvents.push(...nonEvents);
    }
    return merged;
  }

  #headOf(row: readonly (string | null)[] | undefined): Head {
    if (!row) throw missing('the chronicle was removed', this.#name);
    const [begins, ends, fingerprint, link] = row;
    return {
      begins: Number(begins),
      ends: Number(ends),
      fingerprint: fingerprint ?? undefined,
      link: link ?? undefined,
    };
  }

  async #query(text: string, values: unknown[]) {
    try {
      return await this.#session.query(text, values);
    } catch (error) {
      throw error instanceof HoldfastError ? error : failureOf(error, this.#name);
    }
  }
}
