/**
 * Files for fuzz tests, and what a reader must make of them: worked out line by line from the whole file in
 * memory, with none of the code under test.
 */
import fc from 'fast-check';
import type { CorruptReason, JsonObject } from 'holdfast';
import { anyCharacter } from './fuzz.js';

export interface ExpectedLine {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'event' | 'blank' | CorruptReason;
  readonly event?: JsonObject;
}

export function expectedLines(bytes: Buffer, maxLineBytes: number): ExpectedLine[] {
  const lines: ExpectedLine[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const newline = bytes.indexOf('\n', offset);
    const complete = newline !== -1;
    const end = complete ? newline : bytes.length;
    const content = bytes.subarray(offset, end);
    const length = end - offset + (complete ? 1 : 0);
    lines.push({ offset, length, ...expectedLine(content, offset === 0, complete, maxLineBytes) });
    offset += length;
  }
  return lines;
}

function expectedLine(content: Buffer, isFirst: boolean, complete: boolean, maxLineBytes: number) {
  if (content.length > maxLineBytes) return { kind: 'long' as const };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: !isFirst }).decode(content);
  } catch {
    return { kind: complete ? ('utf8' as const) : ('torn' as const) };
  }
  if (text.replaceAll(/[ \t\r]/g, '') === '') return { kind: 'blank' as const };
  if (/^\0+\r?$/.test(text)) return { kind: 'nul' as const };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: complete ? ('json' as const) : ('torn' as const) };
  }
  if (value instanceof Object && !Array.isArray(value)) {
    return { kind: 'event' as const, event: value as JsonObject };
  }
  return { kind: complete ? ('object' as const) : ('torn' as const) };
}

const anyObject = fc.dictionary(
  fc.string({ maxLength: 6, unit: anyCharacter }),
  fc.jsonValue({ maxDepth: 2 }),
  {
    maxKeys: 4,
  },
);

const validLine = fc
  .tuple(anyObject, fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n', ' \n'), fc.constantFrom(undefined, 1))
  .map(([event, end, indent]) => JSON.stringify(event, null, indent)?.replaceAll('\n', ' ') + end);

const validFile = fc
  .tuple(fc.constantFrom('', '', '\ufeff'), fc.array(validLine, { maxLength: 8 }))
  .map(([mark, lines]) => Buffer.from(mark + lines.join('')));

/** Bytes without any order, but full of those that mean something. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r\n',
        '{',
        '}',
        '{"a":1}\n',
        '{"a":',
        '"',
        '\\',
        '\ufeff',
        '\0\0\n',
        '[]\n',
        ' ',
      ),
      fc.string({ unit: anyCharacter, maxLength: 5 }),
      fc.uint8Array({ maxLength: 8 }),
      fc.integer({ min: 1, max: 80 }).map((count) => 'x'.repeat(count)),
    ),
    { maxLength: 15 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part as string))));

/** A valid file that ends anywhere, as after a crash. */
const cutFile = fc
  .tuple(validFile, fc.nat(), fc.nat())
  .map(([file, begin, end]) =>
    file.subarray(begin % 3 === 0 ? begin % (file.length + 1) : 0, end % (file.length + 1)),
  );

/** A valid file into which something else was written, over what was there or in between. */
const splicedFile = fc
  .tuple(
    validFile,
    fc.oneof(
      cutFile,
      anyBytes,
      fc.nat(50).map((count) => Buffer.alloc(count)),
    ),
    fc.nat(),
    fc.boolean(),
  )
  .map(([file, insertion, place, overwrite]) => {
    const at = place % (file.length + 1);
    const rest = file.subarray(overwrite ? at + insertion.length : at);
    return Buffer.concat([file.subarray(0, at), insertion, rest]);
  });

export const damagedFile = fc.oneof(anyBytes, cutFile, splicedFile, splicedFile);
