/** E2 and E3 across a failover; many of them are in test/prove/failover.test.ts. */
import { expect, it, onTestFinished } from 'vitest';
import { Failovers } from '../../support/failovers.js';
import { noPostgres } from '../../support/postgres.js';

it.skipIf(noPostgres)(
  'E2: a killed and a stopped primary are replaced: nothing that was acknowledged is lost or doubled',
  { timeout: 180_000 },
  async () => {
    const failovers = await Failovers.start();
    onTestFinished(() => failovers.remove());
    await failovers.round('kill');
    await failovers.round('pause');
    expect(await failovers.check()).toEqual([]);
    expect(failovers.acknowledged.size).toBeGreaterThan(80);
  },
);
