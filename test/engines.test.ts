/**
 * `engines` admits the versions of Node on which the package works, and each line of them is tested from its
 * lowest on.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { lowest } from './platforms/runtimes.mjs';

const { satisfies } = createRequire(import.meta.url)('semver') as {
  satisfies(version: string, range: string): boolean;
};
const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const engines: string = JSON.parse(read('package.json')).engines.node;
const ranges = engines.split(' || ');

/** Every version that there could be; each line of Node has had fewer than thirty. */
const versions = Array.from({ length: 30 }, (_, major) =>
  Array.from({ length: 30 }, (_, minor) => `${major}.${minor}.0`),
).flat();

/** Which versions of Node have what the package and its tests cannot do without, by Node's changelogs. */
const needs = {
  'crypto.hash()': '^20.12.0 || >=21.7.0',
  'a Buffer that garbles no text': '<22.7.0 || >=22.8.0',
  'require() of ES modules without a flag, for vite and other tools of the tests': '^20.19.0 || >=22.12.0',
};

it.each(Object.entries(needs))('every version that is admitted has %s', (_, since) => {
  const admitted = versions.filter((version) => satisfies(version, engines));
  expect(admitted.filter((version) => !satisfies(version, since))).toEqual([]);
  expect(admitted).not.toEqual([]);
});

describe.each(ranges)('the versions %s', (range) => {
  it('are tested from the lowest on', () => {
    const [first] = versions.filter((version) => satisfies(version, range));
    expect(lowest).toContain(first);
  });

  it('are tested by CI from the lowest on, and are named by the README', () => {
    const [first] = versions.filter((version) => satisfies(version, range));
    expect(read('.github/workflows/test.yml')).toContain(`'${first}'`);
    expect(read('README.md')).toContain(first?.replace(/\.0\.0$/, ''));
  });
});

it.each(lowest)('%s is admitted, and no version of its line before it', (version) => {
  const [major] = version.split('.');
  const line = versions.filter((one) => one.startsWith(`${major}.`) && satisfies(one, engines));
  expect(line[0]).toBe(version);
});
