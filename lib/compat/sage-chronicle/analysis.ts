/**
 * What is in a chronicle, in numbers: kinds of events, actors, times, sizes, and what is wrong.
 */
import { hash } from 'node:crypto';
import { checkReadRange } from '../../chronicle/call-options.js';
import { checkChronicleOptions } from '../../chronicle/options.js';
import { orMissing } from '../../engines/file/functions.js';
import { readFile } from '../../engines/file/read/read-file.js';
import { computedId } from '../../event/event-id.js';
import { isObject, type JsonObject } from '../../event/line.js';
import { type ChainValidationResult, validationOf } from './chain.js';
import { idKey } from './events.js';
import { CausalLinks } from './links.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';
import { SeenIds } from './seen-ids.js';

/** What one actor did. */
export interface ActorAnalysis {
  /** What kind of actor. */
  agent: string;
  /** How many events. */
  eventCount: number;
  /** The least of their timestamps, compared as text. */
  firstSeen: string;
  /** The greatest of them. */
  lastSeen: string;
}

/** What is in a chronicle, in numbers. */
export interface ChronicleAnalysis {
  /** How many events. */
  totalEvents: number;
  /** For each type the number of events. */
  eventTypes: Record<string, number>;
  /** The least and the greatest timestamp, compared as text; null if there is none. */
  timeRange: {
    /** The least. */
    start: string;
    /** The greatest. */
    end: string;
  } | null;
  /** By `agent:id`. */
  actors: Record<string, ActorAnalysis>;
  /** Lines that are no event. */
  corruptedLines: number;
  /** Events that are there already but for their `eventId`. */
  duplicateEvents: number;
  /** What `validateCausalChain` finds. */
  causalChainIntegrity: ChainValidationResult;
  /** Of an event's JSON, in bytes. */
  avgEventSize: number;
  /** The event with the longest JSON. */
  largestEvent: {
    /** The number of the event in the file, from 0 on; -1 if there is none. */
    index: number;
    /** Of its JSON, in bytes. */
    size: number;
    /** Its type. */
    type: string;
  };
  /** For each hour (`2026-01-31T12`) the number of events. */
  eventsByHour: Record<string, number>;
  /** What may be wrong, in words. */
  warnings: string[];
  /** What is wrong, in words. */
  errors: string[];
}

/** In bytes. */
const largeEvent = 10_000;
const largeGapMs = 24 * 60 * 60 * 1000;

/**
 * Reads the file once, and keeps what it gives and some 150 bytes for each event, whatever they hold. A file
 * that does not exist is empty. Events without a type, a timestamp or an actor are counted in `warnings`.
 *
 * @example
 *   console.log(sage.formatAnalysisReport(await sage.analyzeChronicle('audit.sage')));
 *
 * @throws `EIO`
 */
export async function analyzeChronicle(path: ChroniclePath): Promise<ChronicleAnalysis> {
  const nativePath = checkChroniclePath(path);
  const counts = new Counts();
  const settings = checkChronicleOptions({ onCorrupt: () => counts.corrupt++ });
  await orMissing(async () => {
    for await (const entries of readFile(nativePath, settings, checkReadRange({}))) {
      for (const { event } of entries) counts.add(event);
    }
  });
  return counts.analysis();
}

class Counts {
  corrupt = 0;
  #total = 0;
  #bytes = 0;
  #duplicates = 0;
  #incomplete = 0;
  #largest = { index: -1, size: 0, type: '' };
  #start: string | undefined;
  #end: string | undefined;
  readonly #types = new Map<string, number>();
  readonly #hours = new Map<string, number>();
  readonly #actors = new Map<string, ActorAnalysis>();
  readonly #links = new CausalLinks();
  readonly #contents = new SeenIds();

  add(event: JsonObject): void {
    const index = this.#total++;
    const { type, timestamp, actor } = event;
    const text = JSON.stringify(event);
    const size = Buffer.byteLength(text);
    this.#bytes += size;
    if (size > this.#largest.size)
      this.#largest = { index, size, type: typeof type === 'string' ? type : '' };
    // Without canonical JSON: as it is.
    const content = computedId(event, idKey) ?? hash('sha256', text);
    if (this.#contents.add(content, index) !== undefined) this.#duplicates++;
    this.#links.add(event);

    if (typeof type === 'string') increment(this.#types, type);
    if (typeof timestamp === 'string') this.#addTime(timestamp);
    const isComplete = typeof type === 'string' && typeof timestamp === 'string' && isActor(actor);
    if (isComplete) this.#addActor(actor, timestamp);
    else this.#incomplete++;
  }

  #addTime(timestamp: string): void {
    if (this.#start === undefined || timestamp < this.#start) this.#start = timestamp;
    if (this.#end === undefined || timestamp > this.#end) this.#end = timestamp;
    increment(this.#hours, timestamp.slice(0, 'YYYY-MM-DDTHH'.length));
  }

  #addActor({ agent, id }: { agent: string; id: string }, timestamp: string): void {
    const key = `${agent}:${id}`;
    const actor = this.#actors.get(key) ?? {
      agent,
      eventCount: 0,
      firstSeen: timestamp,
      lastSeen: timestamp,
    };
    this.#actors.set(key, actor);
    actor.eventCount++;
    if (timestamp < actor.firstSeen) actor.firstSeen = timestamp;
    if (timestamp > actor.lastSeen) actor.lastSeen = timestamp;
  }

  analysis(): ChronicleAnalysis {
    const [start, end] = [this.#start, this.#end];
    const counted = {
      totalEvents: this.#total,
      // Object.fromEntries makes an own property of any name, `__proto__` too.
      eventTypes: Object.fromEntries(this.#types),
      timeRange: start !== undefined && end !== undefined ? { start, end } : null,
      actors: Object.fromEntries(this.#actors),
      corruptedLines: this.corrupt,
      duplicateEvents: this.#duplicates,
      causalChainIntegrity: validationOf(this.#links, this.#total),
      avgEventSize: this.#total === 0 ? 0 : this.#bytes / this.#total,
      largestEvent: this.#largest,
      eventsByHour: Object.fromEntries(this.#hours),
    };
    return { ...counted, ...this.#findings(counted) };
  }

  #findings(counted: Omit<ChronicleAnalysis, 'warnings' | 'errors'>): {
    warnings: string[];
    errors: string[];
  } {
    const { totalEvents, duplicateEvents, largestEvent, timeRange, causalChainIntegrity } = counted;
    const warnings: string[] = [];
    const errors: string[] = [];
    if (this.corrupt > 0) errors.push(`Found ${this.corrupt} corrupted lines`);
    if (totalEvents === 0) return { warnings: ['Chronicle is empty'], errors };
    if (!causalChainIntegrity.isValid) {
      const { length } = causalChainIntegrity.brokenLinks;
      errors.push(`Causal chain integrity compromised: ${length} broken links`);
    }
    if (duplicateEvents > 0) warnings.push(`Found ${duplicateEvents} duplicate events`);
    if (largestEvent.size > largeEvent) {
      warnings.push(`Large event detected: ${largestEvent.size} bytes at index ${largestEvent.index}`);
    }
    const gap = timeRange ? Date.parse(timeRange.end) - Date.parse(timeRange.start) : 0;
    if (gap > largeGapMs && totalEvents < 10) {
      warnings.push('Large time gap with few events - possible data loss');
    }
    const single = [...this.#actors.values()].filter(({ eventCount }) => eventCount === 1).length;
    if (single > totalEvents * 0.8) {
      warnings.push('High number of single-event actors - possible ID generation issues');
    }
    if (this.#incomplete > 0) {
      warnings.push(`Found ${this.#incomplete} events without type, timestamp or actor`);
    }
    return { warnings, errors };
  }
}

function isActor(actor: unknown): actor is { agent: string; id: string } {
  return isObject(actor) && typeof actor.agent === 'string' && typeof actor.id === 'string';
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
