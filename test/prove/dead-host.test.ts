/**
 * The host that holds a lock on PostgreSQL dies: its cable is cut, so that the server hears nothing of it, not even its
 * end. The keepalives that holdfast sets have to notice, on both sides.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect } from 'holdfast/postgres';
import { describe, expect, onTestFinished } from 'vitest';
import { NetworkNamespace } from '../../dist/examples/two-machines/machines.mjs';
import { noNamespaces, startForMachines } from '../support/machines.js';
import { noPostgres } from '../support/postgres.js';
import { prove } from './prove.js';

const locker = fileURLToPath(new URL('../programs/postgres-locker.mjs', import.meta.url));

/**
 * In seconds. The settings give 15, and a busy machine is slow; without them Linux gives a dead host two hours, and a
 * quarter of an hour where something was sent to it.
 */
const bound = 60;

describe.skipIf(noPostgres ?? noNamespaces)('dead host', () => {
  const what = 'PostgreSQL: the host of the holder of a lock is cut off';
  prove('dead host', what, { quick: 1, full: 3, unit: 'hosts' }, async (tally) => {
    const server = await startForMachines();
    onTestFinished(() => server.remove());
    await using postgres = await connect({ connectionString: server.connectionString });
    const [handedOn, told]: [number[], number[]] = [[], []];
    for (; tally.hasBudget; tally.count++) {
      const machine = new NetworkNamespace('mortal', server.connectionString);
      const holder = machine.start(locker, [machine.connectionString, 'leader', 'tells of its loss']);
      try {
        const [{ fence }] = await once(holder, 'message');
        machine.cut();
        const began = performance.now();
        const passed = () => (performance.now() - began) / 1000;
        const next = postgres.lock('leader').then((held) => {
          handedOn.push(passed());
          return held;
        });
        const lost = once(holder, 'message').then(([message]) => {
          told.push(passed());
          return message;
        });
        const [held, message] = await Promise.all([next, lost]);
        expect(message).toEqual({ lost: true });
        expect(held.fence).toBeGreaterThan(fence);
        await held.release();
      } finally {
        holder.kill('SIGKILL');
        machine.remove();
      }
    }
    expect(Math.max(...handedOn, ...told)).toBeLessThan(bound);
    const range = (seconds: number[]) =>
      `${Math.min(...seconds).toFixed(1)} to ${Math.max(...seconds).toFixed(1)} s`;
    tally.found = `nothing; the next had the lock after ${range(handedOn)}, its holder knew after ${range(told)}`;
  });
});
