/** The examples in the doc comments compile. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const lib = join(root, 'lib');

/** What stands around an example in a program of its reader. */
const around = `
import {
  type AnyHoldfastError, appendEvent, appendEventWithId, type Chronicle, type FileLock, followChronicle, HoldfastError,
  lock, lockHolders, lockSync, openChronicle, readChronicle, repairChronicle, tailChronicle, tryLock, tryLockSync,
  verifyChronicle, withLock, writeFileAtomic,
} from 'holdfast';
import { connect, type Postgres } from 'holdfast/postgres';
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
  const directory = temporaryDirectory();
  const bodies = examples.map(
    ({ file, code }, index) => `// ${file}\nexport async function example${index}() {\n{${code}}\n}\n`,
  );
  writeFileSync(join(directory, 'examples.mts'), around + bodies.join(''));
  const settings = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      rootDir: '/',
      noUnusedLocals: false,
      typeRoots: [join(root, 'node_modules/@types')],
      paths: {
        holdfast: [join(root, 'dist/lib/index.d.ts')],
        'holdfast/pino': [join(root, 'dist/lib/pino/transport.d.ts')],
        'holdfast/postgres': [join(root, 'dist/lib/postgres.d.ts')],
        'holdfast/*': [join(root, 'dist/lib/compat/*.d.ts')],
        pg: [join(root, 'node_modules/@types/pg/index.d.ts')],
        pino: [join(root, 'node_modules/pino/pino.d.ts')],
        zod: [join(root, 'node_modules/zod/index.d.cts')],
      },
    },
    include: ['examples.mts'],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(settings));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const printed = (() => {
    try {
      return execFileSync(process.execPath, [compiler, '-p', directory], { encoding: 'utf8' });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  })();
  expect(printed).toBe('');
});
