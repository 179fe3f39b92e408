/**
 * Checking a chain: every event's link against the line before it, through the rotated files and the one that
 * is written.
 */
import type { NativePath } from '../../../base/paths.js';
import type { ChainBreak, ChainReport, ChainRestart, Entry, Head } from '../../../chronicle/results.js';
import { isLink, linkAfter, linkInBytes, noLink, restartKey } from '../../../event/chain-link.js';
import { idOf } from '../../../event/event-id.js';
import { isObject, type JsonObject } from '../../../event/line.js';
import type { LineBatch } from '../lines/line-batch.js';
import { maxListed } from './damage.js';

const newline = 0x0a;

export class ChainCheck {
  readonly #idKey: string;
  readonly #expect: string | undefined;
  #events = 0;
  #last: string | undefined;
  #head: Head | undefined;
  /** Whether lines since the last event are damaged. */
  #isGap = false;
  /** Whether the first link may be that of an event which `keep` has removed. */
  readonly #mayBeginLate: boolean;
  #beginsLate = false;
  #found: { path: string; offset: number } | undefined;
  readonly #breaks = { count: 0, first: [] as ChainBreak[] };
  #breaksSinceRestart = 0;
  readonly #restarts: ChainRestart[] = [];

  /**
   * @param expect a link that the chain should have
   * @param hasRotated whether there are rotated files, so that older ones may have been removed
   */
  constructor(idKey: string, expect: string | undefined, hasRotated: boolean) {
    this.#idKey = idKey;
    this.#expect = expect;
    this.#mayBeginLate = hasRotated;
  }

  /** Goes through the next lines of a file. */
  add(path: NativePath, { entries, nonEvents, begin, bytes }: LineBatch): void {
    const damaged = nonEvents.filter((line) => line.kind === 'corrupt').map(({ offset }) => offset);
    let next = 0;
    for (const entry of entries) {
      const { offset, length } = entry;
      for (; next < damaged.length && (damaged[next] as number) < offset; next++) this.#isGap = true;
      const line = bytes.subarray(offset - begin, offset - begin + length);
      this.#addEvent(path.toString(), entry, line.at(-1) === newline ? line.subarray(0, -1) : line);
    }
    if (next < damaged.length) this.#isGap = true;
  }

  #addEvent(path: string, { event, offset, next }: Entry<JsonObject>, line: Buffer): void {
    const link = linkInBytes(line);
    const eventId = idOf(event, this.#idKey);
    const isFirst = this.#events++ === 0;
    const before = this.#last ?? noLink;
    const isGap = this.#isGap;
    this.#isGap = false;
    if (link === undefined) {
      this.#break({ path, offset, eventId, reason: 'unlinked' });
      return; // the next one goes on after the one before, if it was only put in
    }
    this.#last = link;
    this.#head = { position: next, link };
    if (linkAfter(before, line) !== link) {
      if (this.#isRestart(event, line, link)) {
        this.#restarts.push({ path, offset, after: restartedAfter(event) });
        this.#breaksSinceRestart = 0;
        this.#found = undefined;
      } else if (isFirst && this.#mayBeginLate && !isGap) {
        this.#beginsLate = true;
      } else {
        this.#break({ path, offset, eventId, reason: isGap ? 'damage' : 'link' });
      }
    }
    if (link === this.#expect) this.#found = { path, offset };
  }

  /** After all lines, if the chronicle knows by itself which link its last event has. */
  end(path: NativePath, link: string | undefined): void {
    if (this.#last === link) return;
    const { position = 0 } = this.#head ?? {};
    this.#break({ path: path.toString(), offset: position, eventId: undefined, reason: 'head' });
  }

  #isRestart(event: JsonObject, line: Buffer, link: string): boolean {
    return Object.hasOwn(event, restartKey) && linkAfter(noLink, line) === link;
  }

  #break(found: ChainBreak): void {
    this.#breaks.count++;
    this.#breaksSinceRestart++;
    if (this.#breaks.first.length < maxListed) this.#breaks.first.push(found);
  }

  report(): ChainReport {
    const holds = this.#breaksSinceRestart === 0;
    return {
      intact: holds && (this.#expect === undefined || this.#found !== undefined),
      events: this.#events,
      complete: !this.#beginsLate,
      head: this.#head,
      breaks: this.#breaks,
      restarts: this.#restarts,
      ...(this.#expect !== undefined && { expected: this.#found ?? 'missing' }),
    };
  }
}

/** The head of the chain that a restart ended, as it says. */
function restartedAfter(event: JsonObject): string | undefined {
  const restart = event[restartKey];
  return isObject(restart) && isLink(restart.after) ? restart.after : undefined;
}
