/** The examples of the README do what they say. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)];

/** What the comments behind console.log say: `// output` or `// output: explanation`. */
function promisedOutput(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ ([^:\n]*)/g)].map(([, output = '']) => output.trim());
}

describe('the README', () => {
  it('has examples', () => expect(examples.length).toBeGreaterThanOrEqual(2));

  it.each(examples.map(([, code = '']) => code))('runs as it stands:\n%s', async (code) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(root, join(directory, 'node_modules', 'holdfast'));
    writeFileSync(join(directory, 'example.mjs'), code);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['example.mjs'], {
      cwd: directory,
    });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(promisedOutput(code));
  });
});
