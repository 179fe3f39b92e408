/**
 * Finding the place of a position again: in which file its event is now, and where that ends.
 */
import { eachWithIoErrors, withIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { type ChronicleFile, openRotated, type Snapshot, takeSnapshot } from '../lines/chronicle-files.js';
import type { LineEntry } from '../lines/line-entry.js';
import { type ReadableFile, readAt } from '../lines/open-file.js';
import { type LinePlace, lineFingerprint, viewOf } from '../lines/position.js';
import { scanForwards } from '../lines/scanner.js';
import { successionOf, wasLastAt } from '../lines/succession.js';

const newline = 0x0a;

/** Where to go on. */
export interface Located {
  /** The file that is written is open, and its caller's to close. */
  readonly snapshot: Snapshot;
  /** Of the file among the rotated ones; their number for the file that is written. */
  readonly index: number;
  /** The offset just past the event; undefined if it is gone, and then reading goes on with all of the file. */
  readonly from: number | undefined;
}

/** The path of the file where reading goes on; undefined if that file is not there yet. */
export function pathAt({ snapshot: { current, rotated }, index }: Located): string | undefined {
  return (rotated[index] ?? current?.path)?.toString();
}

/**
 * Looks in the rotated files, the oldest first, and then in the one that is written. Where several have the same line
 * at the same place (heartbeats without a time or an id), the oldest is taken: rather than lost, events come twice.
 */
export async function locate(path: NativePath, place: LinePlace, maxLineBytes: number): Promise<Located> {
  const snapshot = await takeSnapshot(path, 'all', true);
  try {
    const exact = await firstFile(snapshot, async ({ file, source }) => {
      await source.load(file);
      return source.fingerprint === place.file && (await isThere(file, place)) ? endOf(place) : undefined;
    });
    // After a repair, which takes lines out, perhaps the first one too.
    const found =
      exact ??
      (await firstFile(snapshot, (each) => search(each, place, maxLineBytes, true))) ??
      (await firstFile(snapshot, (each) => search(each, place, maxLineBytes, false)));
    if (found) return { snapshot, ...found };
    if (await isNothingGone(snapshot, place)) return { snapshot, index: 0, from: 0 };
    return { snapshot, index: await firstAfter(snapshot, place), from: undefined };
  } catch (error) {
    await snapshot.current?.file.close();
    throw error;
  }
}

/**
 * The first file that came after that of the position, which is gone. A file from before it may still be there, or
 * again: one that was being compressed when it was to be removed. Where no note tells, the first file of all: rather
 * than lost, events come twice.
 */
async function firstAfter(snapshot: Snapshot, { file }: LinePlace): Promise<number> {
  const fingerprints: (string | undefined)[] = [];
  const newer = new Set<string>();
  let known: number | undefined;
  for (let index = snapshot.rotated.length; index >= 0; index--) {
    await withFileAt(snapshot, index, async (each) => {
      await each.source.load(each.file);
      fingerprints[index] = each.source.fingerprint;
      if (known !== undefined) return;
      const noted = (await successionOf(each))?.fingerprints ?? [];
      // Several may begin alike.
      const at = noted.lastIndexOf(file);
      if (at === -1) return;
      known = index;
      for (const fingerprint of noted.slice(0, at)) newer.add(fingerprint);
    });
  }
  if (known === undefined) return 0;
  const first = fingerprints.findIndex((each) => each !== undefined && newer.has(each));
  return first === -1 ? known : Math.min(first, known);
}

/** Whether the event was the last one of the file before the oldest that is there; so reading goes on with that. */
async function isNothingGone(snapshot: Snapshot, place: LinePlace): Promise<boolean> {
  const noted = await withFileAt(snapshot, 0, successionOf);
  return noted !== undefined && wasLastAt(noted, place);
}

/** Asks the files one after the other, the oldest first. */
async function firstFile(
  snapshot: Snapshot,
  ask: (file: ChronicleFile) => Promise<number | undefined>,
): Promise<{ index: number; from: number } | undefined> {
  for (let index = 0; index <= snapshot.rotated.length; index++) {
    const from = await withFileAt(snapshot, index, ask);
    if (from !== undefined) return { index, from };
  }
  return undefined;
}

/** Asks one file, and closes it if it was opened for that; undefined if it is gone, or none of ours. */
async function withFileAt<T>(
  { current, rotated }: Snapshot,
  index: number,
  ask: (file: ChronicleFile) => Promise<T>,
): Promise<T | undefined> {
  const file = index === rotated.length ? current : await openRotated(rotated[index] as Buffer);
  if (!file || typeof file === 'string') return undefined;
  try {
    return await withIoErrors(ask(file), file.path);
  } finally {
    if (file !== current) await file.file.close();
  }
}

function endOf({ offset, length }: LinePlace): number {
  return offset + length;
}

/** Whether the line is where it was. */
async function isThere(file: ReadableFile, { offset, length, line }: LinePlace): Promise<boolean> {
  // A position need not be one that reading has given: so much is not allocated for what cannot be there.
  if (offset + length > (await file.stat()).size) return false;
  // With a byte before it and one after it, which are newlines, unless the file begins or ends there.
  const before = offset === 0 ? 0 : 1;
  const bytes = await readAt(file, offset - before, Buffer.allocUnsafe(before + length + 1));
  if (bytes.length < before + length) return false;
  if (before === 1 && bytes[0] !== newline) return false;
  const after = bytes[before + length];
  return (
    (after === undefined || after === newline) &&
    lineFingerprint(viewOf(bytes), before, before + length) === line
  );
}

/** The end of the first line that may be it: rather than leave one out, an event comes twice. */
async function search(
  { file, path, source }: ChronicleFile,
  place: LinePlace,
  maxLineBytes: number,
  isSameFile: boolean,
): Promise<number | undefined> {
  await source.load(file);
  if ((source.fingerprint === place.file) !== isSameFile) return undefined;
  const range = { from: 0, to: place.offset + 1, maxLineBytes, source };
  for await (const { entries } of eachWithIoErrors(scanForwards(file, range), path)) {
    for (const entry of entries as LineEntry[]) {
      if (entry.was(place)) return entry.offset + place.length;
    }
  }
  return undefined;
}
