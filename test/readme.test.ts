/** The examples of the README and of docs/ do what they say. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { shell, shellCommand } from './support/command.js';
import { compile } from './support/compile-examples.js';
import { temporaryDirectory } from './support/files.js';
import { blocks } from './support/pages.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What the comments behind console.log say: `// output` or `// output: explanation`. */
function promisedOutput(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ ([^:\n]*)/g)].map(([, output = '']) => output.trim());
}

/** What stands around an example: what a test runner gives. */
const around = 'declare const jest: { mock(name: string, factory: () => unknown): void };\nexport {};\n';

describe('an example', () => {
  it('is where it is looked for', () => {
    expect(blocks('js', ['README.md']).length).toBeGreaterThanOrEqual(2);
    expect(blocks('console', ['docs/command.md']).length).toBeGreaterThanOrEqual(1);
  });

  it.each(blocks('js'))('runs as it stands:\n%s', async (code) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(root, join(directory, 'node_modules', 'holdfast'), 'junction');
    for (const other of ['pino', 'winston', 'winston-transport'])
      symlinkSync(join(root, 'node_modules', other), join(directory, 'node_modules', other), 'junction');
    writeFileSync(join(directory, 'example.mjs'), code);
    for (const time of ['first', 'second']) {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, ['example.mjs'], {
        cwd: directory,
      });
      expect(stderr, time).toBe('');
      expect(stdout.trim().split('\n'), time).toEqual(promisedOutput(code));
    }
  });

  it('compiles', () => {
    const codes = blocks('ts');
    const wrong = compile(codes.map((code) => `${around}${code}`)).map((problem, index) =>
      problem === '' ? [] : [codes[index], problem],
    );
    expect(wrong.flat()).toEqual([]);
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
