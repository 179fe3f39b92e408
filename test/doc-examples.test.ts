/** The examples in the doc comments compile. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compile } from './support/compile-examples.js';

const lib = fileURLToPath(new URL('../lib', import.meta.url));

/** What stands around an example in a program of its reader. */
const around = `
import {
  type AnyHoldfastError, appendEvent, appendEventWithId, type Chronicle, type FileLock, followChronicle, HoldfastError,
  lock, lockHolders, lockSync, openChronicle, readChronicle, repairChronicle, tailChronicle, tryLock, tryLockSync,
  verifyChronicle, withLock, writeFileAtomic,
} from 'holdfast';
import { connect, importFile, mirror, type Postgres } from 'holdfast/postgres';
import logTo from 'holdfast/pino';
import lockfile from 'holdfast/proper-lockfile';
import * as sage from 'holdfast/sage-chronicle';
import type { ChronicleEventBase } from 'holdfast/sage-chronicle';
import pg from 'pg';
import pino from 'pino';
import * as z from 'zod';
declare const chronicle: Chronicle;
declare const held: FileLock;
declare const postgres: Postgres;
declare const orders: Chronicle;
declare function report(fence: number): Promise<void>;
declare const ifEnd: number;
declare const token: string;
declare const settings: object;
declare const stopping: AbortSignal;
declare const request: { readonly signal: AbortSignal };
declare const event: sage.ChronicleEventBase;
declare function countOneMore(): Promise<number>;
`;

function examplesIn(file: string): string[] {
  const comments = readFileSync(join(lib, file), 'utf8').matchAll(/^( *)\/\*\*\n((?:\1 \*(?!\/).*\n)+)/gm);
  return [...comments].flatMap(([, , text = '']) => {
    const [, ...examples] = text.replaceAll(/^ *\* ?/gm, '').split(/^@example$/m);
    return examples.map((example) => example.split(/^@/m, 1)[0] ?? '');
  });
}

it('each example compiles', () => {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const examples = files.flatMap((file) => examplesIn(file).map((code) => ({ file, code })));
  expect(examples.length).toBeGreaterThan(40);
  const bodies = examples.map(
    ({ file, code }, index) => `// ${file}\nexport async function example${index}() {\n{${code}}\n}\n`,
  );
  expect(compile([around + bodies.join('')])).toEqual(['']);
});
