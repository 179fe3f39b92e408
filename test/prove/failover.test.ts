/**
 * Failovers of a PostgreSQL cluster with quorum commit, under load: see test/support/failovers.ts.
 */
import { describe, expect, onTestFinished } from 'vitest';
import { Failovers } from '../support/failovers.js';
import { noPostgres } from '../support/postgres.js';
import { prove, Random } from './prove.js';

describe.skipIf(noPostgres)('failover', () => {
  const what =
    'PostgreSQL: the primary killed, or stopped, replaced by the furthest standby and continued, under load; ' +
    'old holders of a lock append';
  prove('failover', what, { quick: 2, full: 50, unit: 'failovers' }, async (tally) => {
    const random = new Random();
    const failovers = await Failovers.start();
    onTestFinished(() => failovers.remove());
    for (; tally.hasBudget; tally.count++) await failovers.round(random.pick(['kill', 'pause'] as const));
    expect(await failovers.check()).toEqual([]);
    tally.found = `nothing; ${failovers.acknowledged.size} events, ${failovers.unknown} sent again`;
  });
});
