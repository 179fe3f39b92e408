/** What crosses between TypeScript and C++ has the same names and numbers on both sides. */
import { expect, it } from 'vitest';
import { native } from '../../dist/lib/native/addon.js';
import * as protocol from '../../dist/lib/native/protocol.js';

/** Every table of a side; functions cross nothing. */
function tablesOf(side: object): { [table: string]: unknown } {
  const entries = Object.entries(side).filter(
    ([name, value]) => typeof value !== 'function' && name !== 'default',
  );
  return Object.fromEntries(entries);
}

it('every table of TypeScript is one of C++, with the same numbers, and none is missing', () => {
  expect(tablesOf(protocol)).toEqual(tablesOf(native.protocol));
  expect(Object.keys(native.protocol).length).toBeGreaterThan(0);
});

it('no number stands for two things in one table', () => {
  for (const [name, table] of Object.entries(tablesOf(native.protocol))) {
    if (typeof table !== 'object' || table === null) continue;
    const numbers = Object.values(table);
    expect(new Set(numbers).size, name).toBe(numbers.length);
  }
});
