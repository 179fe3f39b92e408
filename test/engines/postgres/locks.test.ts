/** Locks on PostgreSQL: L1 to L5 and L9 with a server in the kernel's place, and E3. */
import { setTimeout } from 'node:timers/promises';
import { connect, type Postgres } from 'holdfast/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { stateOf, until, within } from '../../support/blocking.js';
import { noPostgres, PostgresServer } from '../../support/postgres.js';
import { Program } from '../../support/processes.js';

describe.skipIf(noPostgres)('locks on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  async function connected(max = 10): Promise<Postgres> {
    const pool = new pg.Pool({ ...server.connection, max, application_name: 'tester' });
    pool.on('error', () => {});
    const postgres = await connect({ pool });
    onTestFinished(() => pool.end());
    return postgres;
  }

  async function waiters(): Promise<number> {
    const sql = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    return (await server.query(sql)).length;
  }

  async function someoneWaits(count = 1): Promise<void> {
    while ((await waiters()) !== count) await setTimeout(5);
  }

  /** Aborts when a connection is about to send a statement that has this text. */
  function abortBefore(text: string, stop: AbortController): void {
    const { query } = pg.Client.prototype;
    const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
      this: pg.Client,
      ...args
    ) {
      const [statement] = args as unknown as [string | { readonly text: string }];
      const sent = typeof statement === 'string' ? statement : statement.text;
      if (sent.includes(text)) stop.abort('enough');
      return Reflect.apply(query, this, args);
    });
    onTestFinished(() => spy.mockRestore());
  }

  it('L1: excludes between two calls of one handle, and between handles', async () => {
    const [one, other] = [await connected(), await connected()];
    const held = await one.lock('excluded');
    expect(held).toMatchObject({ path: 'excluded', mode: 'exclusive', held: true });
    expect(await one.tryLock('excluded')).toBe(null);
    expect(await other.tryLock('excluded', { mode: 'shared' })).toBe(null);
    await using unrelated = await other.lock('another');
    expect(unrelated.held).toBe(true);
    await held.release();
    await held.release();
    expect(held.held).toBe(false);
    await using again = await other.lock('excluded');
    expect(again.held).toBe(true);
  });

  it.each(["'; DROP TABLE holdfast.locks; --", '"', '\\', '%s $1', 'ä'.repeat(256), '\n'])(
    'takes any text for a name: %j',
    async (name) => {
      const postgres = await connected();
      await using held = await postgres.lock(name);
      expect(held.path).toBe(name);
      expect(await postgres.tryLock(name)).toBe(null);
    },
  );

  it.each([
    ['', 'name: expected a non-empty string'],
    ['a\0', 'name: holds a NUL'],
    ['\ud800', 'name: holds half a surrogate'],
    ['x'.repeat(513), 'name: is longer'],
    [7, 'name: expected a non-empty string'],
  ])('refuses %j', async (name, message) => {
    const postgres = await connected();
    await expect(postgres.lock(name as string)).rejects.toThrow(message);
    await expect(postgres.tryLock(name as string)).rejects.toThrow(message);
    await expect(postgres.lockHolders(name as string)).rejects.toThrow(message);
  });

  it('refuses options that it does not know, and bad ones', async () => {
    const postgres = await connected();
    await expect(postgres.lock('a', { kind: 'flock' } as object)).rejects.toMatchObject({ field: 'kind' });
    await expect(postgres.lock('a', { timeout: -1 })).rejects.toMatchObject({ field: 'timeout' });
    await expect(postgres.lock('a', { mode: 'both' as 'shared' })).rejects.toMatchObject({ field: 'mode' });
    await expect(postgres.tryLock('a', { timeout: 1 } as object)).rejects.toMatchObject({ field: 'timeout' });
    await expect(postgres.withLock('a', undefined, 1 as never)).rejects.toMatchObject({ field: 'body' });
  });

  it('is shared by those who ask for that', async () => {
    const postgres = await connected();
    await using one = await postgres.lock('shared', { mode: 'shared' });
    await using two = await postgres.lock('shared', { mode: 'shared' });
    expect(one.fence).toBe(two.fence);
    expect(await postgres.tryLock('shared')).toBe(null);
    expect((await postgres.lockHolders('shared')).map(({ mode }) => mode)).toEqual(['shared', 'shared']);
  });

  it('L4: hands on in the order of the calls, of one process and of several', async () => {
    const [one, other] = [await connected(), await connected()];
    const first = await one.lock('queue');
    const order: number[] = [];
    const calls: Promise<void>[] = [];
    for (const [number, postgres] of [one, other, one].entries()) {
      calls.push(postgres.withLock('queue', () => void order.push(number)));
      if (number < 2) await someoneWaits(number + 1);
    }
    await first.release();
    await Promise.all(calls);
    expect(order).toEqual([0, 1, 2]);
  });

  it('L4: a hundred waits of one process take one connection', async () => {
    const postgres = await connected(3);
    const first = await postgres.lock('many');
    const calls = Array.from({ length: 100 }, () => postgres.withLock('many', (held) => held.fence));
    await someoneWaits();
    expect((await postgres.lockHolders('many')).length).toBe(1); // a connection is left for that
    await first.release();
    const fences = await Promise.all(calls);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(100);
  });

  it('L3: a wait ends at its deadline, at the server too, and says who holds the lock', async () => {
    const [one, other] = [await connected(), await connected()];
    await using held = await one.lock('timed');
    expect(held.held).toBe(true);
    // Who holds it is looked for no longer than a second, which a busy server may need to answer.
    let error: { code?: string; holders?: readonly object[] };
    do error = await other.lock('timed', { timeout: 50 }).catch((error) => error);
    while (error.code === 'ELOCK_TIMEOUT' && error.holders?.length === 0);
    expect(error).toMatchObject({
      code: 'ELOCK_TIMEOUT',
      path: 'timed',
      holders: [{ pid: expect.any(Number), command: 'tester', host: '127.0.0.1', mode: 'exclusive' }],
      message: expect.stringMatching(
        /^ELOCK_TIMEOUT: waited \d+ ms for the exclusive lock on 'timed', held by session \d+ of the server, for 'tester' on 127.0.0.1 \(exclusive\)$/,
      ),
    });
    await someoneWaits(0);
    await expect(other.lock('timed', { timeout: 0 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
  });

  it('L3: a wait ends at its abort, at the server too, and leaves its place to the next', async () => {
    const postgres = await connected();
    const held = await postgres.lock('aborted');
    const stop = new AbortController();
    const call = postgres.lock('aborted', { signal: stop.signal });
    await someoneWaits();
    const next = postgres.lock('aborted');
    stop.abort('enough');
    await expect(call).rejects.toBe('enough');
    await held.release();
    await (await within(next, 'the lock')).release();
    await someoneWaits(0);
    await expect(postgres.lock('aborted', { signal: stop.signal })).rejects.toBe('enough');
  });

  // Before: the wait that was about to begin began, and stood in the queue of the server without a deadline.
  it.each(['BEGIN ISOLATION', "'lock_timeout'", ' pg_advisory_lock('])(
    'L3: an abort just before the statement with "%s" is sent ends the wait at the server too',
    async (statement) => {
      const postgres = await connected();
      await using held = await postgres.lock('early');
      const stop = new AbortController();
      abortBefore(statement, stop);
      await expect(postgres.lock('early', { signal: stop.signal })).rejects.toBe('enough');
      await someoneWaits(0);
      const next = postgres.lock('early');
      await someoneWaits(1);
      await held.release();
      await (await within(next, 'the lock')).release();
    },
  );

  it('L3: a grant that comes after the abort is released', async () => {
    const postgres = await connected();
    const held = await postgres.lock('late');
    const stop = new AbortController();
    const call = postgres.lock('late', { signal: stop.signal });
    await someoneWaits();
    const released = held.release();
    stop.abort('enough');
    await expect(call).rejects.toBe('enough');
    await released;
    await using again = await postgres.lock('late', { timeout: 30_000 });
    expect(again.held).toBe(true);
  });

  it('L3: ends waits at their deadline while the server answers nobody', async () => {
    const own = await PostgresServer.start();
    onTestFinished(() => own.remove());
    const pool = new pg.Pool(own.connection);
    pool.on('error', () => {});
    const postgres = await connect({ pool, answerTimeout: 30_000 });
    const held = await postgres.lock('hung');
    const { lost } = held;
    const call = postgres.lock('hung', { timeout: 300 });
    own.pause();
    await expect(call).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT', holders: [] });
    own.resume();
    expect(lost.aborted).toBe(false);
    await held.release();
    await using again = await postgres.lock('hung');
    expect(again.held).toBe(true);
  });

  it('E3: the token grows with each that has it alone, and once for those that share it', async () => {
    const postgres = await connected();
    const tokens: number[] = [];
    for (const mode of ['exclusive', 'exclusive', 'shared', 'shared', 'exclusive', 'shared'] as const)
      tokens.push(await postgres.withLock('tokens', { mode }, ({ fence }) => fence));
    expect(tokens).toEqual([1, 2, 3, 3, 4, 5]);
    await server.restart('immediate');
    const after = await connected();
    expect(await after.withLock('tokens', ({ fence }) => fence)).toBe(6);
  });

  it('is made exclusive and shared again', async () => {
    const [one, other] = [await connected(), await connected()];
    await using held = await one.lock('changed', { mode: 'shared' });
    await held.upgrade();
    expect(held).toMatchObject({ mode: 'exclusive', held: true, fence: 2 });
    expect(await other.tryLock('changed', { mode: 'shared' })).toBe(null);
    await held.downgrade();
    expect(held).toMatchObject({ mode: 'shared', held: true, fence: 3 });
    await using second = await other.lock('changed', { mode: 'shared' });
    await expect(held.upgrade({ timeout: 50 })).rejects.toMatchObject({ code: 'ELOCK_TIMEOUT' });
    expect(held).toMatchObject({ mode: 'shared', held: true });
    const abort = AbortSignal.timeout(50);
    await expect(held.upgrade({ signal: abort })).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(held).toMatchObject({ mode: 'shared', held: true });
    expect(await other.lockHolders('changed')).toHaveLength(2);
    await second.release();
    await held.upgrade();
    await held.release();
    await expect(held.upgrade()).rejects.toMatchObject({ code: 'ECLOSED' });
    await expect(held.downgrade()).rejects.toMatchObject({ code: 'ECLOSED' });
    expect(await other.lockHolders('changed')).toEqual([]);
  });

  // Before: the abort was not seen, and the upgrade waited for the others without a deadline.
  it('an upgrade ends at an abort while it gives up its share', async () => {
    const [one, other] = [await connected(), await connected()];
    await using held = await one.lock('given up', { mode: 'shared' });
    await using second = await other.lock('given up', { mode: 'shared' });
    const stop = new AbortController();
    abortBefore('pg_advisory_unlock_shared', stop);
    await expect(held.upgrade({ signal: stop.signal })).rejects.toBe('enough');
    expect([held.held, held.mode, second.held]).toEqual([true, 'shared', true]);
    expect(await waiters()).toBe(0);
  });

  it('L9, E3: tells that its connection was cut', async () => {
    const postgres = await connected();
    const [cut, watched] = [await postgres.lock('cut'), await postgres.lock('watched')];
    const { lost } = watched;
    for (const name of ['cut', 'watched']) {
      for (const { pid } of await postgres.lockHolders(name))
        await server.query('SELECT pg_terminate_backend($1)', [pid]);
    }
    await until(() => lost.aborted && !cut.held, 'that both locks are lost');
    expect(lost.reason).toMatchObject({ code: 'ELOST', path: 'watched' });
    expect(cut.lost.reason).toMatchObject({ code: 'ELOST', path: 'cut' });
    await watched.release();
    await using again = await postgres.lock('cut');
    expect(again.fence).toBe(cut.fence + 1);
  });

  it('L2, L5: dies with its process, and keeps none alive', async () => {
    const postgres = await connected();
    for (const end of ['kill', 'exit'] as const) {
      const program = new Program('postgres-locker', server.connectionString, 'mortal');
      const { fence } = await program.next<{ fence: number }>();
      const [holder] = await postgres.lockHolders('mortal');
      expect(holder?.command).toBe(`holdfast, process ${program.pid}`);
      const next = postgres.lock('mortal');
      await someoneWaits();
      expect(await stateOf(next)).toBe('pending');
      if (end === 'kill') await program.kill();
      else program.disconnect();
      const held = await within(next, 'the lock of a process that has ended');
      expect(held.fence).toBe(fence + 1);
      await held.release();
    }
  });

  it('leaves nothing set on the connections of the pool', async () => {
    const pool = new pg.Pool({
      ...server.connection,
      max: 2,
      statement_timeout: 40_000,
      lock_timeout: 30_000,
    });
    const postgres = await connect({ pool });
    onTestFinished(() => pool.end());
    const held = await postgres.lock('settings');
    await expect(postgres.lock('settings', { timeout: 20 })).rejects.toThrow('ELOCK_TIMEOUT');
    await held.release();
    const clients = [await pool.connect(), await pool.connect()];
    for (const client of clients) {
      const sql = `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`;
      expect((await client.query(sql)).rows).toEqual([{ statement: '40s', lock: '30s' }]);
      client.release();
    }
  });

  it('closing releases what is held, and ends what waits', async () => {
    const [own, other] = [await connect({ connectionString: server.connectionString }), await connected()];
    await using kept = await other.lock('kept');
    const held = await own.lock('given back');
    const waiting = own.lock('kept');
    await someoneWaits();
    const closed = own.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ECLOSED' });
    await closed;
    expect([held.held, kept.held]).toEqual([false, true]);
    await using again = await other.lock('given back', { timeout: 30_000 });
    expect(again.fence).toBe(held.fence + 1);
    await someoneWaits(0);
    await expect(own.lock('kept')).rejects.toMatchObject({ code: 'ECLOSED' });
    await expect(own.tryLock('kept')).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('gives none where nothing can be written', async () => {
    const own = await PostgresServer.start();
    onTestFinished(() => own.remove());
    const pool = new pg.Pool(own.connection);
    onTestFinished(() => pool.end());
    const postgres = await connect({ pool });
    await postgres.withLock('read-only', () => {});
    await own.setReadOnly(true);
    await expect(postgres.lock('read-only')).rejects.toMatchObject({ code: 'EIO', cause: { code: '25006' } });
    await own.setReadOnly(false);
    await using held = await postgres.lock('read-only', { timeout: 30_000 });
    expect(held.fence).toBe(2);
  });
});
