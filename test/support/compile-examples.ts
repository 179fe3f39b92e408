/** Examples of the documentation, compiled as a user's program would be. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the compiler says of a module; nothing if it is right. */
export function compile(source: string): string {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'examples.mts'), source);
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
  try {
    return execFileSync(process.execPath, [compiler, '-p', directory], { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
