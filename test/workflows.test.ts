/**
 * The workflows that build and publish: code of others runs in them by its commit, since a tag can be moved, and
 * with no right that it does not need.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const directory = new URL('../.github/workflows/', import.meta.url);

describe.each(readdirSync(directory))('%s', (name) => {
  const text = readFileSync(new URL(name, directory), 'utf8');

  it('names each action by its commit, and says which version that is', () => {
    const uses = [...text.matchAll(/^\s*-? ?uses: (.*)$/gm)].map(([, action]) => action);
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may read the repository, and no more, unless a job says otherwise', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n$/m);
    expect([...text.matchAll(/^\s+([\w-]+): write$/gm)].map(([, right]) => right)).toEqual(
      name === 'release.yml' ? ['id-token'] : [],
    );
  });

  it('leaves no token in a checkout', () => {
    const checkouts = text.match(/uses: actions\/checkout@/g) ?? [];
    const kept = text.match(/uses: actions\/checkout@.*\n\s+with:\n\s+persist-credentials: false\n/g) ?? [];
    expect(kept.length).toBe(checkouts.length);
  });
});

it('the package is published with its provenance', () => {
  expect(readFileSync(new URL('release.yml', directory), 'utf8')).toContain('npm publish --provenance');
});
