/** Examples of the documentation, compiled as a user's program would be. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the compiler says of each of these modules, compiled together; nothing of one that is right. */
export function compile(sources: readonly string[]): string[] {
  const directory = temporaryDirectory();
  for (const [index, source] of sources.entries())
    writeFileSync(join(directory, `example-${index}.mts`), source);
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
    include: ['*.mts'],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(settings));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, '-p', directory, '--pretty', 'false'],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0 && stdout === '') throw new Error(`the compiler failed: ${stderr}`);
  // Each message begins with its file; the lines that belong to it are indented.
  const messages = stdout.split(/^(?=\S)/m);
  const found = sources.map((_, index) =>
    messages.filter((message) => message.includes(`example-${index}.mts(`)).join(''),
  );
  const others = messages.filter((message) => !/example-\d+\.mts\(/.test(message)).join('');
  return found.map((message) => message + others);
}
