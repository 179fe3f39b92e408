/**
 * The types that are shipped tell what the package promises, and nothing of how it is made. What the compiler
 * has to see is seen by `npm run check`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AnyHoldfastError,
  type AppendOptions,
  appendEvent,
  type ChronicleOptions,
  type FollowOptions,
  followChronicle,
  HoldfastError,
  type HoldfastErrorDetails,
  type LockHolder,
  type LockOptions,
  type LockRange,
  lock,
  lockSync,
  openChronicle,
  type ReadOptions,
  type ReadRange,
  type ReleaseOptions,
  type RepairOptions,
  type Rotate,
  readChronicle,
  repairChronicle,
  type TryLockOptions,
  tailChronicle,
  tryLock,
  type VerifyOptions,
  verifyChronicle,
  type WaitOptions,
  type WriteFileAtomicOptions,
  writeFileAtomic,
} from 'holdfast';
import lockfile from 'holdfast/proper-lockfile';
import type * as sage from 'holdfast/sage-chronicle';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { temporaryDirectory } from './support/files.js';

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

/** What a promise rejects with, as a caller of holdfast sees it. */
async function errorOf(call: Promise<unknown>): Promise<AnyHoldfastError> {
  const error: unknown = await call.then(
    () => undefined,
    (caught) => caught,
  );
  if (error instanceof HoldfastError) return error;
  throw error ?? new Error('resolved');
}

describe('the code of an error tells what else there is', () => {
  it('ECONFLICT: end', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'a.ndjson'));
    const error = await errorOf(chronicle.append({ number: 1 }, { ifEnd: 7 }));
    await chronicle.close();
    if (error.code !== 'ECONFLICT') throw error;
    expectTypeOf(error.end).toEqualTypeOf<number>();
    expectTypeOf(error.path).toEqualTypeOf<string>();
    expect(error.end).toBe(0);
  });

  it('EVALIDATION: field', async () => {
    const error = await errorOf(lock('x', { timeout: -1 }));
    if (error.code !== 'EVALIDATION') throw error;
    expectTypeOf(error.field).toEqualTypeOf<string>();
    expect(error.field).toBe('timeout');
  });

  it('ELOCK_TIMEOUT: holders', async () => {
    const file = join(temporaryDirectory(), 'x');
    const held = await lock(file);
    const error = await errorOf(lock(file, { timeout: 0 }));
    await held.release();
    if (error.code !== 'ELOCK_TIMEOUT') throw error;
    expectTypeOf(error.holders).toEqualTypeOf<readonly LockHolder[]>();
    expect(error.path).toBe(file);
  });

  it('EIO: path and cause', async () => {
    const error = await errorOf(openChronicle(temporaryDirectory()));
    if (error.code !== 'EIO') throw error;
    expectTypeOf(error.path).toEqualTypeOf<string>();
    expect(error.cause).toMatchObject({ code: 'EISDIR' });
  });

  it('and without its code, all of it may be missing', () => {
    const error = new HoldfastError('ECLOSED', 'closed');
    expectTypeOf(error.end).toEqualTypeOf<number | undefined>();
    expectTypeOf(error.field).toEqualTypeOf<string | undefined>();
    expectTypeOf<AnyHoldfastError>().toExtend<HoldfastError>();
    expect(error.end).toBeUndefined();
  });

  it('a derived class is told by its own instances, and by its own type', () => {
    class Derived extends HoldfastError {
      readonly more: number = 1;
    }
    const errors: unknown[] = [new Derived('EIO', 'derived'), new HoldfastError('EIO', 'not derived')];
    const more = errors.flatMap((error) => (error instanceof Derived ? error.more : []));
    expectTypeOf(more).toEqualTypeOf<number[]>();
    expect(more).toEqual([1]);
  });
});

describe('an event that is read has its id', () => {
  interface Order {
    readonly number: number;
  }

  it('by every way of reading', async () => {
    const path = join(temporaryDirectory(), 'a.ndjson');
    const chronicle = await openChronicle<Order>(path);
    const { eventId } = await chronicle.append({ number: 1 });
    const [entry] = await chronicle.tail(1);
    expectTypeOf(entry?.event.eventId).toEqualTypeOf<string | undefined>();
    expectTypeOf(entry?.event.number).toEqualTypeOf<number | undefined>();
    const entries = [entry, ...(await chronicle.toArray()), await chronicle.find(eventId ?? '')];
    for await (const one of chronicle.read()) entries.push(one);
    for await (const batch of chronicle.readBatches()) entries.push(...batch);
    for await (const one of followChronicle<Order>(path)) {
      entries.push(one);
      break;
    }
    await chronicle.close();
    const plain = [...(await readChronicle<Order>(path)), ...(await tailChronicle<Order>(path))];
    const ids = [...entries.map((one) => one?.event.eventId), ...plain.map((event) => event.eventId)];
    expectTypeOf(ids).toEqualTypeOf<(string | undefined)[]>();
    expect(ids).toEqual(Array.from({ length: 8 }, () => eventId));
  });

  it('and is still what was appended, so that it can be appended elsewhere', async () => {
    const directory = temporaryDirectory();
    const from = await openChronicle<Order>(join(directory, 'from.ndjson'));
    const to = await openChronicle<Order>(join(directory, 'to.ndjson'));
    await from.append({ number: 1 });
    for await (const { event } of from.read()) await to.append(event);
    const orders: Order[] = (await to.toArray()).map(({ event }) => event);
    await Promise.all([from.close(), to.close()]);
    expect(orders).toMatchObject([{ number: 1 }]);
  });

  it('of a type that says itself what its id is, or of none', async () => {
    const path = join(temporaryDirectory(), 'a.ndjson');
    await appendEvent(path, { eventId: 'one' });
    const [typed] = await readChronicle<{ eventId: string }>(path);
    expectTypeOf(typed?.eventId).toEqualTypeOf<string | undefined>();
    const [untyped] = await readChronicle(path);
    expectTypeOf(untyped?.eventId).toEqualTypeOf<string | undefined>();
    expectTypeOf(untyped?.other).toEqualTypeOf<unknown>();
    expect([typed, untyped]).toEqual([{ eventId: 'one' }, { eventId: 'one' }]);
  });
});

/** All options, each of them undefined. */
type Undefined<Options> = { [Name in keyof Options]-?: undefined };

describe('an option that is undefined is as one that is not there', () => {
  it('to the compiler, with exactOptionalPropertyTypes', () => {
    expectTypeOf<{ value: undefined }>().not.toExtend<{ value?: string }>(); // the setting is on
    expectTypeOf<Undefined<AppendOptions>>().toExtend<AppendOptions>();
    expectTypeOf<Undefined<ChronicleOptions>>().toExtend<ChronicleOptions>();
    expectTypeOf<Undefined<FollowOptions>>().toExtend<FollowOptions>();
    expectTypeOf<Undefined<HoldfastErrorDetails>>().toExtend<HoldfastErrorDetails>();
    expectTypeOf<Undefined<LockOptions>>().toExtend<LockOptions>();
    expectTypeOf<Undefined<LockRange>>().toExtend<LockRange>();
    expectTypeOf<Undefined<ReadOptions>>().toExtend<ReadOptions>();
    expectTypeOf<Undefined<ReadRange>>().toExtend<ReadRange>();
    expectTypeOf<Undefined<ReleaseOptions>>().toExtend<ReleaseOptions>();
    expectTypeOf<Undefined<RepairOptions>>().toExtend<RepairOptions>();
    expectTypeOf<Undefined<Rotate>>().toExtend<Rotate>();
    expectTypeOf<Undefined<TryLockOptions>>().toExtend<TryLockOptions>();
    expectTypeOf<Undefined<VerifyOptions>>().toExtend<VerifyOptions>();
    expectTypeOf<Undefined<WaitOptions>>().toExtend<WaitOptions>();
    expectTypeOf<Undefined<WriteFileAtomicOptions>>().toExtend<WriteFileAtomicOptions>();
    expectTypeOf<Undefined<lockfile.LockOptions>>().toExtend<lockfile.LockOptions>();
    expectTypeOf<Undefined<lockfile.RetryOptions>>().toExtend<lockfile.RetryOptions>();
    expectTypeOf<Undefined<sage.AppendOptions>>().toExtend<sage.AppendOptions>();
    expectTypeOf<Undefined<sage.ChainedAppendOptions>>().toExtend<sage.ChainedAppendOptions>();
    expectTypeOf<Undefined<sage.ChronicleRepairOptions>>().toExtend<sage.ChronicleRepairOptions>();
    expectTypeOf<Undefined<sage.DuplicateCheckOptions>>().toExtend<sage.DuplicateCheckOptions>();
  });

  const chronicleOptions: Undefined<ChronicleOptions> = {
    onCorrupt: undefined,
    maxLineBytes: undefined,
    schema: undefined,
    lockTimeout: undefined,
    durability: undefined,
    idKey: undefined,
    computeId: undefined,
    dedupe: undefined,
    rotate: undefined,
    chain: undefined,
  };

  it('when it runs: locks', async () => {
    const file = join(temporaryDirectory(), 'x');
    const target = { mode: undefined, kind: undefined, range: undefined, create: undefined };
    const wait = { timeout: undefined, signal: undefined };
    const held = await lock(file, { ...target, ...wait });
    expect(await tryLock(file, target)).toBeNull();
    await held.downgrade();
    await held.upgrade(wait);
    await held.release({ remove: undefined });
    lockSync(file, { ...target, ...wait }).releaseSync({ remove: undefined });
    const range = { start: undefined, length: undefined };
    await (await lock(file, { kind: 'fcntl', range })).release();
    const retries = {
      retries: 0,
      factor: undefined,
      minTimeout: undefined,
      maxTimeout: undefined,
      randomize: undefined,
      forever: undefined,
      maxRetryTime: undefined,
      unref: undefined,
    };
    const release = await lockfile.lock(file, {
      realpath: undefined,
      fs: undefined,
      lockfilePath: undefined,
      stale: undefined,
      update: undefined,
      retries,
      onCompromised: undefined,
    });
    expect(await lockfile.check(file, { stale: undefined })).toBe(true);
    await release();
  });

  it('when it runs: chronicles and files', async () => {
    const path = join(temporaryDirectory(), 'a.ndjson');
    const work = { onProgress: undefined, signal: undefined };
    const chronicle = await openChronicle(path, chronicleOptions);
    await chronicle.append({ number: 1 }, { ifEnd: undefined });
    const range = { from: undefined, to: undefined, limit: undefined, reverse: undefined, where: undefined };
    expect(await chronicle.toArray(range)).toHaveLength(1);
    for await (const { next } of chronicle.follow({ from: undefined, where: undefined, signal: undefined })) {
      expect(next).toBeGreaterThan(0);
      break;
    }
    expect((await chronicle.verify({ ids: undefined, ...work })).intact).toBe(true);
    await chronicle.repair(work);
    await chronicle.close();
    expect(await readChronicle(path, chronicleOptions)).toHaveLength(1);
    expect((await verifyChronicle(path, { ids: undefined, lockTimeout: undefined, ...work })).events).toBe(1);
    await repairChronicle(path, { durability: undefined, ...work });
    const rotate = { maxBytes: 1e6, maxAge: undefined, keep: undefined };
    await appendEvent(path, { number: 2 }, { ...chronicleOptions, rotate });
    const options = { mode: undefined, durability: undefined, parents: undefined, signal: undefined };
    await writeFileAtomic(join(temporaryDirectory(), 'f'), 'x', options);
  });
});
