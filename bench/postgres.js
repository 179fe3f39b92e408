/**
 * Durable appends per second on a PostgreSQL server of this machine: so many processes, so many callers in each, every
 * caller waiting for its append to be committed before it makes the next.
 *
 * Everybody runs in fresh processes on fresh tables, takes turns within each round, and each round gives its own
 * ratios, so that whatever else the machine does meets all alike.
 */
import { tmpdir } from 'node:os';
import { runCrowd } from './appends/crowd.js';
import { loadContenders } from './appends/on-postgres.js';
import { numbersFromCommandLine } from './support/arguments.js';
import { missingPeers, printMissingPeers } from './support/peer.js';
import { startServer } from './support/postgres-server.js';
import { fileSystemOf, format, formatTime, printTable, writeResult } from './support/report.js';
import { median, summary } from './support/statistics.js';

const options = numbersFromCommandLine({
  bytes: 200,
  seconds: 2,
  // For everybody alike: in half a second, half of what is measured would be JavaScript that is not compiled yet.
  warmUp: 2,
  rounds: 5,
  // Only the scenarios with so many.
  processes: undefined,
  callers: undefined,
});

const byHand = 'multi-row INSERT';
/** The goal of DESIGN.md; a scenario without one is shown all the same. */
const scenarios = [1, 4].flatMap((processes) =>
  [1, 64, 1024].map((callers) => ({
    processes,
    callers,
    ...(processes === 1 && callers === 64 && { goal: { of: byHand, atLeast: 0.9 } }),
  })),
);

const server = await startServer({ shared_buffers: '128MB', max_wal_size: '1GB' });
const contenders = await loadContenders();
let runs = 0;

async function measure(name, { processes, callers }) {
  const schema = `run_${runs++}`;
  // So that nobody pays for what those before have left in memory.
  await server.query('CHECKPOINT');
  const { bytes, seconds, warmUp } = options;
  const crowd = { processes, callers, bytes, seconds, warmUp, contenders: 'on-postgres.js' };
  const measured = await runCrowd(name, `${server.connectionString}#${schema}`, crowd);
  await server.query(`DROP SCHEMA ${schema} CASCADE`);
  return measured;
}

async function measureScenario(scenario) {
  const { processes, callers, goal } = scenario;
  const names = contenders.map(({ name }) => name);
  const rates = new Map(names.map((name) => [name, []]));
  const waits = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const { rate, longestWait } = await measure(name, scenario);
      rates.get(name).push(rate);
      waits.get(name).push(longestWait);
    }
  }
  const ratioTo = (name) =>
    summary(rates.get('holdfast').map((rate, round) => rate / rates.get(name)[round]));
  const title = `${processes} process${processes > 1 ? 'es' : ''} x ${callers} caller${callers > 1 ? 's' : ''}`;
  printTable(
    `Durable appends of ${options.bytes}-byte events on PostgreSQL, ${title}`,
    ['', 'appends/s', 'holdfast has', 'quartiles', 'longest wait'],
    names.map((name) => [
      name,
      format(median(rates.get(name))),
      `${format(ratioTo(name).median)} x`,
      ratioTo(name).quartiles.map(format).join(' .. '),
      formatTime(Math.max(...waits.get(name))),
    ]),
  );
  return {
    title,
    ...scenario,
    reached: goal && ratioTo(goal.of).median >= goal.atLeast,
    appendsPerSecond: Object.fromEntries(names.map((name) => [name, summary(rates.get(name))])),
    longestWaitNs: Object.fromEntries(names.map((name) => [name, Math.max(...waits.get(name))])),
    ratios: Object.fromEntries(names.map((name) => [name, ratioTo(name)])),
  };
}

const measured = [];
for (const scenario of scenarios) {
  if (scenario.processes !== (options.processes ?? scenario.processes)) continue;
  if (scenario.callers !== (options.callers ?? scenario.callers)) continue;
  measured.push(await measureScenario(scenario));
}
const [{ version }] = await server.query(`SELECT current_setting('server_version') AS version`);
await server.remove();
if (measured.length === 0) throw new Error('no scenario has so many processes and callers');
printTable(
  'Goals',
  ['', 'goal', 'measured', 'reached?'],
  measured
    .filter(({ goal }) => goal)
    .map(({ title, goal, ratios, reached }) => [
      title,
      `at least ${goal.atLeast} x ${goal.of}`,
      `${format(ratios[goal.of].median)} x`,
      reached ? 'yes' : 'NO',
    ]),
);
printMissingPeers();
writeResult('postgres', {
  options,
  server: version,
  fileSystem: fileSystemOf(tmpdir()),
  missing: missingPeers(),
  measured,
});
