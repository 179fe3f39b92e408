/**
 * Lines that others wrote, in whatever way JSON can be written: their ids are found as a JSON parser finds
 * them, so that no event is written twice and none is taken for another. The native code that looks for ids
 * parses no JSON; this compares the two.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Dedupe, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';
import { anyKey, writtenLine } from '../support/written-lines.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

describe('Ids in lines that others wrote', () => {
  it(`are those that a JSON parser finds (FUZZ_SEED=${seed})`, async () => {
    const example = anyKey.chain((idKey) =>
      fc.record({
        idKey: fc.constant(idKey),
        lines: fc.array(writtenLine(idKey), { minLength: 1, maxLength: 6 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        example,
        fc.constantFrom<Dedupe>('all', { window: 100 }),
        async ({ idKey, lines }, dedupe) => {
          const file = join(temporaryDirectory(memory), 'chronicle');
          appendFileSync(file, lines.join(''));
          await using chronicle = await openChronicle(file, { idKey, dedupe });
          const known = new Set<string>();
          const others = new Set(['a', 'eventId', 'never written']);
          for (const text of lines) {
            for (const [name, value] of Object.entries(JSON.parse(text) as object)) {
              others.add(name);
              if (typeof value !== 'string') continue;
              others.add(value);
              if (name === idKey && value !== '') known.add(value);
            }
          }
          others.delete('');
          for (const candidate of others) {
            // What is refused in every new event: half an emoji.
            if (/\p{Surrogate}/u.test(candidate)) continue;
            const { duplicate } = await chronicle.append({ [idKey]: candidate });
            expect({ candidate, duplicate }).toEqual({ candidate, duplicate: known.has(candidate) });
          }
        },
      ),
      { seed, numRuns: 600 },
    );
  });
});
