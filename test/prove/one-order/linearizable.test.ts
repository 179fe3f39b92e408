/** The checker itself: it takes what is possible and rejects what is not. */
import { describe, expect, it } from 'vitest';
import { type ChronicleOperation, chronicleModel, type Input, type Output } from './chronicle-model.js';
import { isLinearizable } from './linearizable.js';

const append = (eventId: string, ifEnd?: number): Input => ({
  kind: 'append',
  eventId,
  length: 10,
  ...(ifEnd !== undefined && { ifEnd }),
});
const at = (offset: number): Output => ({ kind: 'appended', offset, duplicate: false });
const duplicateOf = (offset: number): Output => ({ kind: 'appended', offset, duplicate: true });
const read: Input = { kind: 'read' };
const events = (...eventIds: string[]): Output => ({ kind: 'read', eventIds });
const conflict: Output = { kind: 'conflict' };
const end: Input = { kind: 'end' };
const endsAt = (place: number): Output => ({ kind: 'end', end: place });

/** An operation from a moment to another one. */
function from(call: number, to: number | undefined, input: Input, output?: Output): ChronicleOperation {
  return { call: BigInt(call), return: to === undefined ? undefined : BigInt(to), input, output };
}

const possible: Record<string, ChronicleOperation[]> = {
  nothing: [],
  'one after the other': [
    from(0, 1, append('a'), at(0)),
    from(2, 3, append('b'), at(10)),
    from(4, 5, read, events('a', 'b')),
  ],
  'two at once, in either order': [
    from(0, 9, append('a'), at(10)),
    from(0, 9, append('b'), at(0)),
    from(10, 11, read, events('b', 'a')),
  ],
  'a read that overlaps an append and does not see it': [
    from(0, 9, append('a'), at(0)),
    from(1, 8, read, events()),
  ],
  'a read that sees an append before that returns': [
    from(0, 9, append('a'), at(0)),
    from(1, 2, read, events('a')),
  ],
  'a duplicate': [from(0, 1, append('a'), at(0)), from(2, 3, append('a'), duplicateOf(0))],
  'a conflict': [
    from(0, 1, append('a'), at(0)),
    from(2, 3, append('b', 0), conflict),
    from(2, 3, end, endsAt(10)),
  ],
  'one of two that ask for the same end': [
    from(0, 9, append('a', 0), at(0)),
    from(0, 9, append('b', 0), conflict),
  ],
  'an append that nobody heard of, and that was done': [
    from(0, undefined, append('a')),
    from(5, 6, read, events('a')),
  ],
  'an append that nobody heard of, and that was not done': [
    from(0, undefined, append('a')),
    from(5, 6, append('b'), at(0)),
    from(7, 8, read, events('b')),
  ],
  'an append that nobody heard of, and that was done late': [
    from(0, undefined, append('a')),
    from(1, 2, read, events()),
    from(3, 4, read, events('a')),
  ],
};

const impossible: Record<string, ChronicleOperation[]> = {
  'a lost append': [from(0, 1, append('a'), at(0)), from(2, 3, read, events())],
  'a read behind another one that sees less': [
    from(0, 9, append('a'), at(0)),
    from(1, 2, read, events('a')),
    from(3, 4, read, events()),
  ],
  'two events at one place': [from(0, 9, append('a'), at(0)), from(0, 9, append('b'), at(0))],
  'an order against time': [from(0, 1, append('a'), at(10)), from(2, 3, append('b'), at(0))],
  'two first copies': [from(0, 9, append('a'), at(0)), from(0, 9, append('a'), at(10))],
  'a duplicate of nothing': [from(0, 1, append('a'), duplicateOf(0))],
  'a duplicate before its first copy': [
    from(0, 1, append('a'), duplicateOf(0)),
    from(2, 3, append('a'), at(0)),
  ],
  'two that ask for the same end and both get it': [
    from(0, 9, append('a', 0), at(0)),
    from(0, 9, append('b', 0), at(10)),
  ],
  'a conflict with the end that was asked for': [
    from(0, 1, append('a'), at(0)),
    from(2, 3, append('b', 10), conflict),
  ],
  'an end that the file has not yet': [from(0, 9, append('a'), at(0)), from(10, 11, end, endsAt(0))],
  'an event that nobody sent': [from(0, 1, read, events('a'))],
  'an append that nobody heard of, seen and then gone': [
    from(0, undefined, append('a')),
    from(1, 2, read, events('a')),
    from(3, 4, read, events()),
  ],
};

describe('the checker of histories', () => {
  it.each(Object.entries(possible))('takes %s', (_, history) => {
    expect(isLinearizable(chronicleModel, history)).toBe(true);
  });

  it.each(Object.entries(impossible))('rejects %s', (_, history) => {
    expect(isLinearizable(chronicleModel, history)).toBe(false);
  });
});
