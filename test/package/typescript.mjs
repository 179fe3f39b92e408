/**
 * TypeScript of several versions in every module setting: the types are found, the forms of import that
 * `@types/proper-lockfile` allows are allowed, and what is compiled runs.
 */
import { join } from 'node:path';
import { fetchPackage } from '../platforms/runtimes.mjs';
import { execute, programs, project, useIt, writeFiles } from './workplace.mjs';

const body = `
async function main(): Promise<void> {
  const held: FileLock = await lock('it.lock', { mode: 'exclusive', timeout: 1000, signal: undefined });
  if ((await tryLock('it.lock')) !== null) throw new Error('two holders');
  const chronicle = await openChronicle<{ number: number }>('events.ndjson', { dedupe: { window: 5 } });
  const { offset, duplicate } = await chronicle.append({ number: 1 });
  const [last] = await chronicle.tail(1);
  const number: number | undefined = last && last.event.number;
  const id: string | undefined = last && last.event.eventId;
  if (number !== 1 || !id || offset !== 0 || duplicate) throw new Error('not read');
  await chronicle.close();
  await held.release({ remove: true });
  const options: lockfile.LockOptions = { retries: { retries: 1 }, stale: 5000 };
  const release: () => Promise<void> = await lockfile.lock('events.ndjson', options);
  if (!(await check('events.ndjson'))) throw new Error('not locked');
  await release();
  rmSync('events.ndjson');
  try {
    await lock('it.lock', { timeout: -1 });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'EVALIDATION') throw error;
    const field: Field = error.field;
    if (field !== 'timeout') throw error;
  }
  console.log('ok');
}
main();
`;
const imports = `import { rmSync } from 'fs';
import { type FileLock, HoldfastError, lock, openChronicle, tryLock } from 'holdfast';
import { check } from 'holdfast/proper-lockfile';
`;
const forms = {
  namespace: `${imports}import * as lockfile from 'holdfast/proper-lockfile';${body}`,
  default: `${imports}import lockfile from 'holdfast/proper-lockfile';${body}`,
  require: `${imports}import lockfile = require('holdfast/proper-lockfile');${body}`,
};

/** Module settings: for which package type, and which forms of import they know. */
const settings = {
  node10: {
    options: { module: 'commonjs', moduleResolution: 'node' },
    type: 'commonjs',
    forms: ['namespace', 'require'],
  },
  'node10 with esModuleInterop': {
    options: { module: 'commonjs', moduleResolution: 'node', esModuleInterop: true },
    type: 'commonjs',
    forms: ['namespace', 'default', 'require'],
  },
  'node16, commonjs': {
    options: { module: 'node16' },
    type: 'commonjs',
    forms: ['namespace', 'default', 'require'],
  },
  'node16, module': { options: { module: 'node16' }, type: 'module', forms: ['namespace', 'default'] },
  'node18, module': {
    options: { module: 'node18' },
    type: 'module',
    forms: ['namespace', 'default'],
    since: 5.8,
  },
  'node20, module': {
    options: { module: 'node20' },
    type: 'module',
    forms: ['namespace', 'default'],
    since: 5.9,
  },
  nodenext: { options: { module: 'nodenext' }, type: 'module', forms: ['namespace', 'default'] },
  bundler: {
    options: { module: 'esnext', moduleResolution: 'bundler' },
    type: 'module',
    forms: ['namespace', 'default'],
    since: 5,
  },
};

async function compiles(version, types) {
  const compiler = fetchPackage('typescript', version);
  const folder = project(programs);
  await execute('npm', ['install', '--no-audit', '--no-fund', 'holdfast', `@types/node@${types}`], {
    cwd: folder,
  });
  await useIt(folder);
  const known = Object.entries(settings).filter(([, { since = 0 }]) => Number.parseFloat(version) >= since);
  for (const [name, { options, type, forms: allowed }] of known) {
    // TypeScript 6 and later know no node10 any more.
    if (name.startsWith('node10') && Number.parseFloat(version) >= 6) continue;
    const where = join(folder, name.replace(/\W+/g, '-'));
    const sources = allowed.map((form) => [`${form}.ts`, `${head(version)}${forms[form]}`]);
    writeFiles(where, {
      'package.json': { type },
      ...Object.fromEntries(sources),
      'tsconfig.json': {
        compilerOptions: {
          ...options,
          target: 'es2022',
          lib: ['es2022'],
          types: ['node'],
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
        },
      },
    });
    const programsThere = allowed.map((form) => `${form}.js`);
    try {
      await execute(process.execPath, [join(compiler, 'bin/tsc'), '-p', where], { cwd: where });
      await useIt(where, undefined, programsThere);
    } catch (error) {
      throw new Error(`${name}: ${error.message}`);
    }
  }
}

/** Before 5.3, TypeScript does not ask the class what `instanceof` means. */
function head(version) {
  return `type Field = string${Number.parseFloat(version) < 5.3 ? ' | undefined' : ''};\n`;
}

export const typescripts = [
  ['TypeScript 4.9: node10, node16', () => compiles('4.9.5', '18')],
  ['TypeScript 5.4: node10, node16, nodenext, bundler', () => compiles('5.4.5', '20')],
  ['TypeScript 5.9: node10, node16, node18, node20, nodenext, bundler', () => compiles('5.9.3', '20')],
  ['TypeScript 7: node16, node18, node20, nodenext, bundler', () => compiles('7.0.2', '24')],
];
