/**
 * Two machines, one chronicle. Four processes on each of two machines append to one chronicle on PostgreSQL; one process
 * of each machine is killed (SIGKILL) and started again, and sends everything once more. Then the chronicle is held
 * against what was acknowledged: nothing is lost, nothing is there twice.
 *
 *   npm run compile && sudo node dist/examples/two-machines/main.mjs postgres://postgres@127.0.0.1:5432/postgres
 *
 * The machines are network namespaces, which take root, `ip` (of iproute2), and a PostgreSQL on this host that lets
 * them in: `listen_addresses = '*'`, and in pg_hba.conf `host all all 198.18.0.0/15 scram-sha-256`. Without these the
 * two are groups of processes that reach the server as this one does, and the first line says so. What the demo
 * makes is in a schema of its own, which it removes at the end. Exits with 1 if an event is lost or doubled.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect } from 'holdfast/postgres';
import pg from 'pg';
import { type Machine, range, twoMachines } from './machines.mjs';
import type { Told } from './writer.mjs';

const [server, orders = '250'] = process.argv.slice(2);
const writersPerMachine = 4;
const program = fileURLToPath(new URL('./writer.mjs', import.meta.url));

/** What the writers have said: it counts, whatever has become of them. */
const acknowledged = new Set<string>();
let [answers, duplicates] = [0, 0];

/** Runs a writer to its end; with `killAfter`, only until so many of its events were acknowledged. */
async function run(machine: Machine, args: readonly string[], killAfter?: number): Promise<void> {
  const child = machine.start(program, args);
  let own = 0;
  let done = false;
  child.on('message', (told: Told) => {
    if (told) {
      acknowledged.add(told.id);
      answers++;
      if (told.duplicate) duplicates++;
      if (++own === killAfter) child.kill('SIGKILL');
    } else if (killAfter === undefined) {
      done = true;
      child.disconnect();
    }
  });
  // What it said before its end may come after that, but not after the channel is closed.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  if (killAfter === undefined ? !done || code !== 0 : signal !== 'SIGKILL') {
    throw new Error(`a writer on ${machine.name} ended with ${signal ?? code} before it had sent everything`);
  }
}

async function write(machine: Machine, number: number, schema: string): Promise<void> {
  const args = [machine.connectionString, schema, `${machine.name} ${number}`, orders];
  if (number === 1) {
    await run(machine, args, Number(orders));
    console.log(`killed writer 1 on ${machine.name} after ${orders} acknowledgements, and started it again`);
  }
  await run(machine, args);
}

async function demonstrate(server: string, machines: readonly Machine[], schema: string): Promise<boolean> {
  const numbers = Array.from({ length: writersPerMachine }, (_, index) => index + 1);
  await Promise.all(machines.flatMap((machine) => numbers.map((number) => write(machine, number, schema))));

  await using postgres = await connect({ connectionString: server, schema });
  const chronicle = await postgres.openChronicle<{ eventId: string }>('orders', { dedupe: 'all' });
  const ids = (await chronicle.toArray()).map(({ event }) => event.eventId);
  const found = new Set(ids);
  const lost = [...acknowledged].filter((id) => !found.has(id)).length;
  const doubled = ids.length - found.size;
  const expected = Number(orders) * (1 + machines.length * writersPerMachine);
  const { intact } = await chronicle.verify();
  console.log(`${answers} acknowledgements, ${duplicates} of them as duplicates`);
  console.log(`${ids.length} events in the chronicle, of ${expected} different ones`);
  console.log(`lost: ${lost}, doubled: ${doubled}`);
  return lost === 0 && doubled === 0 && found.size === expected && intact;
}

if (server === undefined || !/^[1-9]\d*$/.test(orders)) {
  console.error('Usage: main.mjs postgres://user@host:port/database [orders of each writer, default: 250]');
  process.exit(2);
}
const { machines, missing } = await twoMachines(server);
if (missing === undefined) console.log('two machines: network namespaces, each with a cable of its own');
else console.log(`two groups of processes, no network namespaces in ${range} (${missing})`);
const schema = `holdfast_demo_${randomUUID().replaceAll('-', '')}`;
try {
  const whole = await demonstrate(server, machines, schema);
  process.exitCode = whole ? 0 : 1;
} finally {
  for (const machine of machines) machine.remove();
  const client = new pg.Client(server);
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await client.end();
}
