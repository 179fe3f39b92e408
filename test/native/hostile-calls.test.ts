/**
 * The border between JavaScript and C++ by itself: whatever the private addon is called with, it refuses, or
 * does what it says. `npm run prove` does the same with AddressSanitizer.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { memory, temporaryDirectory } from '../support/files.js';

const { native } = createRequire(import.meta.url)('../../dist/lib/native/addon.js');

it('S3: calls of the addon with odd values neither crash nor hang', () => {
  const program = fileURLToPath(new URL('../programs/raw-addon.mjs', import.meta.url));
  const output = execFileSync(process.execPath, [program, temporaryDirectory(memory)], {
    encoding: 'utf8',
    timeout: 120_000,
    // Descriptors 0 and 1 are among the odd values: what gets a file's rights is to be ours, and not /dev/null.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const counts = Object.values(JSON.parse(output) as { [name: string]: number });
  expect(counts.length).toBeGreaterThan(20);
  for (const count of counts) expect(count).toBeGreaterThanOrEqual(44);
});

const anything = () => {};
const file = () => join(temporaryDirectory(), 'file');
const line = Buffer.from('{"eventId":"a"}\n');

it.each<[name: string, call: () => unknown, problem: RegExp]>([
  ['a path with a NUL byte', () => native.isKnownLocal('a\0b'), /^path: /],
  ['flags beyond all', () => native.tryLockOnThisThread(file(), 2 ** 32 + 3, 0, 0), /^flags: /],
  ['half a descriptor', () => native.waitLockSync(1.5, 3, 0, 0, 0), /^target: /],
  ['no number of a descriptor', () => native.sync(Number.NaN, 1, anything), /^descriptor: /],
  ['a descriptor that would be 0', () => native.sync(2 ** 32, 1, anything), /^descriptor: /],
  ['a range that ends nowhere', () => native.waitLockSync(file(), 7, 2n ** 63n - 1n, 1, 0), /^length: /],
  ['a durability of its own', () => native.sync(0, 3, anything), /^durability: /],
  ['nobody to be told', () => native.sync(0, 1, {}), /^done: /],
  ['an array of bytes in place of words', () => native.lineArray(line, 'x', 9, new Uint8Array(4)), /^ends: /],
  ['an event that is no text', () => native.idOfPlainJson(line), /^json: /],
  ['a lock of no number', () => native.unlock('1', 0), /^lock: /],
])('refuses %s', (_, call, problem) => {
  expect(call).toThrow(problem);
});

it('refuses calls of a writer that it would wait for for ever, and bytes that are not there', () => {
  const options = {
    lockTimeout: 5,
    durability: 0,
    idKey: 'eventId',
    window: 3,
    maxLineBytes: 1000,
    chain: 0,
  };
  const rotation = { maxBytes: 100, maxAge: 0, keep: 2 };
  expect(() => new native.Writer(file(), options, anything)).toThrow(/^rotation: /);
  expect(() => new native.Writer(file(), { ...options, rotation }, 5)).toThrow(/^settle: /);
  expect(() => new native.Writer(file(), { ...options, rotation, window: 0.5 }, anything)).toThrow(
    /^window: /,
  );
  const writer = new native.Writer(file(), { ...options, rotation }, anything);
  expect(() => writer.append(line, line.length + 1, 1, undefined)).toThrow(/^length: /);
  expect(() => writer.append(line, line.length - 1, 1, undefined)).toThrow(/^length: /);
  expect(() =>
    writer.append(line, line.length, 1, { conditions: [{ first: -1, count: 1, end: 0 }] }),
  ).toThrow(/^first: /);
  expect(() => writer.append(line, line.length, 1, 5)).toThrow(/^demands: /);
  for (const fence of [5, {}, { lock: '/x', token: 0 }, { lock: '/x', token: 1.5 }, { token: 1 }])
    expect(() => writer.append(line, line.length, 1, { fence })).toThrow(/^(fence|token|path)/);
  expect(() => writer.answer([true])).toThrow(/^answer: /);
  writer.open();
  expect(() => writer.open()).toThrow(/^open: /);
  expect(writer.settleNext()).toBe(true);
  writer.close();
  expect(() => writer.close()).toThrow(/^close: /);
  expect(() => writer.append(line, line.length, 1, undefined)).toThrow(/^append: /);
});
