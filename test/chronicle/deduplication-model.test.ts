/**
 * C5 against a model: what several processes are told, and what then stands in the file, is what one list
 * with a window over its last n events gives.
 */
import { appendFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type AppendResult, readChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';

const writers = 3;
// One that JSON escapes and one of two bytes, besides plain ones: they take different ways through native
// code.
const ids = ['a', 'b', 'c', 'd', '"', 'ü'];

interface Step {
  /** Which process appends; beyond the last: somebody who is not holdfast, and knows of no ids. */
  readonly writer: number;
  readonly ids: readonly string[];
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  writer: fc.integer({ min: 0, max: writers }),
  ids: fc.array(fc.constantFrom(...ids), { minLength: 1, maxLength: 4 }),
});

/** A list of events, of which the last `size` are the window. */
class Model {
  readonly events: { readonly eventId: string; readonly offset: number }[] = [];
  /** What stands twice within a window, as only somebody else writes it: either copy may be named for it. */
  readonly #repeated = new Set<string>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  add(eventId: string, offset: number): void {
    if (this.find(eventId).length > 0) this.#repeated.add(eventId);
    this.events.push({ eventId, offset });
  }

  /** Where a copy of the id stands in the window. */
  find(eventId: string): number[] {
    const window = this.events.slice(-this.#size);
    return window.flatMap((event) => (event.eventId === eventId ? [event.offset] : []));
  }

  /** Takes up what one call was told, and checks each answer. */
  accept(results: readonly AppendResult[]): void {
    for (const { eventId = '', offset, duplicate } of results) {
      const copies = this.find(eventId);
      expect({ eventId, duplicate }).toEqual({ eventId, duplicate: copies.length > 0 });
      if (duplicate) expect(this.#repeated.has(eventId) ? this.#all(eventId) : copies).toContain(offset);
      else this.add(eventId, offset);
    }
  }

  #all(eventId: string): number[] {
    return this.events.filter((event) => event.eventId === eventId).map(({ offset }) => offset);
  }
}

describe('C5: several processes and somebody else, one call after the other', () => {
  it('every answer is that of the model, with windows of all small sizes', async () => {
    const directory = temporaryDirectory();
    const processes = Array.from({ length: writers }, () => new ChronicleProcess());
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(anyStep, { minLength: 1, maxLength: 15 }),
        async (window, steps) => {
          const file = join(directory, `${number++}`);
          const model = new Model(window);
          await Promise.all(processes.map((process) => process.ask('open', file, { dedupe: { window } })));
          for (const step of steps) {
            const process = processes[step.writer];
            if (process) {
              model.accept(await process.appendMany(step.ids.map((eventId) => ({ eventId }))));
              continue;
            }
            for (const eventId of step.ids) {
              model.add(eventId, statSync(file).size);
              appendFileSync(file, `${JSON.stringify({ eventId })}\n`);
            }
          }
          await Promise.all(processes.map((process) => process.ask('close')));
          expect(eventsOf(file)).toEqual(model.events);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('C5: several processes at once, with a small window', () => {
  it.each([1, 2, 5])(
    'no id stands twice among %d events and the next, and every answer is true',
    async (window) => {
      const file = join(temporaryDirectory(), 'chronicle');
      const processes = await Promise.all(
        Array.from({ length: writers }, () =>
          ChronicleProcess.open(file, { dedupe: { window }, lockTimeout: 600_000 }),
        ),
      );
      const random = fc.sample(fc.array(fc.constantFrom(...ids), { minLength: 1, maxLength: 5 }), 240);
      const results = (
        await Promise.all(
          random.map((chosen, index) =>
            (processes[index % writers] as ChronicleProcess).appendMany(
              chosen.map((eventId) => ({ eventId })),
            ),
          ),
        )
      ).flat();
      const events = eventsOf(file);
      for (const [index, { eventId }] of events.entries()) {
        const before = events.slice(Math.max(0, index - window), index);
        expect(before.map((event) => event.eventId)).not.toContain(eventId);
      }
      // Each line is acknowledged as new to one caller, and every duplicate names a line with its id.
      const written = results.filter(({ duplicate }) => !duplicate).map(({ offset }) => offset);
      expect(written.sort((a, b) => a - b)).toEqual(events.map(({ offset }) => offset));
      const byOffset = new Map(events.map(({ offset, eventId }) => [offset, eventId]));
      for (const { offset, eventId } of results) expect(byOffset.get(offset)).toBe(eventId);
      expect(await readChronicle(file)).toHaveLength(events.length);
    },
  );
});
