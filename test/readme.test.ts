/** The examples of the README do what they say. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { shell, shellCommand } from './support/command.js';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The code blocks of a language. */
function blocks(language: string): string[] {
  const found = readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'));
  return [...found].map(([, code = '']) => code);
}

/** What the comments behind console.log say: `// output` or `// output: explanation`. */
function promisedOutput(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ ([^:\n]*)/g)].map(([, output = '']) => output.trim());
}

describe('the README', () => {
  it('has examples', () => {
    expect(blocks('js').length).toBeGreaterThanOrEqual(2);
    expect(blocks('console').length).toBeGreaterThanOrEqual(1);
  });

  it.each(blocks('js'))('runs as it stands:\n%s', async (code) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(root, join(directory, 'node_modules', 'holdfast'), 'junction');
    writeFileSync(join(directory, 'example.mjs'), code);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['example.mjs'], {
      cwd: directory,
    });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(promisedOutput(code));
  });

  it.each(blocks('console'))('shows what is really seen:\n%s', async (session) => {
    const directory = temporaryDirectory();
    let seen = '';
    for (const command of session.match(/(?<=^\$ ).*$/gm) ?? []) {
      const line = `holdfast() { ${shellCommand} "$@"; }; { ${command}\n} 2>&1`;
      const { out } = await shell(`cd '${directory}'; ${line}`);
      seen += `$ ${command}\n${out}`;
    }
    expect(seen).toBe(session);
  });
});
