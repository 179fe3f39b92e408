/**
 * A cluster of PostgreSQL servers with quorum commit: one primary and two standbys, of which one must have a commit on
 * its disk before the primary acknowledges it. Clients reach whoever is primary at one port, as by a load balancer.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { PostgresServer, type Settings } from './postgres.js';

interface Member {
  readonly name: string;
  readonly server: PostgresServer;
}

export class PostgresCluster {
  #primary: Member;
  #standbys: Member[] = [];
  readonly #entrance: Server;
  readonly #connections = new Map<Socket, PostgresServer>();

  static async start(settings: Settings = {}): Promise<PostgresCluster> {
    const all = {
      ...settings,
      synchronous_standby_names: 'ANY 1 (a, b, c)',
      hot_standby: 'on',
      wal_retrieve_retry_interval: '200ms',
    };
    // Without standbys yet, a commit would wait for ever.
    const server = await PostgresServer.start({ ...all, synchronous_standby_names: '' });
    const cluster = new PostgresCluster({ name: 'a', server });
    for (const name of ['b', 'c']) {
      const standby = await PostgresServer.startStandby(server, name, all);
      cluster.#standbys.push({ name, server: standby });
    }
    await server.configure(all);
    await cluster.streaming(2);
    cluster.#entrance.listen(0, '127.0.0.1');
    await once(cluster.#entrance, 'listening');
    return cluster;
  }

  private constructor(primary: Member) {
    this.#primary = primary;
    this.#entrance = createServer((client) => this.#forward(client));
  }

  get primary(): PostgresServer {
    return this.#primary.server;
  }

  get standbys(): PostgresServer[] {
    return this.#standbys.map(({ server }) => server);
  }

  /** For `pg` and for `connect()`: whoever is primary when a connection is made. */
  get connection() {
    const { port } = this.#entrance.address() as AddressInfo;
    return { ...this.primary.connection, port };
  }

  get connectionString(): string {
    const { host, port, user, database } = this.connection;
    return `postgres://${user}@${host}:${port}/${database}`;
  }

  /** Resolves when so many standbys count for commits. */
  async streaming(count: number): Promise<void> {
    const sql = `SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'`;
    while ((await this.primary.query(sql)).length < count)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /**
   * Makes the standby that is furthest the primary, whatever has become of the old one, and resolves to that. Before,
   * both standbys let go of the old one: from then on it has no quorum, and acknowledges nothing more.
   */
  async failover(): Promise<PostgresServer> {
    for (const { name, server } of this.#standbys) await server.follow(undefined, name);
    const reached = await Promise.all(this.#standbys.map(({ server }) => server.received()));
    const furthest = reached.indexOf(reached.reduce((most, each) => (each > most ? each : most)));
    const old = this.#primary;
    const [next] = this.#standbys.splice(furthest, 1) as [Member];
    await next.server.promote();
    this.#primary = next;
    for (const { name, server } of this.#standbys) await server.follow(next.server, name);
    await this.streaming(1);
    this.#left = old;
    return old.server;
  }

  /** Who was primary before, and is not yet a standby again. */
  #left: Member | undefined;

  /** Makes who was primary before a standby, with a fresh copy of what the primary has. */
  async rejoin(): Promise<void> {
    const left = this.#left;
    if (!left) return;
    await left.server.kill();
    for (const [client, server] of this.#connections) if (server === left.server) client.destroy();
    await left.server.copyFrom(this.primary, left.name);
    await left.server.run();
    this.#standbys.push(left);
    this.#left = undefined;
    await this.streaming(2);
  }

  /** Cuts every connection that was made at the cluster's port to a server that is not primary any more. */
  cutOld(): void {
    for (const [client, server] of this.#connections) if (server !== this.primary) client.destroy();
  }

  async remove(): Promise<void> {
    for (const client of this.#connections.keys()) client.destroy();
    this.#entrance.close();
    const all = [this.#primary, ...this.#standbys, ...(this.#left ? [this.#left] : [])];
    await Promise.all(all.map(({ server }) => server.remove()));
  }

  #forward(client: Socket): void {
    const { primary } = this;
    const server = connect(primary.port, primary.host);
    this.#connections.set(client, primary);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.pipe(server);
    server.pipe(client);
    const cut = () => {
      client.destroy();
      server.destroy();
      this.#connections.delete(client);
    };
    for (const socket of [client, server]) socket.on('error', cut).on('close', cut);
  }
}
