/**
 * Failovers under load: the primary of a cluster is killed, or stopped for long enough to be replaced and then
 * continued, while writers append and a lock changes hands. No event that was acknowledged is lost or doubled, each is
 * where its writer was told, and who had the lock before appends nothing more.
 */
import { setTimeout } from 'node:timers/promises';
import { type Chronicle, HoldfastError } from 'holdfast';
import { connect, type Postgres } from 'holdfast/postgres';
import pg from 'pg';
import { PostgresCluster } from './postgres-cluster.js';

const callers = 8;

/** Of each round, so many events are acknowledged at least before the primary goes. */
const eventsPerRound = 40;

interface Client {
  readonly postgres: Postgres;
  readonly chronicle: Chronicle;
  readonly pool: pg.Pool;
}

export class Failovers {
  /** Where each event was acknowledged. */
  readonly acknowledged = new Map<string, number>();
  /** How many answers were lost, so that the event was sent again. */
  unknown = 0;
  readonly #cluster: PostgresCluster;
  readonly #clients: Client[] = [];
  readonly #findings: string[] = [];
  #stopped = false;
  #writers: Promise<void>[] = [];

  static async start(): Promise<Failovers> {
    const cluster = await PostgresCluster.start();
    const failovers = new Failovers(cluster);
    for (const name of ['one', 'other']) failovers.#clients.push(await failovers.#connect(name));
    for (let caller = 0; caller < callers; caller++) failovers.#writers.push(failovers.#write(caller));
    return failovers;
  }

  private constructor(cluster: PostgresCluster) {
    this.#cluster = cluster;
  }

  /** One failover, and what it must not change. */
  async round(end: 'kill' | 'pause'): Promise<void> {
    const [one, other] = this.#clients as [Client, Client];
    const before = await persistently(() => one.postgres.lock('leader'));
    await persistently(() => one.chronicle.append({ leader: before.fence }, { fence: before }));
    const enough = this.acknowledged.size + eventsPerRound;
    while (this.acknowledged.size < enough && this.#findings.length === 0) await setTimeout(5);

    await this.#cluster.primary[end]();
    const old = await this.#cluster.failover();
    if (end === 'pause') {
      old.resume();
      // Its clients go on there, and it can acknowledge nothing: until the load balancer notices.
      await setTimeout(500);
      this.#cluster.cutOld();
    }

    const after = await persistently(() => other.postgres.lock('leader', { timeout: 2000 }));
    if (after.fence <= before.fence) this.#findings.push(`token ${after.fence} after ${before.fence}`);
    const outcome = await persistently(() => one.chronicle.append({ late: true }, { fence: before })).catch(
      (error: HoldfastError) => error.code,
    );
    if (outcome !== 'EFENCED') this.#findings.push(`an old holder got ${JSON.stringify(outcome)}`);
    await persistently(() => other.chronicle.append({ leader: after.fence }, { fence: after }));
    await Promise.all([before.release(), after.release()]);
    await this.#cluster.rejoin();
  }

  /** Ends the writers, and compares what is there with what was acknowledged. Returns what is wrong. */
  async check(): Promise<string[]> {
    this.#stopped = true;
    await Promise.all(this.#writers);
    const client = await this.#connect('reader', { answerTimeout: 60_000 });
    this.#clients.push(client);
    const found = new Map<string, number>();
    for await (const { event, offset } of client.chronicle.read()) {
      const { eventId } = event as { eventId: string };
      if (found.has(eventId)) this.#findings.push(`${eventId} is there twice`);
      found.set(eventId, offset);
      if ('late' in event) this.#findings.push(`an old holder has written at ${offset}`);
    }
    for (const [id, offset] of this.acknowledged) {
      if (found.get(id) !== offset)
        this.#findings.push(`${id} was acknowledged at ${offset}, and is at ${found.get(id)}`);
    }
    return this.#findings;
  }

  async remove(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#writers);
    await this.#cluster.remove();
    for (const { postgres, pool } of this.#clients) {
      await postgres.close();
      await pool.end();
    }
  }

  /** An answer that is late is missing; shorter than by default, because many are, but not shorter than a busy machine is. */
  async #connect(name: string, { answerTimeout } = { answerTimeout: 2000 }): Promise<Client> {
    const pool = new pg.Pool({ ...this.#cluster.connection, application_name: name });
    pool.on('error', () => {}); // those of a server that is gone
    return persistently(async () => {
      const postgres = await connect({ pool, answerTimeout });
      return { pool, postgres, chronicle: await postgres.openChronicle('orders', { dedupe: 'all' }) };
    });
  }

  async #write(caller: number): Promise<void> {
    const { chronicle } = this.#clients[caller % this.#clients.length] as Client;
    for (let number = 0; !this.#stopped; number++) {
      const eventId = `${caller}-${number}`;
      try {
        const append = () => chronicle.append({ eventId, text: 'x'.repeat(number % 300) });
        const { offset } = await persistently(append, () => this.unknown++);
        this.acknowledged.set(eventId, offset);
      } catch (error) {
        this.#findings.push(`${eventId}: ${(error as Error).message}`);
        return;
      }
      await setTimeout(1);
    }
  }
}

/** What fails because there is no server, no answer, or a commit that waits for its quorum for ever. */
const passing = ['EIO', 'ELOCK_TIMEOUT'];

/** Tries again what failed for one of these reasons, and for no other. */
async function persistently<T>(call: () => Promise<T>, onUnknown?: () => void): Promise<T> {
  const end = performance.now() + 150_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof HoldfastError) || !passing.includes(error.code)) throw error;
      if (performance.now() > end) throw error;
      if (error.outcomeUnknown) onUnknown?.();
      await setTimeout(20);
    }
  }
}
