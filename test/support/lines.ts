/**
 * The lines of a file as they stand there, read without the code under test.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { JsonObject } from 'holdfast';

export interface RawLine {
  readonly text: string;
  /** In bytes. */
  readonly offset: number;
  /** False for a last line without newline. */
  readonly complete: boolean;
}

export function linesOf(file: string): RawLine[] {
  const bytes = readFileSync(file);
  const lines: RawLine[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const newline = bytes.indexOf('\n', offset);
    const end = newline === -1 ? bytes.length : newline;
    lines.push({ text: bytes.toString('utf8', offset, end), offset, complete: newline !== -1 });
    offset = end + 1;
  }
  return lines;
}

/**
 * The rotated files of a chronicle and the file itself, in the order of their events. A name like that of a rotated
 * file that the file itself has was left by a rotation that was killed.
 */
export function filesOf(file: string): string[] {
  if (!existsSync(dirname(file))) return [];
  const own = statSync(file, { throwIfNoEntry: false })?.ino;
  const rotated = readdirSync(dirname(file)).filter((name) =>
    /^\.\d{8}T\d{6}\.\d{3}Z$/.test(name.startsWith(basename(file)) ? name.slice(basename(file).length) : ''),
  );
  const all = [...rotated.sort().map((name) => join(dirname(file), name)), file];
  return all.filter((path) => existsSync(path) && (path === file || statSync(path).ino !== own));
}

/** The events of a file in which every line is a complete one; throws for any other line. */
export function eventsOf(file: string): (JsonObject & { offset: number })[] {
  return linesOf(file).map(({ text, offset, complete }) => {
    if (!complete) throw new Error(`a torn line at ${offset}: ${text.slice(0, 200)}`);
    return { ...(JSON.parse(text) as JsonObject), offset };
  });
}

/** How often each id stands in the events. */
export function countIds(events: readonly JsonObject[]): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  for (const { eventId } of events) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
  return counts;
}
