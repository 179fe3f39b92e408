/**
 * What the binaries for other systems are built from: the conditions of binding.gyp, whatever their order and
 * spelling.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { sourcesFor } from '../scripts/gyp.mjs';

const of = (condition: string) => ({
  sources: ['all'],
  conditions: [
    [condition, { sources: ['some'] }, { sources: ['other'] }],
    ["OS=='none'", { ldflags: [] }],
  ],
});

it.each([
  ["OS=='win'", 'win', 'some'],
  ["OS=='win'", 'linux', 'other'],
  ['OS == "win"', 'win', 'some'],
  ["OS!='win'", 'win', 'other'],
  ["OS!='win'", 'mac', 'some'],
  ["OS=='linux' or OS=='mac'", 'mac', 'some'],
  ["OS=='linux' or OS=='mac'", 'win', 'other'],
  ["OS!='linux' and OS!='mac'", 'win', 'some'],
  ["OS!='linux' and OS!='mac'", 'mac', 'other'],
])('%s: on %s, the sources of %s', (condition, os, chosen) => {
  expect(sourcesFor(of(condition), os)).toEqual(['all', chosen]);
});

it('a condition that is not understood is an error', () => {
  expect(() => sourcesFor(of("target_arch=='x64'"), 'linux')).toThrow(
    "not understood here: target_arch=='x64'",
  );
});

it('every system has sources of its own', () => {
  const [target] = JSON.parse(readFileSync(new URL('../binding.gyp', import.meta.url), 'utf8')).targets;
  const [linux, mac, win] = ['linux', 'mac', 'win'].map((os) => sourcesFor(target, os));
  expect(linux).toContain('native/os/file_posix.cc');
  expect(linux).toContain('native/os/glibc_compat.cc');
  expect(mac).toEqual(linux?.filter((source) => !source.includes('glibc')));
  expect(win).toContain('native/os/file_windows.cc');
  expect(win).not.toContain('native/os/file_posix.cc');
});
