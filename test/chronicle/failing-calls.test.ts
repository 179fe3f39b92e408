/**
 * Every system call that a scenario makes fails once, one after the other, and nothing that was promised is
 * lost. More errors, more scenarios, and calls that fail for ever: `npm run prove -- --part faults`.
 */
import { expect, it } from 'vitest';
import { FaultLoop, failEachCall } from '../prove/fault-loop.js';
import { scenarios } from '../prove/scenario.js';
import { unwatchable } from '../support/system-calls.js';

const scenario = 'append, dedupe, heal, lock, replace';

it.skipIf(unwatchable)(`${scenario}: every call with EIO, once`, { timeout: 300_000 }, async () => {
  const tally = { count: 0 };
  await failEachCall(await FaultLoop.start(scenarios[scenario]), tally);
  expect(tally.count).toBeGreaterThan(100);
});
