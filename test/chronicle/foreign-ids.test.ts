/**
 * Lines that others wrote, in whatever way JSON can be written: their ids are found as a JSON parser finds them, so that
 * no event is written twice and none is taken for another. The native code that looks for ids parses no JSON; this compares
 * the two.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Dedupe, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

const key = fc.constantFrom('eventId', 'id"', 'ü\\', 'a\u0001b', '🙂', 'eventId ');
const id = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'eventId',
    '"',
    '\\',
    '\n',
    'ü',
    '🙂',
    '\ud800',
    '{"eventId":"a"}',
    ',"eventId":"a"}',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

/** A string as JSON can write it too: any of its characters escaped. */
function written(text: string, escapes: readonly boolean[]): string {
  let result = '';
  for (let at = 0; at < text.length; at++) {
    const escaped = `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
    const plain = JSON.stringify(text[at]).slice(1, -1);
    const surrogate = /[\ud800-\udfff]/.test(text[at] as string);
    // Half of a pair stands for itself only together with the other half.
    const pair = surrogate && /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(at, at + 2));
    if (pair && !escapes[at % escapes.length]) result += text.slice(at, ++at + 1);
    else result += surrogate || escapes[at % escapes.length] ? escaped : plain;
  }
  return `"${result}"`;
}

const line = (idKey: string) =>
  fc
    .record({
      properties: fc.array(
        fc.record({
          name: fc.oneof(
            { weight: 2, arbitrary: fc.constant(idKey) },
            // Names that end or begin as the key does, once a quote in them is taken for their end.
            fc.constantFrom(`x"${idKey}`, `${idKey}"x`, `\\"${idKey}`),
            id,
          ),
          value: fc.oneof(
            { weight: 3, arbitrary: id.map((text) => ({ text })) },
            id.map((inner) => ({ json: JSON.stringify({ [idKey]: inner }) })),
            id.map((inner) => ({ json: JSON.stringify([[idKey, inner], { [idKey]: inner }]) })),
            fc.constantFrom({ json: '1' }, { json: 'null' }, { json: '{}' }, { json: '[]' }),
          ),
        }),
        { maxLength: 4 },
      ),
      escapes: fc.oneof(fc.constant([false]), fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })),
      space: fc.constantFrom('', '', ' ', '\t'),
      end: fc.constantFrom('\n', '\r\n', ' \n'),
    })
    .map(({ properties, escapes, space, end }) => {
      const inside = properties.map(({ name, value }) => {
        const json = 'text' in value ? written(value.text, escapes) : value.json;
        return `${space}${written(name, escapes)}${space}:${space}${json}${space}`;
      });
      return `{${inside.join(',')}}${end}`;
    });

describe('Ids in lines that others wrote', () => {
  it(`are those that a JSON parser finds (FUZZ_SEED=${seed})`, async () => {
    const example = key.chain((idKey) =>
      fc.record({ idKey: fc.constant(idKey), lines: fc.array(line(idKey), { minLength: 1, maxLength: 6 }) }),
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
            const { duplicate } = await chronicle.append({ [idKey]: candidate });
            expect({ candidate, duplicate }).toEqual({ candidate, duplicate: known.has(candidate) });
          }
        },
      ),
      { seed, numRuns: 600 },
    );
  });
});
