/**
 * What the commands do with a chronicle on a server, where that is something else than with a file.
 */
import { gapIn, invalid } from '../base/errors.js';
import type { LockHolder } from '../base/lock-holder.js';
import type { RepairOptions } from '../chronicle/call-options.js';
import type { Chronicle } from '../chronicle/chronicle.js';
import type { Entry, Repair } from '../chronicle/results.js';
import { splitAtDamage } from '../engines/file/read/read-filter.js';
import type { Start } from '../engines/postgres/page-stream.js';
import { engineBehind, type PostgresEngine } from '../engines/postgres/postgres-engine.js';
import { placeAfter } from '../engines/postgres/read.js';
import { idOf } from '../event/event-id.js';
import { type OnGap, reportGap } from '../event/gap.js';
import type { JsonObject } from '../event/line.js';
import { connect, type Postgres, type PostgresChronicleOptions } from '../postgres.js';
import type { Address } from './address.js';
import { count, counted, print, shown, style, table } from './output.js';
import { reportDamage } from './raw-events.js';

/** A chronicle that is open, with the connection that it came by. */
export interface Opened {
  readonly chronicle: Chronicle;
  close(): Promise<void>;
}

export function connectTo({ connectionString, schema }: Address): Promise<Postgres> {
  return connect({ connectionString, schema });
}

export async function openRemote(address: Address, options: PostgresChronicleOptions): Promise<Opened> {
  const postgres = await connectTo(address);
  try {
    const chronicle = await postgres.openChronicle(address.name, options);
    return { chronicle, close: () => postgres.close() };
  } catch (error) {
    await postgres.close();
    throw error;
  }
}

/** For commands that append nothing, and so do not make it either. */
export async function withRemote<T>(
  address: Address,
  options: Pick<PostgresChronicleOptions, 'idKey' | 'maxLineBytes'>,
  use: (chronicle: Chronicle, engine: PostgresEngine) => Promise<T>,
): Promise<T> {
  const { chronicle, close } = await openRemote(address, { ...options, readOnly: true });
  try {
    return await use(chronicle, engineBehind(chronicle, 'chronicle').engine);
  } finally {
    await close();
  }
}

export async function remoteHolders(address: Address): Promise<LockHolder[]> {
  await using postgres = await connectTo(address);
  return await postgres.lockHolders(address.name);
}

export interface Printed {
  /** Where it begins: at this offset or after it, after this position, or with so many of the last events. */
  readonly begin: { readonly from: number } | { readonly after: string } | { readonly last: number };
  readonly follow?: boolean | undefined;
  /** At most this many events. */
  readonly limit?: number;
  readonly onGap?: OnGap;
  readonly maxLineBytes: number | undefined;
}

/** Prints events byte for byte as they are kept. */
export function printRemote(address: Address, printed: Printed): Promise<void> {
  const { begin, follow = false, limit = Number.MAX_SAFE_INTEGER, onGap = 'throw', maxLineBytes } = printed;
  return withRemote(address, { maxLineBytes }, async (_, engine) => {
    const { name, source } = engine;
    const start = async (): Promise<Start> => {
      if ('after' in begin) return { at: await placeAfter(source, begin.after, onGap), begun: true };
      if ('last' in begin) return { at: await source.pages.placeOfLast(begin.last), begun: true };
      return { at: begin.from, begun: false };
    };
    const reportMissing = () =>
      reportGap(gapIn(name, { after: undefined, files: [], next: undefined }), onGap);
    let left = limit;
    // Nothing ends it but its end: Ctrl-C has nothing to clean up.
    const { signal } = new AbortController();
    for await (const { batch } of engine.pages({ start, follow, onGap: reportMissing }, signal)) {
      for (const part of splitAtDamage(batch, false)) {
        if (!Array.isArray(part)) {
          reportDamage({ path: name, ...part });
          continue;
        }
        const entries = part.slice(0, left);
        const [first, last] = [entries[0], entries.at(-1)] as [Entry<JsonObject>, Entry<JsonObject>];
        await print(batch.bytes.subarray(first.offset - batch.begin, last.next - batch.begin));
        left -= entries.length;
        if (left === 0) return;
      }
    }
  });
}

/** Only a chain can be damaged there. */
export async function repairRemote(
  address: Address,
  settings: PostgresChronicleOptions,
  work: RepairOptions,
): Promise<Repair> {
  const { maxLineBytes } = settings;
  const head = await withRemote(address, { maxLineBytes }, (_, engine) => engine.head());
  if (!head) throw invalid('file', 'has no chain, and nothing else can be damaged on PostgreSQL');
  const { chronicle, close } = await openRemote(address, { ...settings, chain: true });
  try {
    return await chronicle.repair(work);
  } finally {
    await close();
  }
}

/** What `holdfast stat` says of a chronicle on a server. */
export interface RemoteFacts {
  /** Its name. */
  path: string;
  /** Of all events that are there. */
  bytes: number;
  events: number;
  /** Of those that were there and were removed as too old. */
  removedBytes: number;
  /** When the last event was appended, ISO 8601. */
  modified: string | undefined;
  lastEvent?: { offset: number; length: number; position: string; eventId?: string };
}

export function remoteFacts(
  address: Address,
  options: Pick<PostgresChronicleOptions, 'idKey' | 'maxLineBytes'>,
): Promise<RemoteFacts> {
  const { idKey = 'eventId' } = options;
  return withRemote(address, options, async (chronicle, { source }) => {
    const { begins, ends, events, appended } = await source.pages.facts();
    const [last] = await chronicle.tail(1);
    const eventId = last && idOf(last.event as JsonObject, idKey);
    return {
      path: chronicle.path,
      bytes: ends - begins,
      events,
      removedBytes: begins,
      modified: appended?.toISOString(),
      ...(last && {
        lastEvent: {
          offset: last.offset,
          length: last.length,
          position: last.position,
          ...(eventId !== undefined && { eventId }),
        },
      }),
    };
  });
}

export function remoteReport({
  path,
  bytes,
  events,
  removedBytes,
  modified,
  lastEvent,
}: RemoteFacts): string {
  const last = lastEvent
    ? `offset ${lastEvent.offset}, ${counted(lastEvent.length, 'byte')}${lastEvent.eventId ? `, id ${shown(lastEvent.eventId)}` : ''}`
    : 'none';
  const rows: [string, string][] = [
    ['size', counted(bytes, 'byte')],
    ['events', count(events)],
    ['removed', removedBytes === 0 ? 'nothing' : counted(removedBytes, 'byte')],
    ['modified', modified ?? 'never'],
    ['last event', last],
  ];
  return `${style('bold', path)}\n${table(rows)}`;
}
