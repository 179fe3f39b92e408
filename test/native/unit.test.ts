/**
 * Native code without Node. First its C++ unit tests (test/native/unit), each reported as a test of its own.
 * Then what stands in two languages: the grammar of a line is written in native code, which recognises
 * (read/line_grammar.h, dedupe/id_finder.h), and in TypeScript, which interprets (event/line.ts); this holds
 * the one against the other, and says where they may differ.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { idOf } from '../../dist/lib/event/event-id.js';
import { parseLine } from '../../dist/lib/event/line.js';
import { damagedFile } from '../support/damaged-files.js';
import { seeded } from '../support/fuzz.js';
import { missing } from '../support/native-program.js';
import { buildUnit, type Found, findInLines, runUnit, unitTests } from '../support/native-unit.js';
import { anyKey, writtenLine } from '../support/written-lines.js';

const noLimit = Number.POSITIVE_INFINITY;
const byteOrderMark = Buffer.from('\ufeff');

/** Examples from a printed seed. */
function sample<T>(title: string, runs: number, arbitrary: fc.Arbitrary<T>): T[] {
  return fc.sample(arbitrary, seeded<T>(title, runs));
}

describe.skipIf(missing(['g++']))('native code', () => {
  let program: string;
  beforeAll(async () => {
    program = await buildUnit();
  }, 600_000);

  describe('its unit tests', () => {
    let results: Map<string, string | undefined>;
    beforeAll(async () => {
      results = await runUnit(program);
    });

    it.each(unitTests())('%s', (name) => {
      expect([...results.keys()]).toContain(name);
      expect(results.get(name)).toBeUndefined();
    });

    it('are all listed here', () => {
      expect([...results.keys()].sort()).toEqual(unitTests().sort());
    });
  });

  describe('and TypeScript', () => {
    interface Example {
      readonly key: string;
      readonly line: Buffer;
    }

    /** Shows the examples to the program, and answers with those that do not hold. */
    async function failing(
      examples: readonly Example[],
      holds: (example: Example, found: Found) => boolean,
    ): Promise<string[]> {
      const failed: string[] = [];
      for (const key of new Set(examples.map((example) => example.key))) {
        const some = examples.filter((example) => example.key === key);
        const found = await findInLines(
          program,
          key,
          some.map(({ line }) => line),
        );
        some.forEach((example, at) => {
          const answer = found[at] as Found;
          if (!holds(example, answer))
            failed.push(JSON.stringify({ ...example, line: `${example.line}`, answer }));
        });
      }
      return failed;
    }

    const linesOf = (bytes: Buffer): Buffer[] => {
      const lines: Buffer[] = [];
      for (let at = 0; at <= bytes.length; ) {
        const newline = bytes.indexOf('\n', at);
        const end = newline === -1 ? bytes.length : newline;
        lines.push(bytes.subarray(at, end));
        at = end + 1;
      }
      return lines;
    };

    it('agree on what an event and a blank line is, but where they may differ', async () => {
      const file = fc
        .tuple(fc.constantFrom('', '', '\ufeff', ' \ufeff', '\ufeff '), damagedFile)
        .map(([mark, bytes]) => Buffer.concat([Buffer.from(mark), bytes]));
      const examples = sample('grammar of damaged lines', 2000, file)
        .flatMap(linesOf)
        .map((line) => ({ key: 'eventId', line }));
      let events = 0;
      const failed = await failing(examples, ({ line }, { isEvent, isBlank }) => {
        const complete = Buffer.concat([line, Buffer.from('\n')]);
        const [first, later] = [parseLine(complete, 0, noLimit), parseLine(complete, 1, noLimit)];
        if (first.kind === 'event') events++;
        // Native code calls more an event: what is damaged, but between braces. Never less.
        if ((first.kind === 'event' || later.kind === 'event') && !isEvent) return false;
        // A byte order mark with nothing but space is blank only to TypeScript, and only at the beginning of
        // the file.
        if (first.kind === 'blank' && later.kind !== 'blank') {
          return !isBlank && line.subarray(0, 3).equals(byteOrderMark);
        }
        return isBlank === (later.kind === 'blank') && !(isEvent && isBlank);
      });
      expect(failed).toEqual([]);
      expect(events).toBeGreaterThan(500);
    });

    it('find the same id in every event, however it is written', async () => {
      const example = anyKey.chain((key) =>
        fc
          .tuple(fc.constantFrom('', '', '\ufeff'), writtenLine(key))
          .map(([mark, line]) => ({ key, line: Buffer.from(mark + line.slice(0, -1)) })),
      );
      const fingerprints = new Map<string, string>();
      const ids = new Map<string, string>();
      const examples = sample('ids of valid lines', 3000, example);
      const failed = await failing(examples, ({ key, line }, { fingerprint, id }) => {
        const parsed = parseLine(line, 0, noLimit);
        if (parsed.kind !== 'event') return false;
        const expected = idOf(parsed.event, key);
        if (expected === undefined) return id.length === 0 && fingerprint === '0';
        // One fingerprint for each id, and one id for each fingerprint.
        if ((fingerprints.get(expected) ?? fingerprint) !== fingerprint) return false;
        if ((ids.get(fingerprint) ?? expected) !== expected) return false;
        fingerprints.set(expected, fingerprint);
        ids.set(fingerprint, expected);
        // An id is a JSON string without its quotes, so this resolves its escapes.
        return JSON.parse(`"${id}"`) === expected;
      });
      expect(failed).toEqual([]);
      expect(fingerprints.size).toBeGreaterThan(100);
    });

    it('find an id in a damaged line only as a part of it, and in what is still an event the same', async () => {
      const example = fc
        .tuple(anyKey, fc.nat(), fc.nat(), fc.nat(255), fc.constantFrom('cut', 'changed', 'doubled'))
        .chain(([key, at, length, byte, how]) =>
          writtenLine(key).map((text) => {
            const line = Buffer.from(text.slice(0, -1));
            const where = at % line.length;
            if (how === 'cut') return { key, line: line.subarray(where, where + (length % line.length)) };
            if (how === 'doubled') return { key, line: Buffer.concat([line.subarray(0, where), line]) };
            line[where] = byte === 0x0a ? 0 : byte;
            return { key, line };
          }),
        );
      const examples = sample('ids of damaged lines', 3000, example);
      const failed = await failing(examples, ({ key, line }, { fingerprint, id }) => {
        if (!line.includes(id) || (id.length === 0) !== (fingerprint === '0')) return false;
        const parsed = parseLine(line, 0, noLimit);
        if (parsed.kind !== 'event') return true;
        const expected = idOf(parsed.event, key);
        return expected === undefined ? id.length === 0 : JSON.parse(`"${id}"`) === expected;
      });
      expect(failed).toEqual([]);
    });
  });
});
