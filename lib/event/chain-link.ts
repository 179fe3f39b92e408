/**
 * The link of an event: what makes a chain of a chronicle's events (`openChronicle(path, { chain: true })`). The
 * line of a chained event ends with `,"chainLink":"<64 lowercase hexadecimal digits>"}`, which is the SHA-256 over
 * the link before it, as its 64 digits, and the line without its own link and its newline. What is hashed are
 * bytes, not values, so that no byte of the file can change unseen.
 *
 * native/chain/link.h says the same, and test/native/chain.test.ts holds the two against each other.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from './line.js';

export const linkKey = 'chainLink';

/** In the place of the link before the first event. */
export const noLink = '0'.repeat(64);

const start = `,"${linkKey}":"`;
const suffixLength = start.length + noLink.length + 2;
const link = /^[0-9a-f]{64}$/;
const suffix = new RegExp(`,"${linkKey}":"([0-9a-f]{64})"\\}$`);

export function isLink(value: unknown): value is string {
  return typeof value === 'string' && link.test(value);
}

/** The link of an event that was read: it is the last property. */
export function linkOfEvent(event: JsonObject): string | undefined {
  const link = event[linkKey];
  return isLink(link) && Object.keys(event).at(-1) === linkKey ? link : undefined;
}

/** The link that a line carries, without its newline; the line may be a part of a text. */
export function linkIn(text: string, begin = 0, end: number = text.length): string | undefined {
  // Nearly every line has another byte here.
  if (text.charAt(end - suffixLength) !== ',') return undefined;
  return suffix.exec(text.slice(begin, end))?.[1];
}

/** As {@link linkIn}, for the bytes of a line. */
export function linkInBytes(line: Buffer): string | undefined {
  return linkIn(line.toString('latin1', Math.max(0, line.length - suffixLength)));
}

/** The JSON of an event, which is not empty, with room for its link; the writer fills it in. */
export function withRoomForLink(text: string): string {
  return `${text.slice(0, -1)}${start}${noLink}"}`;
}

/** The link that a line, which carries one, should carry after this one. */
export function linkAfter(before: string, line: Buffer): string {
  const hash = createHash('sha256').update(before);
  return hash
    .update(line.subarray(0, line.length - suffixLength))
    .update('}')
    .digest('hex');
}

/** An event of a file without its link, as it was appended. */
export function withoutLink(event: JsonObject): JsonObject {
  if (linkOfEvent(event) === undefined) return event;
  const { [linkKey]: _, ...appended } = event;
  return appended;
}

/** As {@link withoutLink}, for its JSON. */
export function textWithoutLink(json: string): string {
  return linkIn(json) === undefined ? json : `${json.slice(0, -suffixLength)}}`;
}

/** The property of the first event of a chain that was begun anew. */
export const restartKey = 'chainRestart';

/** Whether an event is none of the chronicle's user: the one with which `repair` has begun a new chain. */
export function isRestart(event: JsonObject): boolean {
  return Object.keys(event)[0] === restartKey && linkOfEvent(event) !== undefined;
}
