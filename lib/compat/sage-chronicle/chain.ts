/**
 * Causal chains: events that name the one before them as their `prevEventId`.
 */
import { invalid } from '../../base/errors.js';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import { orMissing } from '../../engines/file/functions.js';
import { openForReading } from '../../engines/file/lines/open-file.js';
import { readFile, readOpenFile } from '../../engines/file/read/read-file.js';
import { checkText } from './envelope.js';
import type { ChronicleEvent } from './events.js';
import { type BrokenLink, CausalLinks } from './links.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';
import { readChronicle, tailChronicle } from './read.js';

/** An event, and where it is in its chain. */
export interface ChainLink {
  /** The event, as it is in the file. */
  event: ChronicleEvent;
  /** Its number in the file, from 0 on. */
  index: number;
  /** Whether an event of the file names it as the one before. */
  hasNext: boolean;
  /** Whether the event that it names is in the file. */
  hasPrev: boolean;
}

/** Whether the links of a chronicle hold. */
export interface ChainValidationResult {
  /** Whether no link is broken. */
  isValid: boolean;
  /** How many events. */
  totalEvents: number;
  /** Events with an id that name one before them. */
  chainedEvents: number;
  /** Those that are broken, in the order of the file. */
  brokenLinks: BrokenLink[];
  /** The ids of the events that name one which is not in the file. */
  orphanedEvents: string[];
}

/** All events, and for each whether there is one before it and after it. */
export async function buildCausalChain(path: ChroniclePath): Promise<ChainLink[]> {
  const events = await readChronicle(path);
  const ids = new Set(events.map(({ eventId }) => eventId));
  const followed = new Set(events.map(({ prevEventId }) => prevEventId));
  return events.map((event, index) => ({
    event,
    index,
    hasNext: isId(event.eventId) && followed.has(event.eventId),
    hasPrev: isId(event.prevEventId) && ids.has(event.prevEventId),
  }));
}

function isId(id: unknown): boolean {
  return typeof id === 'string' && id !== '';
}

/**
 * Whether every event that names one before it comes after that. Reads the file once, and keeps some 100 bytes
 * for each event. A file that does not exist is valid. What it cannot tell: whether an event was changed (that
 * is `verifyEventId`), or the end of the file cut off.
 *
 * @throws `EIO`
 */
export async function validateCausalChain(path: ChroniclePath): Promise<ChainValidationResult> {
  const batches = readFile(checkChroniclePath(path), checkChronicleOptions({}), checkReadRange({}));
  const links = new CausalLinks();
  let totalEvents = 0;
  await orMissing(async () => {
    for await (const entries of batches) {
      totalEvents += entries.length;
      for (const { event } of entries) links.add(event);
    }
  });
  return validationOf(links, totalEvents);
}

export function validationOf(links: CausalLinks, totalEvents: number): ChainValidationResult {
  const brokenLinks = links.broken();
  return {
    isValid: brokenLinks.length === 0,
    totalEvents,
    chainedEvents: links.chained,
    brokenLinks,
    orphanedEvents: brokenLinks.filter(({ issue }) => issue === 'missing_prev').map(({ eventId }) => eventId),
  };
}

/**
 * The events that lead to this one, from the first of them on, and after it all that follow on any of them, in
 * the order of the file. Reads the file twice, and keeps what it gives, and some 100 bytes for each event of
 * the file.
 *
 * @throws `EVALIDATION` if no event has this id, `EIO`
 */
export async function getCompleteChain(path: ChroniclePath, startEventId: string): Promise<ChronicleEvent[]> {
  const nativePath = checkChroniclePath(path);
  checkText(startEventId, 'startEventId');
  const notFound = invalid('startEventId', `Event ${startEventId} not found in Chronicle`);
  const settings = checkChronicleOptions({});
  const file = await orMissing(() => openForReading(nativePath));
  if (!file) throw notFound;
  try {
    const links = new CausalLinks();
    for await (const entries of readOpenFile(file, nativePath, settings, checkReadRange({}))) {
      for (const { event } of entries) links.add(event);
    }
    const chain = links.chainOf(startEventId);
    if (!chain) throw notFound;
    const wanted = new Set(chain.leading);
    const leading = new Map<number, ChronicleEvent>();
    const following: ChronicleEvent[] = [];
    let number = 0;
    const again = readOpenFile(file, nativePath, { ...settings, onCorrupt: 'skip' }, checkReadRange({}));
    for await (const entries of again) {
      for (const entry of entries) {
        const event = entry.event as unknown as ChronicleEvent;
        if (wanted.has(number)) leading.set(number, event);
        else if (chain.following.has(number)) following.push(event);
        number++;
      }
    }
    return [...chain.leading.flatMap((at) => leading.get(at) ?? []), ...following];
  } finally {
    await file.close();
  }
}

/** The id of the last event; undefined if it has none, or there is no event. */
export async function getChainTail(path: ChroniclePath): Promise<string | undefined> {
  const [last] = await tailChronicle(path, 1);
  return isId(last?.eventId) ? last?.eventId : undefined;
}
