/**
 * The contract between a chronicle and its engine: the handle needs nothing of the file engine, and users
 * cannot make one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chronicleOn } from '../../dist/lib/chronicle/chronicle.js';
import type { Engine } from '../../dist/lib/chronicle/engine.js';
import { checkChronicleOptions } from '../../dist/lib/chronicle/options.js';
import type { EventLine } from '../../dist/lib/event/event-line.js';
import type { AppendResult, Entry, JsonObject, Position } from '../../dist/lib/index.js';
import { toArray } from '../support/iterate.js';

const lib = fileURLToPath(new URL('../../lib', import.meta.url));

/** The least that an engine can be: lines in an array, addressed by their index. */
class ArrayEngine implements Engine {
  readonly name = 'array';
  readonly lines: EventLine[] = [];
  closed = 0;

  append(
    line: EventLine,
    _ifEnd: Position | undefined,
    resolve: (result: AppendResult) => void,
    _reject: (error: Error) => void,
  ): void {
    this.lines.push(line);
    const offset = this.lines.length - 1;
    queueMicrotask(() => resolve({ offset, next: offset + 1, eventId: line.id, duplicate: false }));
  }

  appendMany(
    lines: readonly EventLine[],
    _ifEnd: Position | undefined,
    resolve: (results: AppendResult[]) => void,
  ): void {
    const first = this.lines.length;
    this.lines.push(...lines);
    const results = lines.map(({ id }, i) => ({
      offset: first + i,
      next: first + i + 1,
      eventId: id,
      duplicate: false,
    }));
    queueMicrotask(() => resolve(results));
  }

  async ready(): Promise<void> {}

  async drain(): Promise<void> {}

  async close(): Promise<void> {
    this.closed++;
  }

  stats(): never {
    throw new Error('not needed here');
  }

  async *read({ from, limit, reverse }: Parameters<Engine['read']>[0]): ReturnType<Engine['read']> {
    const entries = this.#entries().slice(from);
    yield (reverse ? entries.reverse() : entries).slice(0, limit);
  }

  async find(eventId: string): Promise<Entry<JsonObject> | undefined> {
    return this.#entries()[this.lines.findIndex(({ id }) => id === eventId)];
  }

  async *follow(_query: Parameters<Engine['follow']>[0], stop: AbortSignal): ReturnType<Engine['follow']> {
    yield this.#entries();
    await new Promise((resolve) => stop.addEventListener('abort', resolve));
  }

  #entries(): Entry<JsonObject>[] {
    return this.lines.map(({ text }, offset) => ({
      event: JSON.parse(text),
      offset,
      length: 1,
      next: offset + 1,
      position: `${offset}`,
      path: this.name,
    }));
  }
}

describe('another engine', () => {
  it('keeps a chronicle without a change of the handle', async () => {
    const engine = new ArrayEngine();
    const chronicle = chronicleOn<{ n: number }>(engine, checkChronicleOptions({ computeId: false }));
    expect(chronicle.path).toBe('array');
    expect(await chronicle.append({ n: 1 })).toMatchObject({ offset: 0 });
    await chronicle.appendMany([{ n: 2 }, { n: 3 }]);
    await chronicle.appendJson('{"n":4.0,"eventId":"four"}');
    expect(engine.lines.at(-1)?.text).toBe('{"n":4.0,"eventId":"four"}');
    expect((await toArray(chronicle.read({ from: 1 }))).map(({ event }) => event.n)).toEqual([2, 3, 4]);
    expect((await chronicle.tail(2)).map(({ event }) => event.n)).toEqual([3, 4]);
    expect(await chronicle.find('four')).toMatchObject({ offset: 3, next: 4 });
    const seen: number[] = [];
    for await (const { event } of chronicle.follow()) {
      seen.push(event.n);
      if (event.n === 4) break;
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    await chronicle.close();
    await chronicle.close();
    expect(engine.closed).toBe(1);
  });

  it('need not verify, repair or block: the handle says so, EVALIDATION', async () => {
    const chronicle = chronicleOn(new ArrayEngine(), checkChronicleOptions(undefined));
    await expect(chronicle.verify()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'verify' });
    await expect(chronicle.repair()).rejects.toMatchObject({ code: 'EVALIDATION', field: 'repair' });
    const refusal = { code: 'EVALIDATION', field: 'appendSync' };
    expect(() => chronicle.appendSync({})).toThrow(expect.objectContaining(refusal));
  });

  it('is all that the handle knows: lib/chronicle and lib/event import no engine', () => {
    for (const room of ['chronicle', 'event']) {
      for (const name of readdirSync(join(lib, room))) {
        expect(readFileSync(join(lib, room, name), 'utf8'), name).not.toMatch(/from '.*engines\//);
      }
    }
  });
});

describe('the types that are shipped', () => {
  const types = readFileSync(join(lib, '..', 'dist', 'lib', 'chronicle', 'chronicle.d.ts'), 'utf8');

  it('let nobody construct a chronicle', () => {
    expect(types).toContain('private constructor();');
  });

  it('name nothing internal', () => {
    expect(types).not.toContain('@internal');
    expect(types).not.toMatch(/appendLine|isBroken|NativePath|Appender/);
  });
});
