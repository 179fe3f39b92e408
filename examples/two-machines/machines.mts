/**
 * Two machines, as far as the network can tell: two network namespaces of Linux, each with a cable of its own (a veth
 * pair) to this host, where the database is. Whatever runs in one reaches the database by that cable only. Making them
 * takes root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import pg from 'pg';

/**
 * The range that RFC 2544 sets aside for such tests. The database has to listen there (`listen_addresses`), and to let
 * it in (`pg_hba.conf`).
 */
export const range = '198.18.0.0/15';

export interface Machine {
  readonly name: string;
  /** Where it finds the database. */
  readonly connectionString: string;
  /** Starts a Node program on it, with a channel for messages. A signal to the child is one to the program itself. */
  start(program: string, args: readonly string[]): ChildProcess;
  remove(): void;
}

/** A process of this host that reaches the database by the loopback interface, as all others do. */
export function groupOfProcesses(name: string, connectionString: string): Machine {
  return { name, connectionString, start: (program, args) => startNode([], program, args), remove() {} };
}

export class NetworkNamespace implements Machine {
  readonly connectionString: string;
  readonly #namespace: string;
  /** The end of the cable that is plugged into this host. */
  readonly #cable: string;

  /** @param server a database of this host: which port it has, which user and database */
  constructor(
    readonly name: string,
    server: string,
  ) {
    const [id, net] = [randomInt(2 ** 24).toString(16), randomInt(2 ** 15)];
    const address = (host: number) =>
      `198.${18 + (net >> 14)}.${(net >> 6) & 255}.${((net & 63) << 2) + host}`;
    const url = new URL(server);
    url.hostname = address(1);
    this.connectionString = url.href;
    this.#namespace = `holdfast-${id}`;
    this.#cable = `hf-${id}`;
    ip('netns', 'add', this.#namespace);
    try {
      ip('link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#namespace);
      ip('address', 'add', `${address(1)}/30`, 'dev', this.#cable);
      ip('link', 'set', this.#cable, 'up');
      ip('-n', this.#namespace, 'address', 'add', `${address(2)}/30`, 'dev', 'eth0');
      ip('-n', this.#namespace, 'link', 'set', 'eth0', 'up');
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  start(program: string, args: readonly string[]): ChildProcess {
    return startNode(['ip', 'netns', 'exec', this.#namespace], program, args);
  }

  /** Pulls the cable out: neither side hears of the other any more, nor that it is gone. */
  cut(): void {
    ip('-n', this.#namespace, 'link', 'set', 'eth0', 'down');
  }

  /** Rejects if the database does not answer there. */
  async checkDatabase(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.connectionString,
      connectionTimeoutMillis: 5000,
    });
    await client.connect();
    await client.end();
  }

  remove(): void {
    ip('netns', 'delete', this.#namespace); // and the cable with it, once nothing runs there
  }
}

/** Two machines; where they cannot be had, two groups of processes of this one, and why. */
export async function twoMachines(
  server: string,
): Promise<{ machines: readonly Machine[]; missing?: string }> {
  const names = ['north', 'south'];
  const machines: NetworkNamespace[] = [];
  try {
    for (const name of names) {
      const machine = new NetworkNamespace(name, server);
      machines.push(machine);
      await machine.checkDatabase();
    }
    return { machines };
  } catch (error) {
    for (const machine of machines) machine.remove();
    const missing = (error as Error).message.trim().replaceAll(/\s*\n\s*/g, ': ');
    return { machines: names.map((name) => groupOfProcesses(name, server)), missing };
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** As `fork` does it. `ip netns exec` becomes the program, and so does not stand between. */
function startNode(prefix: readonly string[], program: string, args: readonly string[]): ChildProcess {
  const [file = '', ...rest] = [...prefix, process.execPath, program, ...args];
  return spawn(file, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
