/** The pages that a user reads, and the examples in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));

/** From the root of the checkout. */
export const pages = ['README.md', ...docs.map((name) => join('docs', name))];

/** The code blocks of a language, in some pages or in all of them. */
export function blocks(language: string, of = pages): string[] {
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return of.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(block)].map(([, code = '']) => code),
  );
}
