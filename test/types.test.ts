/** The types that are shipped tell what the package promises, and nothing of how it is made. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports: paths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.keys(paths).flatMap((path) => paths[path].types ?? []);

/** A file of declarations, as tsc writes them: each begins at the left margin. */
interface Declarations {
  /** By name, the text of each, without comments and private members. */
  readonly own: Map<string, string>;
  /** By the name it has here, where something comes from. */
  readonly from: Map<string, { file: string; name: string }>;
  readonly exported: Set<string>;
}

const cache = new Map<string, Declarations>();

function declarationsIn(file: string): Declarations {
  const known = cache.get(file);
  if (known) return known;
  const found: Declarations = { own: new Map(), from: new Map(), exported: new Set() };
  cache.set(file, found);
  const text = readFileSync(file, 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^ +(?:#private|private\b.*);$/gm, '');
  for (const [, keyword, list = '', path = ''] of text.matchAll(
    /^(import|export) (?:type )?\{([^}]*)\}(?: from '(\.[^']*)')?;/gm,
  )) {
    for (const item of list.split(',').map((item) => item.replace(/\btype\b/, '').trim())) {
      const [name = '', alias = name] = item.split(/\s+as\s+/);
      if (path) found.from.set(alias, { file: join(dirname(file), path.replace(/\.js$/, '.d.ts')), name });
      if (keyword === 'export') found.exported.add(alias);
    }
  }
  const kind = 'class|interface|type|function|const|let|enum|namespace';
  for (const declaration of text.split(/^(?=\S)(?!\})/m)) {
    const [, isExported, name] =
      new RegExp(`^(export )?(?:default )?(?:declare )?(?:abstract )?(?:${kind}) (\\w+)`).exec(declaration) ??
      [];
    if (!name) continue;
    found.own.set(name, (found.own.get(name) ?? '') + declaration);
    if (isExported) found.exported.add(name);
  }
  return found;
}

/** Where a name is declared; undefined for those of other packages and of the language. */
function originOf(file: string, name: string): { file: string; name: string } | undefined {
  const { own, from } = declarationsIn(file);
  if (own.has(name)) return { file, name };
  const source = from.get(name);
  return source && originOf(source.file, source.name);
}

/** What a user can come by, from what the entries export on. */
function reachable(): { file: string; name: string }[] {
  const found = new Map<string, { file: string; name: string }>();
  const visit = (file: string, name: string) => {
    const origin = originOf(file, name);
    if (!origin || found.has(JSON.stringify(origin))) return;
    found.set(JSON.stringify(origin), origin);
    const text = declarationsIn(origin.file).own.get(origin.name) ?? '';
    for (const [mentioned] of text.matchAll(/\b[A-Z]\w*\b/g)) visit(origin.file, mentioned);
  };
  for (const entry of entries) {
    const file = join(root, entry);
    const { exported, own } = declarationsIn(file);
    for (const name of exported.size > 0 ? exported : own.keys()) visit(file, name);
  }
  return [...found.values()];
}

it('no public declaration leads to what is internal', () => {
  const names = reachable().map(({ file, name }) => `${name} of ${relative(root, file)}`);
  expect(names).toEqual(
    expect.arrayContaining([
      'FileLock of dist/lib/lock/file-lock.d.ts',
      'Chronicle of dist/lib/chronicle/chronicle.d.ts',
    ]),
  );
  const internal = /^(?:NativePath|Settings|Target|Appender|EventLine) of |\/native\//;
  expect(names.filter((name) => internal.test(name))).toEqual([]);
});

it('no member is marked as internal: what is internal is not there', () => {
  const files = readdirSync(join(root, 'dist/lib'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.d.ts'),
  );
  expect(files.length).toBeGreaterThan(0);
  expect(
    files.filter((file) => readFileSync(join(root, 'dist/lib', file), 'utf8').includes('@internal')),
  ).toEqual([]);
});
