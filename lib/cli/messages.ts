/**
 * Errors in the words of the command: with its flags in place of the names of options, and without the codes that a
 * program looks at.
 */
import { HoldfastError } from '../base/errors.js';

/** What gives an argument or option of the API here. */
const flags: { readonly [field: string]: string } = {
  path: 'FILE',
  file: 'FILE',
  // Of an address in its place.
  name: 'FILE',
  schema: 'FILE',
  pool: 'FILE',
  connectionString: 'FILE',
  chronicle: 'CHRONICLE',
  files: '--current',
  lockTimeout: '--timeout',
  durability: '--durability',
  idKey: '--id-key',
  computeId: '--no-id',
  dedupe: '--dedupe',
  'dedupe.window': '--dedupe',
  maxLineBytes: '--max-line-bytes',
  chain: '--chain',
  expect: '--expect',
  after: '--after',
};

export function messageOf(error: unknown): string {
  if (!(error instanceof HoldfastError)) return error instanceof Error ? error.message : String(error);
  const text = error.message.slice(`${error.code}: `.length);
  if (error.code === 'EVALIDATION') {
    const { field } = error;
    const problem = text.slice(`${field}: `.length);
    return `${flags[field] ?? field}: ${problem.replace('maxLineBytes', '--max-line-bytes')}`;
  }
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text;
}
