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
  /** The offset just past the event; undefined if it is gone, so that reading begins with the first file. */
  readonly from: number | undefined;
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
    const nothing = found ? undefined : await nothingIsGone(snapshot, place);
    return { snapshot, index: found?.index ?? 0, from: found?.from ?? nothing };
  } catch (error) {
    await snapshot.current?.file.close();
    throw error;
  }
}

/** 0, if the event was the last one of the file before the oldest that is there; so reading goes on with that. */
async function nothingIsGone({ current, rotated }: Snapshot, place: LinePlace): Promise<0 | undefined> {
  const [path] = rotated;
  const oldest = path ? await openRotated(path) : current;
  if (!oldest || typeof oldest === 'string') return undefined;
  try {
    const noted = await successionOf(oldest);
    return noted && wasLastAt(noted, place) ? 0 : undefined;
  } finally {
    if (oldest !== current) await oldest.file.close();
  }
}

/** Asks the files one after the other, and closes those that it opens. */
async function firstFile(
  { current, rotated }: Snapshot,
  ask: (file: ChronicleFile) => Promise<number | undefined>,
): Promise<{ index: number; from: number } | undefined> {
  for (let index = 0; index <= rotated.length; index++) {
    const file = index === rotated.length ? current : await openRotated(rotated[index] as Buffer);
    if (!file || typeof file === 'string') continue;
    try {
      const from = await withIoErrors(ask(file), file.path);
      if (from !== undefined) return { index, from };
    } finally {
      if (file !== current) await file.file.close();
    }
  }
  return undefined;
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
