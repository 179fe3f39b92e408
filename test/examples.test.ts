/** The examples as their readers run them: compiled, in processes of their own, several at once. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { openChronicle, readChronicle, tryLock } from 'holdfast';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChronicleSessionStore, type SessionStoreEntry } from '../dist/examples/session-store.mjs';
import { changeSettings, readSettings } from '../dist/examples/settings.mjs';
import { temporaryDirectory } from './support/files.js';

const program = (name: string) => fileURLToPath(new URL(`../dist/examples/${name}.mjs`, import.meta.url));

/** What the example prints, without anything on standard error. */
async function run(name: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program(name), ...args]);
  expect(stderr).toBe('');
  return stdout;
}

/** Starts an example that goes on; it is killed when the test ends. */
function start(name: string, ...args: string[]): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [program(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));

describe('cluster-audit-log', () => {
  it('has every order once, however often it is sent, and whichever worker is killed', async () => {
    const path = join(temporaryDirectory(), 'audit.ndjson');
    const { child, lines } = start('cluster-audit-log', path, '0');
    const workers = new Set<number>();
    let port = '';
    const hear = async () => {
      const [, pid, listened] = /^worker (\d+) listens on (\d+)$/.exec((await lines.next()).value) ?? [];
      workers.add(Number(pid));
      port = listened ?? '';
    };
    await hear();
    await hear();
    onTestFinished(() => {
      for (const worker of workers) if (isAlive(worker)) process.kill(worker, 'SIGKILL');
    });
    /**
     * As clients do it: again, until there is an answer. A connection that Node's cluster was just handing to a worker
     * that is killed stays open, and nobody answers.
     */
    const order = async (key: string): Promise<number> => {
      for (;;) {
        try {
          const response = await fetch(`http://127.0.0.1:${port}/`, {
            method: 'POST',
            headers: { 'Idempotency-Key': key },
            body: JSON.stringify({ item: key }),
            signal: AbortSignal.timeout(5000),
          });
          const stored = (await response.json()) as { eventId: string; order: object };
          expect(stored).toMatchObject({ eventId: key, order: { item: key } });
          return response.status;
        } catch (error) {
          const isLate = (error as Error).name === 'TimeoutError';
          if (!isLate && !(error instanceof TypeError)) throw error; // no connection, or a cut one
        }
      }
    };
    const keys = times(50, (n) => `order ${n}`);
    const [first] = workers;
    const statuses = keys.map(order);
    await statuses[0];
    process.kill(first as number, 'SIGKILL');
    await Promise.all(statuses);
    await hear(); // the one in its place
    expect(await Promise.all(keys.map(order))).toEqual(keys.map(() => 200));
    const written = (await readChronicle<{ eventId: string }>(path)).map(({ eventId }) => eventId);
    expect(written.sort()).toEqual(keys.sort());
    child.kill('SIGKILL');
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('cron-job', () => {
  it('runs once a day, not beside another run, and again where it was killed', async () => {
    const directory = temporaryDirectory();
    const outputs = await Promise.all(times(4, () => run('cron-job', directory, '2026-11-26')));
    expect(outputs.filter((output) => output.startsWith('makes'))).toHaveLength(1);
    expect(await run('cron-job', directory, '2026-11-26')).toBe('has run for 2026-11-26\n');
    const held = await tryLock(join(directory, 'report.lock'));
    expect(await run('cron-job', directory, '2026-11-27')).toBe('is running already\n');
    await held?.release();
    expect(await run('cron-job', directory, '2026-11-27')).toBe('makes the report of 2026-11-27\n');
  });
});

describe('consumer', () => {
  it('goes on where it was, after it was killed and the log was rotated', async () => {
    const path = join(temporaryDirectory(), 'orders.ndjson');
    const position = `${path}.position`;
    const orders = await openChronicle(path, { rotate: { maxBytes: 500 }, computeId: false, dedupe: false });
    const append = (from: number) => orders.appendMany(times(5, (n) => ({ number: from + n })));
    const next = async (lines: AsyncIterator<string>) => JSON.parse((await lines.next()).value).number;

    await append(0);
    const first = start('consumer', path, position);
    for (const number of [0, 1, 2]) expect(await next(first.lines)).toBe(number);
    first.child.kill('SIGKILL');
    await once(first.child, 'close');
    for (let from = 5; from < 100; from += 5) await append(from);
    expect((await orders.files()).length).toBeGreaterThan(2);

    const second = start('consumer', path, position);
    // At least once: the last one that it handled may come again, and no other.
    let number = await next(second.lines);
    expect([1, 2, 3, 4, 5]).toContain(number);
    while (number < 99) expect(await next(second.lines)).toBe(++number);
    second.child.kill('SIGTERM');
    expect(await once(second.child, 'close')).toEqual([0, null]);
    await orders.close();
  });
});

describe('settings', () => {
  it('keeps every change of every process', async () => {
    const path = join(temporaryDirectory(), 'settings.json');
    const names = times(8, (n) => `name${n}`);
    await Promise.all(names.map((name) => run('settings', path, name, 'value')));
    const count = (settings: { count?: unknown }) => ({
      ...settings,
      count: Number(settings.count ?? 0) + 1,
    });
    await Promise.all(times(20, () => changeSettings(path, count)));
    const all = Object.fromEntries(names.map((name) => [name, 'value']));
    expect(await readSettings(path)).toEqual({ ...all, count: 20 });
  });
});

describe('mcp-memory', () => {
  async function connect(path: string) {
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [program('mcp-memory/server')],
        env: { MEMORY_FILE_PATH: path },
      }),
    );
    onTestFinished(() => client.close());
    return async (name: string, args: { [name: string]: unknown } = {}) => {
      const { content } = await client.callTool({ name, arguments: args });
      const [{ text } = { text: '' }] = content as { text: string }[];
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    };
  }

  const entity = (name: string, ...observations: string[]) => ({ name, entityType: 'person', observations });

  it('two clients do not overwrite each other', async () => {
    const path = join(temporaryDirectory(), 'memory.jsonl');
    const clients = await Promise.all([connect(path), connect(path)]);
    const names = times(20, (n) => `entity ${n}`);
    await Promise.all(
      names.flatMap((name, n) => {
        const call = clients[n % 2] as (typeof clients)[0];
        return [
          call('create_entities', { entities: [entity(name)] }),
          call('create_relations', { relations: [{ from: name, to: 'all', relationType: 'is one of' }] }),
        ];
      }),
    );
    const graph = await clients[0]('read_graph');
    expect(graph.entities.map(({ name }: { name: string }) => name).sort()).toEqual([...names].sort());
    expect(graph.relations).toHaveLength(names.length);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(2 * names.length);
  });

  it('has the tools of the reference server', async () => {
    const call = await connect(join(temporaryDirectory(), 'memory.jsonl'));
    const relation = { from: 'Ada', to: 'Charles', relationType: 'works with' };
    expect(
      await call('create_entities', { entities: [entity('Ada', 'counts'), entity('Charles')] }),
    ).toHaveLength(2);
    expect(await call('create_entities', { entities: [entity('Ada', 'again')] })).toEqual([]);
    expect(await call('create_relations', { relations: [relation] })).toEqual([relation]);
    expect(await call('create_relations', { relations: [relation] })).toEqual([]);
    const observations = [{ entityName: 'Ada', contents: ['counts', 'writes'] }];
    expect(await call('add_observations', { observations })).toEqual([
      { entityName: 'Ada', addedObservations: ['writes'] },
    ]);
    expect(await call('add_observations', { observations: [{ entityName: 'Eve', contents: [] }] })).toMatch(
      /not found/,
    );
    expect(await call('search_nodes', { query: 'WRITES' })).toEqual({
      entities: [entity('Ada', 'counts', 'writes')],
      relations: [relation],
    });
    await call('delete_observations', { deletions: [{ entityName: 'Ada', observations: ['counts'] }] });
    expect(await call('open_nodes', { names: ['Ada'] })).toMatchObject({
      entities: [entity('Ada', 'writes')],
    });
    await call('delete_relations', { relations: [relation] });
    expect(await call('read_graph')).toMatchObject({ relations: [] });
    await call('create_relations', { relations: [relation] });
    await call('delete_entities', { entityNames: ['Charles'] });
    expect(await call('read_graph')).toEqual({ entities: [entity('Ada', 'writes')], relations: [] });
  });
});

describe('session-store', () => {
  const key = { projectKey: '-home-ada-work', sessionId: 'b4c0' };
  const entries = (...uuids: string[]): SessionStoreEntry[] =>
    uuids.map((uuid) => ({ type: 'user', uuid, n: { a: 1 } }));

  it('stores entries in order, each uuid once, those without one as often as they come', async () => {
    const store = new ChronicleSessionStore(temporaryDirectory());
    expect(await store.load(key)).toBeNull();
    await store.append(key, []);
    expect(await store.load(key)).toBeNull();
    await store.append(key, entries('1', '2'));
    await store.append(key, entries('2', '3'));
    const title = { type: 'summary', summary: 'about tea' };
    await store.append(key, [title, title]);
    expect(await store.load(key)).toEqual([...entries('1', '2', '3'), title, title]);
    await store.close();
  });

  it('lists and deletes what belongs to a session, and nothing else', async () => {
    const directory = temporaryDirectory();
    const store = new ChronicleSessionStore(directory);
    const subagent = { ...key, subpath: 'subagents/agent-1' };
    const other = { projectKey: '../..', sessionId: '.' };
    for (const one of [key, subagent, other]) await store.append(one, entries('1'));
    expect(await store.listSessions(key.projectKey)).toEqual([
      { sessionId: 'b4c0', mtime: expect.any(Number) },
    ]);
    expect(await store.listSessions('none')).toEqual([]);
    expect(await store.listSubkeys(key)).toEqual([subagent.subpath]);
    expect(await store.load(other)).toEqual(entries('1'));
    await store.delete(key);
    for (const one of [key, subagent]) expect(await store.load(one)).toBeNull();
    expect(await store.load(other)).toEqual(entries('1'));
    await store.append(key, entries('4'));
    expect(await store.load(key)).toEqual(entries('4'));
    await store.close();
    expect(existsSync(join(directory, '..', '.ndjson'))).toBe(false);
  });

  it('lets one process write a session at a time, and anybody read it', async () => {
    const directory = temporaryDirectory();
    const [mine, others] = [new ChronicleSessionStore(directory), new ChronicleSessionStore(directory)];
    await mine.append(key, entries('1'));
    await expect(others.append(key, entries('2'))).rejects.toThrow('is written by another process');
    expect(await others.load(key)).toEqual(entries('1'));
    await mine.close();
    await others.append(key, entries('2'));
    expect(await mine.load(key)).toEqual(entries('1', '2'));
    await others.close();
  });

  it('runs', async () => {
    expect(await run('session-store', temporaryDirectory())).toMatch(/^\[\n.*hello.*\n.*hi.*\n\]\n$/);
  });
});

describe('opentelemetry', () => {
  it('measures appends and locks', async () => {
    const printed = Object.fromEntries(
      (await run('opentelemetry'))
        .trim()
        .split('\n')
        .map((line) => {
          const [, name = '', values = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
          return [name, JSON.parse(values)];
        }),
    );
    expect(printed).toMatchObject({ 'holdfast.events': [2], 'holdfast.duplicates': [1] });
    expect(printed['holdfast.sync']).toMatchObject([{ count: 3, min: expect.any(Number) }]);
    expect(printed['holdfast.lock.wait']).toEqual(
      expect.arrayContaining([expect.objectContaining({ count: 1 })]),
    );
  });
});

describe('from-proper-lockfile', () => {
  it.each([
    ['before', ['before']],
    ['step 1', ['step-1']],
    ['step 2', ['step-2']],
    ['before and step 1 side by side', ['before', 'step-1']],
  ])('%s: no change is lost', async (_, names) => {
    const path = join(temporaryDirectory(), 'accounts.json');
    await Promise.all(
      times(8, (n) => run(`from-proper-lockfile/${names[n % names.length]}`, path, 'ada', '10')),
    );
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ ada: 80 });
  });
});

describe('winston-transport', () => {
  it('writes what several processes log', async () => {
    const path = join(temporaryDirectory(), 'log.ndjson');
    await Promise.all(times(4, () => run('winston-transport', path)));
    const numbers = (await readChronicle<{ number: number }>(path)).map(({ number }) => number);
    expect(numbers.sort()).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
  });
});
