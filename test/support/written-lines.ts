/** Lines of events as others may have written them: in every way that JSON can be written. */
import fc from 'fast-check';
import { anyCharacter } from './fuzz.js';

/** Names for the property that holds the id, some of which JSON has to escape. */
export const anyKey = fc.constantFrom('eventId', 'id"', 'ü\\', 'a\u0001b', '🙂', 'eventId ');
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
  fc.string({ unit: anyCharacter, maxLength: 12 }),
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

/** A line, with its newline: an object with properties of that name, and others that look like them. */
export const writtenLine = (idKey: string) =>
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
