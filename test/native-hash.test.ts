/** The hash that ties a prebuilt binary to its sources: it changes with the code, and with nothing else. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { codeOf, nativeHash } = createRequire(import.meta.url)('../scripts/native-hash.cjs') as {
  codeOf(source: string): string;
  nativeHash(directory?: string): string;
};

it.each([
  ['a comment', 'f(); // one\ng();', 'f();  // another\ng();'],
  ['a comment that is new', 'f(a);', 'f(/* which */ a);'],
  ['a comment over several lines', 'f(); /* " */ g();', 'f(); /* two\n lines */ g();'],
  ['a comment that goes on after a backslash', 'f(); // x\ng();', 'f(); // x \\\n h();\ng();'],
  ['a comment with the beginning of another', 'f(); // see /* there\ng(); /* x */', 'f();\ng();'],
  ['where a line breaks', 'f(a, b);', 'f(a,\n  b);'],
  ['line ends', 'f();\n#if A\ng();\n', 'f();\r\n#if A\r\ng();\r\n'],
  ['a comment behind a directive', '#define A 1 // one\nf();', '#define A 1\n\nf();'],
  ['a comment in a directive', '#define A 1 /* x */ + 2\n', '#define A 1   + 2\n'],
  ['a directive over several lines', '#define A 1 + \\\n 2\n', '#define A 1 + 2\n'],
])('%s does not count', (_, one, other) => {
  expect(codeOf(one)).toBe(codeOf(other));
});

it.each([
  ['a name', 'f();', 'g();'],
  ['what a string holds', 'f("a // b");', 'f("a // c");'],
  ['the white space in a string', 'f("a b");', 'f("a  b");'],
  ['a string behind a quote that is escaped', String.raw`f("\" // ", 1);`, String.raw`f("\" // ", 2);`],
  ['what stands behind a character', `f('"'); g(); // "`, `f('"'); h(); // "`],
  ['what stands behind an escaped character', String.raw`f('\''); // g`, String.raw`f('\''); g(); // g`],
  ['what stands behind a number with separators', `f(1'000); // '\ng();`, `f(1'000); // '\nh();`],
  ['a number with separators', `f(1'000'000);`, `f(1'000'001);`],
  ['a raw string', 'f(R"(a // b)");', 'f(R"(a // c)");'],
  ['the white space in a raw string', 'f(R"x(a\n)" b)x");', 'f(R"x(a\n)"  b)x");'],
  ['what stands behind a raw string', 'f(R"(\\)"); g(); // "', 'f(R"(\\)"); h(); // "'],
  ['an operator that is taken apart', 'a++ + b;', 'a + ++b;'],
  ['one operator or two', 'a - -b;', 'a-- b;'],
  ['words that run together', 'int a;', 'inta;'],
  ['a comment that is code', '// f();', 'f();'],
  ['the end of a directive', '#define A 1\n+ 2;', '#define A 1 + 2\n;'],
  ['a macro with parameters or without', '#define A(b) c\n', '#define A (b) c\n'],
  ['a backslash at the end of a comment', 'f(); // x\ng();', 'f(); // x\\\ng();'],
])('%s counts', (_, one, other) => {
  expect(codeOf(one)).not.toBe(codeOf(other));
});

describe('the hash of a tree', () => {
  function tree(): string {
    const directory = temporaryDirectory();
    for (const part of ['native', 'binding.gyp'])
      cpSync(join(root, part), join(directory, part), { recursive: true });
    return directory;
  }

  it('is the same when a comment has changed, and another when code has', () => {
    const directory = tree();
    const file = join(directory, 'native/lock/wait_queue.cc');
    const source = readFileSync(file, 'utf8');
    expect(nativeHash(directory)).toBe(nativeHash());
    writeFileSync(file, `// A comment that is new.\n${source}\n/* And\n another. */\n`);
    expect(nativeHash(directory)).toBe(nativeHash());
    writeFileSync(file, `${source}\nint added;\n`);
    expect(nativeHash(directory)).not.toBe(nativeHash());
  });

  it('is another when the build description has changed', () => {
    const directory = tree();
    const description = readFileSync(join(root, 'binding.gyp'), 'utf8');
    writeFileSync(join(directory, 'binding.gyp'), description.replace('-fvisibility=hidden', '-fno-common'));
    expect(nativeHash(directory)).not.toBe(nativeHash());
  });
});

it('every character of the sources counts that is neither in a comment nor white space', () => {
  const source = readFileSync(join(root, 'native/lock/wait_queue.cc'), 'utf8');
  const without = source.replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, '').replaceAll(/\s/g, '');
  expect(codeOf(source).replaceAll(/[\0\s]/g, '')).toBe(without);
});
